/* The row of a body is JSON, the same however the body was cut, and for rows of instances what the tree has there. */
#include "gate/features.h"

static bool hear(void *ctx, const JsonEvent *ev)
{
    features_event(ctx, ev);
    return true;
}

static bool run(Features *f, Arena *a, FeaturesFormat format, Str body, size_t cut, Str *out)
{
    JsonPush p;
    features_begin(f, format);
    json_push_begin(&p, &(JsonPushConf){ .profile = JSON_STRICT, .fn = hear, .ctx = f, .grow = a });
    bool ok = json_push_feed(&p, (Str){ body.p, cut }, NULL) && json_push_feed(&p, str_from(body, cut), NULL) && json_push_end(&p, NULL);
    *out = features_end(f);
    return ok;
}

static bool same(const Json *a, const Json *b)
{
    if (a->type != b->type || a->count != b->count || !str_eq(a->text, b->text) || !str_eq(a->key, b->key))
        return false;
    for (a = a->first, b = b->first; a != NULL; a = a->next, b = b->next)
        if (!same(a, b))
            return false;
    return true;
}

static void check(Arena *a, FeaturesFormat format, Str body, Str row, const Features *f)
{
    Err         e = { 0 };
    const Json *tree = json_parse(a, body, JSON_STRICT, &e), *got = row.n ? json_parse(a, row, JSON_GRAMMAR, &e) : NULL;
    assert(row.n == 0 || got != NULL);
    const Json *list = json_get(tree, "instances");
    if (format != FEATURES_ROWS)
        return;
    bool there = list != NULL && list->type == JSON_ARRAY && list->count > 0;
    assert(f->rows == (there ? list->count : 0));
    assert(!there || f->cut || (got != NULL && (json_get(tree, "instances")->first->key.n > 0 || same(got, list->first))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static Features *one, *two;
    Str row, again;
    if (one == NULL)
        one = malloc(sizeof(Features)), two = malloc(sizeof(Features));
    if (n < 2)
        return 0;
    defer_arena Arena *a = arena_new(256 << 20);
    FeaturesFormat format = (FeaturesFormat)(data[0] % 3);
    Str            body = { (const char *)data + 2, n - 2 };
    size_t         cut = body.n ? data[1] % (body.n + 1) : 0;
    bool ok = run(one, a, format, body, body.n, &row);
    assert(run(two, a, format, body, cut, &again) == ok);
    if (!ok)
        return 0;
    assert(str_eq(row, again) && one->rows == two->rows && one->n == two->n);
    check(a, format, body, row, one);
    return 0;
}
