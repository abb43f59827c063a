/* cas.c - see cas.h. */
#include "base/cas.h"

__extension__ typedef unsigned __int128 Wide;

/* x86-64 has had the instruction since 2005 but compilers want to be told. */
#ifdef __x86_64__
__attribute__((target("cx16")))
#endif
bool pair_cas(Pair *p, uint64_t old_a, uint64_t old_b, uint64_t new_a, uint64_t new_b)
{
    Wide want = (Wide)old_b << 64 | old_a, next = (Wide)new_b << 64 | new_a;
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
        want = (Wide)old_a << 64 | old_b, next = (Wide)new_a << 64 | new_b;
    return __sync_bool_compare_and_swap((Wide *)p, want, next);
}
