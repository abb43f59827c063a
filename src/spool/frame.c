/* frame.c - see frame.h. */
#include "spool/frame.h"
#include <dirent.h>

static const char magic[8] = { 'M', 'O', 'A', 'T', 'S', 'P', 'L', '1' };

static void put_le(uint8_t *at, uint64_t v, size_t width)
{
    for (size_t i = 0; i < width; i++)
        at[i] = (uint8_t)(v >> 8 * i);
}

void segment_name(uint64_t number, char out[static SEGMENT_NAME])
{
    snprintf(out, SEGMENT_NAME, "%010" PRIu64 ".seg", number % 10000000000);
}

void segment_put(const Segment *s, uint8_t out[static SPOOL_HEADER])
{
    memset(out, 0, SPOOL_HEADER);
    memcpy(out, magic, sizeof magic);
    put_le(out + 8, SEGMENT_VERSION, 4);
    memcpy(out + 16, s->producer, SPOOL_PRODUCER);
    put_le(out + 32, s->number, 8);
    put_le(out + 40, s->first_seq, 8);
    put_le(out + 48, (uint64_t)s->created_ns, 8);
    put_le(out + 12, crc32c(0, (Str){ (char *)out, SPOOL_HEADER }), 4);
}

bool segment_get(Str file, Segment *out, Err *e)
{
    if (file.n < SPOOL_HEADER || memcmp(file.p, magic, sizeof magic) != 0)
        return err_at(e, 0, "not a spool segment");
    char copy[SPOOL_HEADER];
    memcpy(copy, file.p, sizeof copy);
    memset(copy + 12, 0, 4);
    Cur c = cur_of((Str){ file.p, SPOOL_HEADER });
    cur_skip(&c, 8);
    uint32_t version = cur_u32(&c), crc = cur_u32(&c);
    if (version != SEGMENT_VERSION)
        return err_at(e, 8, "spool version %" PRIu32 "; this moat reads %d", version, SEGMENT_VERSION);
    if (crc != crc32c(0, (Str){ copy, sizeof copy }))
        return err_at(e, 12, "segment header is damaged");
    memcpy(out->producer, cur_bytes(&c, SPOOL_PRODUCER).p, SPOOL_PRODUCER);
    out->number = cur_u64(&c), out->first_seq = cur_u64(&c), out->created_ns = (int64_t)cur_u64(&c);
    return true;
}

static uint32_t frame_crc(const uint8_t *at, uint64_t length)
{
    uint32_t crc = crc32c(0, (Str){ (const char *)at + 4, 4 });
    return crc32c(crc, (Str){ (const char *)at + 12, (size_t)(SPOOL_FRAME - 12 + length) });
}

void frame_put(uint8_t *at, const SpoolFrame *f)
{
    put_le(at + 4, f->payload.n, 4);
    put_le(at + 12, f->kind, 2);
    put_le(at + 14, f->flags, 2);
    put_le(at + 16, f->seq, 8);
    put_le(at + 24, (uint64_t)f->time_ns, 8);
    if (f->payload.n)
        memcpy(at + SPOOL_FRAME, f->payload.p, f->payload.n);
    put_le(at + 8, frame_crc(at, f->payload.n), 4);
}

/* Readers map the same pages: the release store is what lets them trust the bytes before it. */
void frame_commit(uint8_t *at) { __atomic_store_n((uint32_t *)(void *)at, FRAME_COMMIT, __ATOMIC_RELEASE); }

FrameState frame_get(Str file, uint64_t offset, SpoolFrame *out)
{
    if (offset > file.n || file.n - offset < SPOOL_FRAME)
        return FRAME_NONE;
    const uint8_t *at = (const uint8_t *)file.p + offset;
    uint32_t       commit = __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_ACQUIRE);
    Cur            c = cur_of((Str){ (const char *)at, SPOOL_FRAME });
    cur_skip(&c, 4);
    uint32_t length = cur_u32(&c), crc = cur_u32(&c);
    if (commit == 0 && length == 0 && crc == 0)
        return FRAME_NONE;
    if (commit != FRAME_COMMIT || length > SPOOL_PAYLOAD_MAX || frame_size(length) > file.n - offset ||
        crc != frame_crc(at, length))
        return FRAME_BAD;
    out->kind = cur_u16(&c), out->flags = cur_u16(&c), out->seq = cur_u64(&c), out->time_ns = (int64_t)cur_u64(&c);
    out->payload = (Str){ (const char *)at + SPOOL_FRAME, length };
    return FRAME_GOOD;
}

bool segments_in(const char *dir, uint64_t *lowest, uint64_t *highest)
{
    DIR     *d = opendir(dir);
    bool     any = false;
    uint64_t n;
    for (struct dirent *f; d != NULL && (f = readdir(d)) != NULL;) {
        Str name = str(f->d_name);
        if (name.n != 14 || !str_ends(name, S(".seg")) || !str_u64((Str){ name.p, 10 }, &n))
            continue;
        *lowest = any && *lowest < n ? *lowest : n;
        *highest = any && *highest > n ? *highest : n;
        any = true;
    }
    if (d != NULL)
        closedir(d);
    return any;
}
