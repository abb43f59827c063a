/* Any bytes: a tree that was accepted has its places inside the text, counts that are true, no key twice and numbers
 * that are JSON; a refusal has a line inside the text. */
#include "format/yaml.h"
#include <math.h>

static uint64_t lines(Str s)
{
    uint64_t n = 1;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\n' || s.p[i] == '\r';
    return n;
}

static void check_number(const Json *v)
{
    double d;
    assert(v->text.n > 0 && v->text.p[0] != '+' && v->text.p[0] != '.' && v->text.p[v->text.n - 1] != '.');
    assert(!(v->text.n > 1 && v->text.p[0] == '0' && v->text.p[1] >= '0' && v->text.p[1] <= '9'));
    assert(number_f64(v->text, &d) && d == v->num);
}

static void check(const Json *v, Str text, uint64_t last, unsigned depth)
{
    size_t count = 0;
    assert(depth <= YAML_DEPTH_MAX + 1 && v->at <= text.n && v->line >= 1 && v->line <= last + 1);
    if (v->type == JSON_NUMBER)
        check_number(v);
    for (const Json *c = v->first; c != NULL; c = c->next, count++) {
        check(c, text, last, depth + 1);
        assert(c->key.p != NULL && (v->type == JSON_OBJECT || (v->type == JSON_ARRAY && c->key.n == 0)));
        for (const Json *d = count < 50 ? v->first : c; d != c; d = d->next)
            assert(v->type == JSON_ARRAY || !str_eq(c->key, d->key));
    }
    assert(count == v->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Err    e = { 0 };
    Str    text = { (const char *)data, n };
    Arena *a = arena_new(32 << 20);
    Json  *v = yaml_parse_all(a, text, &e);
    if (v != NULL)
        check(v, text, lines(text), 0);
    else
        assert(e.message[0] && (e.code != E_FORMAT || (e.line >= 1 && e.line <= lines(text) + 1)));
    arena_free(a);
    return 0;
}
