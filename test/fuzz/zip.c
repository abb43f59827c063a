/* Any bytes are read as a zip archive; whatever is told of them lies inside them. */
#include "format/unpack.h"
#include "format/zip.h"

static void inside(Str file, Str part)
{
    if (part.n != 0 && !(part.p >= file.p && part.p + part.n <= file.p + file.n))
        abort();
}

static void check(Str file, const Zip *z)
{
    for (size_t i = 0; i < z->n; i++) {
        const ZipEntry *x = &z->v[i];
        inside(file, x->listed.name), inside(file, x->listed.data), inside(file, x->local.name), inside(file, x->local.data);
        if (i > 0 && x->at < z->v[i - 1].at)
            abort();
        if (x->listed.data.n > x->listed.packed || (!(x->odd & (ZIP_NO_HEADER | ZIP_UNLISTED | ZIP_OUTSIDE)) && x->listed.data.n != x->listed.packed))
            abort();
    }
    inside(file, z->comment);
    if (z->end > file.n || z->front > file.n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str    file = { (const char *)data, size };
    Arena *a = arena_new(64 << 20);
    Zip    z;
    Err    e = { 0 };
    if (zip_read(a, file, &z, &e))
        check(file, &z);
    else if (e.code == E_OK)
        abort();
    arena_free(a);
    /* The same bytes through every codec: no more comes out than was asked for. */
    for (UnpackKind k = UNPACK_DEFLATE; k <= UNPACK_ZSTD && size < 4096; k++) {
        Buf      b = { 0 };
        uint64_t used;
        unpack(k, file, 1000, &b, &used);
        if (b.n > 1000 || used > size)
            abort();
        buf_free(&b);
    }
    return 0;
}
