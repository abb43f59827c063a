/* Any bytes: tensors that were accepted cover the data exactly and lie in the file; writing them again gives a file
 * with the same tensors, and writing that gives the same bytes. */
#include "format/safetensors.h"

static bool plain_types(const Safetensors *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->tensor[i].type > SCALAR_F64)
            return false;
    return true;
}

static void same(const Safetensors *a, const Safetensors *b)
{
    assert(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        const SafeTensor *x = &a->tensor[i], *y = NULL;
        for (size_t k = 0; k < b->count && y == NULL; k++)
            y = str_eq(b->tensor[k].name, x->name) ? &b->tensor[k] : NULL;
        assert(y != NULL && y->type == x->type && y->dims == x->dims && str_eq(x->data, y->data));
        assert(memcmp(x->shape, y->shape, sizeof x->shape) == 0);
    }
}

static void round_trip(const Safetensors *s, Arena *a)
{
    Buf         one = { 0 }, two = { 0 };
    Safetensors again;
    Err         e = { 0 };
    assert(safetensors_write(&one, s->tensor, s->count, NULL, 0, &e));
    assert(safetensors_read(a, buf_view(&one), &again, &e));
    same(s, &again);
    assert(safetensors_write(&two, again.tensor, again.count, NULL, 0, &e) && str_eq(buf_view(&one), buf_view(&two)));
    buf_free(&one), buf_free(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Str         file = { (const char *)data, n };
    Arena      *a = arena_new(32 << 20);
    Safetensors s;
    Err         e = { 0 };
    if (safetensors_read(a, file, &s, &e)) {
        uint64_t sum = 0;
        for (size_t i = 0; i < s.count; i++) {
            const SafeTensor *t = &s.tensor[i];
            assert(t->at + t->data.n <= n && (t->data.n == 0 || t->data.p == file.p + t->at));
            sum += t->data.n;
        }
        assert(s.count == 0 || s.tensor[0].at + sum == n);
        if (plain_types(&s))
            round_trip(&s, a);
    } else {
        assert(e.message[0] && e.at <= n + 1);
    }
    arena_free(a);
    return 0;
}
