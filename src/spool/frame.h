/* frame.h - what a segment and a frame look like in bytes; shared by the writer and the reader. */
#ifndef FRAME_H
#define FRAME_H
#include "spool/spool.h"

enum { FRAME_COMMIT = 0x54414F4D, SEGMENT_VERSION = 1, SEGMENT_NAME = 16 };

typedef struct Segment {                               /* a segment's header, decoded */
    uint8_t  producer[SPOOL_PRODUCER];
    uint64_t number, first_seq;
    int64_t  created_ns;
} Segment;

void segment_name(uint64_t number, char out[static SEGMENT_NAME]);    /* "0000000001.seg" */
void segment_put(const Segment *s, uint8_t out[static SPOOL_HEADER]);
bool segment_get(Str file, Segment *out, Err *e);

static inline uint64_t frame_size(uint64_t payload) { return SPOOL_FRAME + (payload + 7) / 8 * 8; }

/* Writes the frame but for its commit word; frame_commit() then makes it visible. */
void frame_put(uint8_t *at, const SpoolFrame *f);
void frame_commit(uint8_t *at);

typedef enum { FRAME_GOOD, FRAME_NONE, FRAME_BAD } FrameState;
/* Looks at the frame at `offset` of a mapped segment: good, nothing there yet, or damaged. */
FrameState frame_get(Str file, uint64_t offset, SpoolFrame *out);

/* The lowest and highest segment numbers in a folder; false when there are none. */
bool segments_in(const char *dir, uint64_t *lowest, uint64_t *highest);

#endif
