/* json_out.c - the writer of json.h. */
#include "format/json.h"
#include "format/json_scan.h"
#include <math.h>

JsonOut json_out(Buf *b) { return (JsonOut){ .b = b }; }

static void new_line(JsonOut *w)
{
    if (!w->pretty || w->depth == 0)
        return;
    buf_byte(w->b, '\n');
    for (unsigned i = 0; i < w->depth; i++)
        buf_put(w->b, "  ", 2);
}

/* Before each value or key: the comma behind its elder sibling, and the line it stands on. */
static void separate(JsonOut *w)
{
    if (!w->keyed) {
        if (w->comma)
            buf_byte(w->b, ',');
        new_line(w);
    }
    w->comma = true, w->keyed = false;
}

void json_open(JsonOut *w, char bracket)
{
    separate(w);
    buf_byte(w->b, (uint8_t)bracket);
    w->depth++, w->comma = false;
}

void json_close(JsonOut *w, char bracket)
{
    bool empty = !w->comma;
    w->depth--;
    if (!empty && w->pretty && w->depth == 0)
        buf_byte(w->b, '\n');
    else if (!empty)
        new_line(w);
    buf_byte(w->b, (uint8_t)bracket);
    w->comma = true;
}

static size_t put_special(Buf *b, Str s)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    char              c = s.p[0];
    size_t            n;
    const char       *hit = c ? strchr(from, c) : NULL;
    if (hit != NULL)
        return buf_byte(b, '\\'), buf_byte(b, (uint8_t)to[hit - from]), 1;
    if ((uint8_t)c < 0x20)
        return buf_printf(b, "\\u%04x", (unsigned)c), 1;
    n = scan_utf8(s.p, s.p + s.n);
    buf_put(b, n ? s.p : "\xEF\xBF\xBD", n ? n : 3);
    return n ? n : 1;
}

static void put_quoted(Buf *b, Str s)
{
    buf_byte(b, '"');
    while (s.n > 0) {
        size_t n = (size_t)(scan_plain(s.p, s.p + s.n) - s.p);
        buf_put(b, s.p, n);
        s = str_from(s, n);
        if (s.n > 0)
            s = str_from(s, put_special(b, s));
    }
    buf_byte(b, '"');
}

/* Most keys and values need no escape and find room: then one run of stores writes comma, quotes, text and colon. */
static bool put_short(JsonOut *w, Str s, bool key)
{
    Buf *b = w->b;
    if (w->pretty || b->bad || b->cap - b->n < s.n + 4 || scan_plain(s.p, s.p + s.n) != s.p + s.n)
        return false;
    char *p = b->p + b->n;
    if (w->comma && !w->keyed)
        *p++ = ',';
    *p++ = '"';
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p += s.n, *p++ = '"';
    if (key)
        *p++ = ':';
    b->n = (size_t)(p - b->p);
    w->comma = true, w->keyed = key;
    return true;
}

void json_key_str(JsonOut *w, Str key)
{
    if (put_short(w, key, true))
        return;
    separate(w);
    put_quoted(w->b, key);
    buf_put(w->b, ": ", w->pretty ? 2 : 1);
    w->keyed = true;
}

void json_key(JsonOut *w, const char *key) { json_key_str(w, str(key)); }

void json_put_str(JsonOut *w, Str v)
{
    if (put_short(w, v, false))
        return;
    separate(w);
    put_quoted(w->b, v);
}

void json_put_raw(JsonOut *w, Str json)
{
    separate(w);
    buf_str(w->b, json);
}

void json_put_z(JsonOut *w, const char *v)
{
    if (v == NULL)
        json_put_null(w);
    else
        json_put_str(w, str(v));
}

/* By hand: events are written for each request, and printf costs more than all the rest of one. */
static void put_integer(JsonOut *w, bool minus, uint64_t v)
{
    char   text[24];
    size_t at = sizeof text;
    do
        text[--at] = (char)('0' + v % 10), v /= 10;
    while (v != 0);
    if (minus)
        text[--at] = '-';
    json_put_raw(w, (Str){ text + at, sizeof text - at });
}

void json_put_u64(JsonOut *w, uint64_t v) { put_integer(w, false, v); }
void json_put_i64(JsonOut *w, int64_t v) { put_integer(w, v < 0, v < 0 ? 0 - (uint64_t)v : (uint64_t)v); }

void json_put_f64(JsonOut *w, double v)
{
    char text[NUMBER_TEXT];
    if (isfinite(v))
        json_put_raw(w, (Str){ text, number_text(v, text) });
    else
        json_put_null(w);
}

void json_put_bool(JsonOut *w, bool v) { json_put_raw(w, v ? S("true") : S("false")); }
void json_put_null(JsonOut *w) { json_put_raw(w, S("null")); }

static void put_children(JsonOut *w, const Json *v, const char brackets[static 2])
{
    json_open(w, brackets[0]);
    for (const Json *c = v->first; c != NULL; c = c->next) {
        if (v->type == JSON_OBJECT)
            json_key_str(w, c->key);
        json_put_tree(w, c);
    }
    json_close(w, brackets[1]);
}

void json_put_tree(JsonOut *w, const Json *v)
{
    switch (v ? v->type : JSON_NULL) {
    case JSON_NULL:   json_put_null(w); break;
    case JSON_FALSE:  json_put_bool(w, false); break;
    case JSON_TRUE:   json_put_bool(w, true); break;
    case JSON_STRING: json_put_str(w, v->text); break;
    case JSON_ARRAY:  put_children(w, v, "[]"); break;
    case JSON_OBJECT: put_children(w, v, "{}"); break;
    case JSON_NUMBER:                                  /* YAML's 0x10 and +1 are not JSON literals */
        if (scan_is_number(v->text))
            json_put_raw(w, v->text);
        else
            json_put_f64(w, v->num);
        break;
    }
}

void json_member(JsonOut *w, const char *key, Str v)
{
    json_key(w, key);
    json_put_str(w, v);
}

void json_member_u64(JsonOut *w, const char *key, uint64_t v)
{
    json_key(w, key);
    json_put_u64(w, v);
}
