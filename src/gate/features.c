/* features.c - rows of instances and of plain JSON; see features.h. */
#include "gate/features.h"

Features *features_begin(void *memory, FeaturesFormat format)
{
    Features *f = memory;
    memset(f, 0, offsetof(Features, text));            /* what is not read before it is written stays as it is */
    f->format = format;
    return f;
}

/* ---- the text */

void features_put(Features *f, const char *p, size_t n)
{
    f->cut |= n > sizeof f->text - f->text_n;
    if (f->cut)
        return;
    memcpy(f->text + f->text_n, p, n);
    f->text_n += (uint32_t)n;
}

static void put_comma(Features *f)
{
    if (f->comma)
        features_put(f, ",", 1);
}

static void put_escaped(Features *f, Str s)
{
    char code[8];
    for (size_t i = 0; i < s.n && !f->cut; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= ' ' && c != '"' && c != '\\')
            features_put(f, s.p + i, 1);
        else
            features_put(f, code, (size_t)snprintf(code, sizeof code, "\\u%04x", c));
    }
}

/* A scalar: once for each, pieces of a string included. */
void features_value(Features *f, const JsonEvent *ev)
{
    static const Str words[] = { [JSON_NULL] = S("null"), [JSON_FALSE] = S("false"), [JSON_TRUE] = S("true") };
    if (ev->first || ev->type != JSON_STRING) {
        put_comma(f);
        f->n++;
    }
    if (ev->type == JSON_NUMBER)
        features_put(f, ev->text.p, ev->text.n);
    else if (ev->type != JSON_STRING)
        features_put(f, words[ev->type].p, words[ev->type].n);
    else {
        if (ev->first)
            features_put(f, "\"", 1);
        put_escaped(f, ev->text);
        if (!ev->more)
            features_put(f, "\"", 1);
    }
    f->comma = !ev->more;
}

static void put_key(Features *f, Str key)
{
    put_comma(f);
    features_put(f, "\"", 1);
    put_escaped(f, key);
    features_put(f, "\":", 2);
    f->comma = false;
}

static void put_event(Features *f, const JsonEvent *ev)
{
    bool array = ev->type == JSON_ARRAY;
    switch (ev->step) {
    case JSON_KEY: put_key(f, ev->text); return;
    case JSON_OPEN:
        put_comma(f);
        features_put(f, array ? "[" : "{", 1);
        f->comma = false;
        return;
    case JSON_CLOSE:
        features_put(f, array ? "]" : "}", 1);
        f->comma = true;
        return;
    default: features_value(f, ev);
    }
}

/* ---- where the first row is */

static bool starts_value(const JsonEvent *ev) { return ev->step == JSON_OPEN || (ev->step == JSON_VALUE && ev->first); }
static bool ends_value(const JsonEvent *ev) { return ev->step == JSON_CLOSE || (ev->step == JSON_VALUE && !ev->more); }

/* An event at or below the depth at which rows stand. */
static void row_event(Features *f, const JsonEvent *ev)
{
    bool at_base = ev->depth == f->base;
    if (at_base && starts_value(ev) && f->rows++ == 0)
        f->inside = true;
    if (f->inside)
        put_event(f, ev);
    if (at_base && ends_value(ev) && f->rows == 1)
        f->inside = false, f->done = true;
}

static void instances_event(Features *f, const JsonEvent *ev)
{
    f->base = 2;
    if (ev->depth == 1 && ev->step == JSON_KEY)
        f->member = str_is(ev->text, "instances");
    else if (ev->depth == 1)
        f->member &= ev->type == JSON_ARRAY;
    else if (f->member && ev->depth >= 2)
        row_event(f, ev);
}

/* The root is a row, or a list of them; a list of scalars is one row. */
static void json_event(Features *f, const JsonEvent *ev)
{
    if (ev->depth == 0 && ev->step == JSON_OPEN && ev->type == JSON_ARRAY) {
        f->base = 1;
        return;
    }
    bool first = f->base == 1 && ev->depth == 1 && f->rows == 0;
    if (first && ev->step == JSON_VALUE) {             /* scalars: go back to the root */
        f->base = 0, f->rows = 1, f->inside = true;
        features_put(f, "[", 1);
    }
    if (ev->depth >= f->base)
        row_event(f, ev);
}

void features_event(Features *f, const JsonEvent *ev)
{
    if (f->format == FEATURES_ROWS)
        instances_event(f, ev);
    else if (f->format == FEATURES_V2)
        features_v2(f, ev);
    else
        json_event(f, ev);
}

Str features_end(Features *f)
{
    if (f->format == FEATURES_V2)
        return features_v2_end(f);
    return f->done && !f->cut ? (Str){ f->text, f->text_n } : (Str){ "", 0 };
}
