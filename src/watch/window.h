/* window.h - what one monitor counted in one span of event time; plain numbers of known size.
 *
 * On disk: magic u32, version u16, kind u16, body length u32, crc32c u32 of the body, body, little-endian.  A window is only
 * read back by a monitor with the same reference, and every sum in it is checked: another host's bytes are hostile. */
#ifndef WINDOW_H
#define WINDOW_H
#include "spool/event.h"
#include "watch/monitor.h"

enum { WINDOW_MAGIC = 0x4E57544D, WINDOW_VERSION = 1, WINDOW_KIND = 1 };       /* "MTWN" */

typedef struct Window {
    int64_t   start;
    uint64_t  n, refused, failed;                      /* requests; of them refused by policy; failed upstream or here */
    uint64_t  rows, no_row;                            /* passed with, and without, a recorded row                     */
    uint64_t *bins, *missing;                          /* of the features, side by side; one a feature                 */
    uint64_t *classes;                                 /* predicted; the last one: others                              */
    LogHist   latency;                                 /* microseconds of requests that passed                         */
} Window;

/* Zeroed; lives in the arena.  NULL when it is full. */
Window *window_new(Arena *a, const Monitor *m, int64_t start);
/* One request; `row` is its parsed features or NULL. */
void    window_add(const Monitor *m, Window *w, const Event *ev, const Json *row);
bool    window_put(const Monitor *m, const Window *w, Buf *out);
/* Into a fresh window; false with *e when it is damaged, or belongs to another reference (E_DENIED). */
bool    window_get(const Monitor *m, Str bytes, Window *out, Err *e);

typedef struct Prediction {                            /* of an event */
    bool   there;
    double label, score;                               /* label NaN: a value; score is the value then */
} Prediction;
Prediction prediction_of(Arena *a, const Event *ev);
/* Value at a place of the row: by name in an object, by position in an array; NULL when it is not there. */
const Json *row_at(const Json *row, Str name, size_t position);

#endif
