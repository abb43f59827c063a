/* codec.h - how a chunk's bytes are stored: as they are, or as one zstd frame where that pays.
 *
 * Three samples of 4 KiB are compressed first; when they do not shrink below 95 %, the chunk is kept raw, so media and
 * archives cost a probe and no more.  Contexts are kept between calls and shared by threads.
 *
 * Not trusted: stored bytes; what they unpack to has the length the caller says or it is an error. */
#ifndef CODEC_H
#define CODEC_H
#include "base/base.h"

typedef enum { CODEC_RAW, CODEC_ZSTD, CODECS } CodecKind;
typedef struct Codec Codec;                            /* may be used by several threads at once */

Codec *codec_new(void);                                /* Owned: codec_free().  NULL only when out of memory */
void   codec_free(Codec *c);                           /* NULL is fine */

/* CODEC_ZSTD with the frame in *out (replaced), or CODEC_RAW with *out empty. */
CodecKind codec_pack(Codec *c, Str raw, Buf *out);
/* Exactly n bytes to `raw`, or an error. */
bool codec_unpack(Codec *c, CodecKind kind, Str stored, void *raw, size_t n, Err *e);

#endif
