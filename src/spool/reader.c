/* reader.c - the consumer's side of spool.h. */
#include "base/file.h"
#include "spool/frame.h"
#include <errno.h>
#include <sys/stat.h>

struct SpoolReader {
    char        dir[512];
    Map         map;
    bool        mapped, known;                         /* known: `producer` was read from a header */
    uint8_t     producer[SPOOL_PRODUCER];
    SpoolCursor at;                                    /* next_seq: the smallest seq not yet given out */
    SpoolGaps   gaps;
};

SpoolReader *spool_reader_open(const char *dir, SpoolCursor from, Err *e)
{
    SpoolReader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_nomem(e), NULL;
    r->at = from;
    struct stat st;
    if (stat(dir, &st) != 0)
        err_set(e, E_IO, "%s: %m", dir);
    else if (snprintf(r->dir, sizeof r->dir, "%s", dir) >= (int)sizeof r->dir)
        err_set(e, E_IO, "%s: path too long", dir);
    else
        return r;
    free(r);
    return NULL;
}

void spool_reader_close(SpoolReader *r)
{
    if (r != NULL)
        file_unmap(&r->map);
    free(r);
}

/* Opens the segment the cursor names, or the oldest that still exists above it.  False: none yet, or *e. */
static bool enter(SpoolReader *r, Err *e)
{
    char     path[600], name[SEGMENT_NAME];
    uint64_t lowest, highest;
    Segment  head;
    if (!segments_in(r->dir, &lowest, &highest) || r->at.segment > highest)
        return false;
    if (r->at.segment < lowest)
        r->at.segment = lowest, r->at.offset = 0;
    segment_name(r->at.segment, name);
    snprintf(path, sizeof path, "%s/%s", r->dir, name);
    if (!file_map(path, &r->map, e))
        return false;
    r->mapped = true;
    if (r->at.offset < SPOOL_HEADER)
        r->at.offset = SPOOL_HEADER;
    bool good = segment_get(r->map.bytes, &head, NULL);
    if (good)
        memcpy(r->producer, head.producer, sizeof r->producer), r->known = true;
    if (good || r->at.segment < highest)
        return true;                                   /* a damaged header hides no frame: seq and crc stand in each */
    file_unmap(&r->map), r->mapped = false;            /* prepared ahead, not yet in use */
    return false;
}

static bool later_segment(const SpoolReader *r)
{
    uint64_t lowest, highest;
    char     path[600], name[SEGMENT_NAME];
    if (!segments_in(r->dir, &lowest, &highest) || highest <= r->at.segment)
        return false;
    segment_name(r->at.segment + 1, name);
    snprintf(path, sizeof path, "%s/%s", r->dir, name);
    defer_map Map m = { 0 };
    Segment       head;
    return highest > r->at.segment + 1 || (file_map(path, &m, NULL) && segment_get(m.bytes, &head, NULL));
}

/* The first good frame from the cursor on that is new to us; its offset, or 0 when there is none yet.  *torn: bytes before it
 * are no frame. */
static uint64_t find(const SpoolReader *r, SpoolFrame *out, bool *torn)
{
    *torn = false;
    for (uint64_t at = r->at.offset; at + SPOOL_FRAME <= r->map.bytes.n; at += 8, *torn = true) {
        FrameState state = frame_get(r->map.bytes, at, out);
        if (state == FRAME_NONE && !*torn)
            return 0;
        if (state == FRAME_GOOD && out->seq >= r->at.next_seq)
            return at;
    }
    return 0;
}

/* One step inside the mapped segment: a frame, or SPOOL_END at its end.  What looked torn may have been a frame on its way, and the
 * good one behind it written since; the writer goes in order, so a second look, after that one was seen, sees all before it. */
static SpoolRead step(SpoolReader *r, SpoolFrame *out)
{
    bool     torn;
    uint64_t at = find(r, out, &torn);
    if (at != 0 && torn)
        at = find(r, out, &torn);
    if (at == 0)
        return SPOOL_END;
    r->gaps.bytes += at - r->at.offset;
    r->gaps.frames += out->seq - r->at.next_seq;
    r->at.offset = at + frame_size(out->payload.n);
    r->at.next_seq = out->seq + 1;
    return SPOOL_FRAME_READ;
}

SpoolRead spool_next(SpoolReader *r, SpoolFrame *out, Err *e)
{
    for (;;) {
        Err mine = { 0 };
        if (!r->mapped && !enter(r, &mine)) {
            if (mine.code == E_OK)
                return SPOOL_END;
            if (e != NULL)
                *e = mine;
            return SPOOL_FAILED;
        }
        if (step(r, out) == SPOOL_FRAME_READ)
            return SPOOL_FRAME_READ;
        /* Asked before the last look: a frame written in between must not be skipped with its segment. */
        bool more = later_segment(r);
        if (more && step(r, out) == SPOOL_FRAME_READ)
            return SPOOL_FRAME_READ;
        if (!more)
            return SPOOL_END;
        file_unmap(&r->map), r->mapped = false;
        r->at.segment++, r->at.offset = 0;
    }
}

SpoolCursor spool_tell(const SpoolReader *r) { return r->at; }
SpoolGaps   spool_gaps(const SpoolReader *r) { return r->gaps; }

bool spool_read_producer(const SpoolReader *r, uint8_t out[static SPOOL_PRODUCER])
{
    memcpy(out, r->producer, SPOOL_PRODUCER);
    return r->known;
}
