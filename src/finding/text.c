/* text.c - findings for people (STYLE.md section 16).
 *
 *     model.pkl: HIGH  pickle calls os.system on load            MOAT-M001
 *                at archive/data.pkl, byte 1042
 *                fix: moat model convert model.pkl model.safetensors
 *
 * Names and messages come from the files under judgement, so nothing in them reaches the terminal as a command. */
#include "finding/finding.h"

enum { RULE_COLUMN = 59, INDENT_MAX = 24 };

/* Columns it takes on a terminal, taking every character for one wide. */
static size_t width(Str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((uint8_t)s.p[i] & 0xC0) != 0x80;
    return n;
}

static const char *severity_colour(Severity s)
{
    static const char *const codes[SEVERITIES] = { "\033[2m", "\033[36m", "\033[33m", "\033[31m", "\033[1;31m" };
    return codes[s];
}

static void put_word(Buf *b, const Finding *f, bool colour)
{
    char word[16] = "UNKNOWN";
    if (f->state == STATE_FAIL) {
        snprintf(word, sizeof word, "%s", severity_name(f->severity));
        for (char *c = word; *c; c++)
            *c = (char)(*c - 'a' + 'A');
    }
    buf_printf(b, "%s%s%s", colour ? severity_colour(f->severity) : "", word, colour ? "\033[0m" : "");
}

static void put_indent(Buf *b, size_t n) { buf_printf(b, "%*s", (int)n, ""); }

/* The first line; returns where its indented followers start. */
static size_t put_head(Buf *b, const Finding *f, bool colour)
{
    defer_buf Buf plain = { 0 };
    buf_clean(&plain, f->subject.n ? f->subject : f->part);
    buf_z(&plain, ": ");
    size_t indent = width(buf_view(&plain)) <= INDENT_MAX ? width(buf_view(&plain)) : 4;
    buf_str(b, buf_view(&plain));
    put_word(b, f, colour);
    put_word(&plain, f, false);
    buf_z(b, "  "), buf_z(&plain, "  ");
    buf_clean(b, f->message), buf_clean(&plain, f->message);
    size_t used = width(buf_view(&plain));
    put_indent(b, used + 2 < RULE_COLUMN ? RULE_COLUMN - used : 2);
    buf_printf(b, "%s\n", f->rule->id);
    return indent;
}

static void put_item(Buf *b, const char **comma, const char *name, uint64_t v, uint64_t first)
{
    if (v == 0)
        return;
    buf_printf(b, "%s%s %" PRIu64, *comma, name, v - 1 + first);
    *comma = ", ";
}

static void put_place(Buf *b, const Place *at, size_t indent)
{
    const char *comma = "";
    if (!at->inner.n && !at->byte && !at->line && !at->column && !at->row)
        return;
    put_indent(b, indent);
    buf_z(b, "at ");
    if (at->inner.n)
        buf_clean(b, at->inner), comma = ", ";
    put_item(b, &comma, "row", at->row, 1);
    put_item(b, &comma, "line", at->line, 1);
    put_item(b, &comma, "column", at->column, 1);
    put_item(b, &comma, "byte", at->byte, 0);
    buf_byte(b, '\n');
}

void findings_text(const Findings *l, FILE *f, bool colour)
{
    for (size_t i = 0; i < findings_count(l); i++) {
        const Finding *one = findings_at(l, i);
        defer_buf Buf  b = { 0 };
        size_t         indent = put_head(&b, one, colour);
        put_place(&b, &one->at, indent);
        if (one->fix.n) {
            put_indent(&b, indent);
            buf_z(&b, "fix: ");
            buf_clean(&b, one->fix);
            buf_byte(&b, '\n');
        }
        fwrite(b.p, 1, b.n, f);
    }
}
