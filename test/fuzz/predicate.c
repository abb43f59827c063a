/* A condition of arbitrary bytes over three columns: it parses and answers, or says where it is wrong. */
#include "data/predicate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const Str   column[] = { { "a", 1 }, { "b c", 3 }, { "in", 2 } };
    defer_arena Arena *a = arena_new(16 << 20);
    defer_buf Buf      not = { 0 };
    Err                e = { 0 };
    Predicate         *p = predicate_parse(a, (Str){ (const char *)data, n }, column, len_of(column), &e);
    if (p == NULL) {
        assert(e.message[0] != '\0');
        return 0;
    }
    buf_z(&not, "not ("), buf_put(&not, data, n), buf_z(&not, ")");
    Predicate *q = predicate_parse(a, buf_view(&not), column, len_of(column), &e);
    if (q == NULL)
        return 0;                                      /* one bracket too deep, or a byte too long */
    static const Str cells[][3] = { { { "", 0 }, { "1", 1 }, { "x", 1 } }, { { "-2.5", 4 }, { "a'b", 3 }, { "1e9", 3 } } };
    for (size_t i = 0; i < len_of(cells); i++)
        assert(predicate_holds(p, cells[i]) != predicate_holds(q, cells[i]));
    return 0;
}
