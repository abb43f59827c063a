/* age_armor.c - the ASCII form of an age file: strict PEM (C2SP age.md, "ASCII armor"). */
#include "crypto/age_own.h"

#define BEGIN "-----BEGIN AGE ENCRYPTED FILE-----"
#define END   "-----END AGE ENCRYPTED FILE-----"

enum { COLUMNS = 64 };

bool armor_looks(Str start)
{
    return str_starts(str_trim(start), S("-----BEGIN"));
}

static bool wrong(Err *e, uint64_t line, const char *what)
{
    return err_line(e, line, "armor: %s", what);
}

/* Without its line end, LF or CRLF. */
static bool next_line(Str *left, Str *line)
{
    bool more = str_cut(*left, '\n', line, left);
    if (!more)
        left->n = 0;
    if (more && line->n > 0 && line->p[line->n - 1] == '\r')
        line->n--;
    return more;
}

/* Blanks and line ends before and after are fine; line numbers count from the first line of the file. */
static Str outside_trimmed(Str text, uint64_t *line)
{
    Str s = str_trim(text);
    for (const char *p = text.p; p < s.p; p++)
        *line += *p == '\n';
    return s;
}

static bool add_line(Buf *out, Str line, bool *short_seen)
{
    if (*short_seen || line.n == 0 || line.n > COLUMNS || line.n % 4 != 0)
        return false;
    *short_seen = line.n < COLUMNS || line.p[line.n - 1] == '=';
    return base64_get(out, line);
}

bool armor_get(Str text, Buf *out, Err *e)
{
    uint64_t at = 1;
    Str      left = outside_trimmed(text, &at), line;
    bool     last = false;
    if (!next_line(&left, &line) || !str_is(line, BEGIN))
        return wrong(e, at, "expected " BEGIN);
    while (at++, next_line(&left, &line))
        if (!add_line(out, line, &last))
            return out->bad ? err_nomem(e) : wrong(e, at, "expected 64 columns of canonical base64, the last line shorter");
    if (!str_is(line, END))
        return wrong(e, at, "expected " END);
    return true;
}

void armor_put(Buf *b, Str bytes)
{
    enum { LINE = COLUMNS / 4 * 3 };
    buf_z(b, BEGIN "\n");
    for (; bytes.n > 0; bytes = str_from(bytes, LINE)) {
        base64_put(b, (Str){ bytes.p, bytes.n < LINE ? bytes.n : LINE });
        buf_byte(b, '\n');
    }
    buf_z(b, END "\n");
}
