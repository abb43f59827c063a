/* Any bytes are read as a tar archive: members lie inside it, in order, and reading ends. */
#include "format/npy_layout.h"
#include "format/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str       file = { (const char *)data, size };
    Arena    *a = arena_new(64 << 20);
    Tar       t = tar_open(a, file);
    TarEntry  x;
    Err       e = { 0 };
    uint64_t  last = 0;
    size_t    n = 0;
    NpyLayout l;
    while (tar_next(&t, &x, &e)) {
        if (x.data.n != 0 && !(x.data.p >= file.p && x.data.p + x.data.n <= file.p + file.n))
            abort();
        if ((n++ != 0 && x.at <= last) || t.at > size)
            abort();
        last = x.at;
    }
    if (tar_is(file) && n == 0 && e.code == E_OK)
        abort();
    if (npy_layout(file, &l, &e) && (l.data_at > size || l.data_at < 10))
        abort();
    arena_free(a);
    return 0;
}
