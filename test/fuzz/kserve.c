/* A prediction request that is accepted holds exactly rows * features finite floats, and the tree parser finds the same. */
#include "model/kserve.h"
#include <math.h>

enum { FEATURES = 3, ROWS = 8 };

static size_t count_numbers(const Json *v)
{
    size_t n = v->type == JSON_NUMBER;
    for (const Json *c = v->first; c != NULL; c = c->next)
        n += count_numbers(c);
    return n;
}

static void check(const Predict *p, const Json *data)
{
    assert(p->rows >= 1 && p->rows <= ROWS && p->cells.n == p->rows * FEATURES * sizeof(float));
    assert(count_numbers(data) == p->rows * FEATURES);
    for (size_t i = 0; i < p->rows; i++)
        for (size_t f = 0; f < FEATURES; f++)
            assert(isfinite(predict_row(p, i)[f]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str                text = { (const char *)data, size };
    Predict            v1 = { .features = FEATURES, .max_rows = ROWS }, v2 = v1;
    Err                e1 = { 0 }, e2 = { 0 }, e = { 0 };
    defer_arena Arena *a = arena_new(64 << 20);
    const Json        *tree = json_parse(a, text, JSON_STRICT, &e);
    bool               ok1 = kserve_v1_read(&v1, text, &e1), ok2 = kserve_v2_read(&v2, text, &e2);
    assert(!(ok1 && ok2) && (tree != NULL || (!ok1 && !ok2)));
    assert((ok1 || *e1.message) && (ok2 || *e2.message));
    if (ok1)
        check(&v1, json_get(tree, "instances"));
    if (ok2)
        check(&v2, json_get(json_at(json_get(tree, "inputs"), 0), "data"));
    predict_free(&v1), predict_free(&v2);
    return 0;
}
