/* detector.c - any bytes as a detector's file (the checksum mended): what is accepted scores any row without harm and is written back
 * the same. */
#include "gate/detect.h"
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void score(const DetectModel *m)
{
    static void *memory;
    float        row[DETECT_FEATURES_MAX];
    for (size_t i = 0; i < m->map.features; i++)
        row[i] = (float)(i % 7) - 3;
    memory = memory ? memory : calloc(1, detect_state_size());
    DetectRow alone;
    detect_row(m, row, &alone);
    DetectSeen q = detect_query(m, detect_state(memory), &alone, 5, 9);
    if (q.level > DETECT_ALARM || q.families >> DETECT_FAMILIES != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DetectModel   m;
    Err           e = { 0 };
    Arena        *a = arena_new(64 << 20);
    defer_buf Buf file = { 0 }, again = { 0 };
    buf_put(&file, data, size);
    buf_u32(&file, (uint32_t)crc32(0, data, (uInt)size));
    if (detect_read(a, buf_view(&file), &m, &e)) {
        score(&m);
        detect_write(&m, &again);
        if (!str_eq(buf_view(&file), buf_view(&again)))
            abort();
    } else if (e.code == E_OK)
        abort();
    arena_free(a);
    return 0;
}
