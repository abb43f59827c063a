/* jsonwalk.c - see jsonwalk.h. */
#include "gate/jsonwalk.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

size_t walk_blank(Str t, size_t at)
{
    while (at < t.n && is_blank(t.p[at]))
        at++;
    return at;
}

static size_t string_end(Str t, size_t at)
{
    for (at++; at < t.n && t.p[at] != '"'; at++)
        at += t.p[at] == '\\';
    return at < t.n ? at + 1 : t.n;
}

static size_t brackets_end(Str t, size_t at)
{
    for (size_t depth = 0; at < t.n;) {
        char c = t.p[at];
        if (c == '"') {
            at = string_end(t, at);
            continue;
        }
        at++;
        if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && --depth == 0)
            break;
    }
    return at;
}

size_t walk_end(Str t, size_t at)
{
    char c = walk_byte(t, at);
    if (c == '"')
        return string_end(t, at);
    if (c == '[' || c == '{')
        return brackets_end(t, at);
    while (at < t.n && !is_blank(t.p[at]) && t.p[at] != ',' && t.p[at] != ']' && t.p[at] != '}')
        at++;
    return at;
}

Walk walk_of(Str t, size_t at)
{
    return (Walk){ .t = t, .at = at, .object = walk_byte(t, at) == '{' };
}

bool walk_next(Walk *w)
{
    size_t at = walk_blank(w->t, w->inside ? w->at : w->at + 1);
    if (w->inside && walk_byte(w->t, at) == ',')
        at = walk_blank(w->t, at + 1);
    char c = walk_byte(w->t, at);
    w->inside = true, w->at = at;
    if (c == ']' || c == '}' || c == '\0')
        return false;
    if (w->object) {
        size_t end = string_end(w->t, at);
        w->key = (Str){ w->t.p + at, end - at };
        w->at = walk_blank(w->t, walk_blank(w->t, end) + 1);
    }
    return true;
}

/* One character of a string's inside; anything that is not ASCII reads as 0x80. */
static unsigned char read_one(Str s, size_t *i)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    char c = s.p[(*i)++];
    if (c != '\\' || *i >= s.n)
        return (unsigned char)c < 0x80 ? (unsigned char)c : 0x80;
    c = s.p[(*i)++];
    const char *known = memchr(from, c, sizeof from - 1);
    if (known != NULL)
        return (unsigned char)to[known - from];
    if (c != 'u' || s.n - *i < 4)
        return (unsigned char)c;
    char hex[5] = { 0 };
    memcpy(hex, s.p + *i, 4);
    *i += 4;
    unsigned long u = strtoul(hex, NULL, 16);
    return u < 0x80 ? (unsigned char)u : 0x80;
}

bool walk_text_is(Str quoted, const char *word)
{
    if (quoted.n < 2)
        return false;
    Str inside = { quoted.p + 1, quoted.n - 2 };
    for (size_t i = 0; i < inside.n; word++)
        if (*word == '\0' || read_one(inside, &i) != (unsigned char)*word)
            return false;
    return *word == '\0';
}

bool walk_member(Str t, size_t at, const char *key, size_t *value)
{
    for (Walk w = walk_of(t, at); walk_next(&w); walk_past(&w))
        if (walk_text_is(w.key, key)) {
            *value = w.at;
            return true;
        }
    return false;
}
