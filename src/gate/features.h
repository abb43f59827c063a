/* features.h - the first row of a prediction request, taken while its body streams in.
 *
 * It is JSON for the event: the first instance as it came (white space apart), an array, an object or a single value; of KServe
 * v2 the first row of its one input as an array, of several inputs an object of arrays.  Detectors see every row: rowtap.h.
 *
 *     kserve-v1, tf-serving    the first element of "instances"
 *     kserve-v2                the first row of "inputs", by their shapes
 *     json                     the first element of a root array of arrays or objects; else the root itself
 *
 * The memory is fixed: a row that does not fit is `cut` and has no text, never a part of one.  Nothing is judged here: a
 * body that is not of the format simply has no row.  Trusted: the strict parser, whose events these are. */
#ifndef FEATURES_H
#define FEATURES_H
#include "format/json.h"

enum { FEATURES_TEXT = 64 << 10, FEATURES_ROW = 8192 };   /* bytes; values of a row whose width nobody says */
typedef enum { FEATURES_JSON, FEATURES_ROWS, FEATURES_V2 } FeaturesFormat;

typedef struct Features {
    FeaturesFormat format;
    uint64_t rows;                                     /* instances in the request                               */
    uint32_t n;                                        /* values of the first                                    */
    bool     cut, done;
    /* private: */
    bool     inside, member, comma, unnamed;
    uint8_t  base, field;                              /* depth of the row's first value; member of a v2 tensor  */
    uint32_t text_n, tensors, dims, tensor_at, tensor_values, name_n;
    uint64_t width, shape0;
    char     name[64];
    char     text[FEATURES_TEXT];
} Features;

/* In the caller's memory; nothing to free. */
Features *features_begin(void *memory, FeaturesFormat format);
void      features_event(Features *f, const JsonEvent *ev);
/* After the last event.  The row as JSON, borrowed; empty when there is none or it was cut. */
Str       features_end(Features *f);

/* Private to features.c and features_v2.c */
void features_put(Features *f, const char *p, size_t n);
void features_value(Features *f, const JsonEvent *ev);
void features_v2(Features *f, const JsonEvent *ev);
Str  features_v2_end(Features *f);

#endif
