/* judge.h - one window of one monitor: its value, whether that is beyond the threshold, and the numbers behind it.
 *
 * What cannot be judged (too few rows, labels or groups) is unknown, never good: it neither raises nor ends an alert. */
#ifndef JUDGE_H
#define JUDGE_H
#include "watch/state.h"

typedef struct Judged {
    double   value;                                    /* NaN: unknown                                            */
    bool     by_chance;                                /* the interval of the value holds the threshold           */
    bool     breach, clear;                            /* beyond the threshold; back by a fifth of the way, or far below */
    uint64_t n, labelled;                              /* rows of the window; of them with a label                */
    Str      message, json;                            /* for people; the details as members of an object         */
} Judged;

/* Counts of a closed window: metrics from features, classes and traffic. */
bool judge_window(Arena *a, const Monitor *m, const Window *w, Judged *out, Err *e);
/* Predictions and labels of [start, start + window): metrics from labels and groups. */
bool judge_labels(Arena *a, const Monitor *m, State *s, int64_t start, Judged *out, Err *e);
/* The groups of a prediction as the store keeps them, for the fairness monitors of an endpoint. */
void groups_put(Buf *out, const Monitor *m, const Json *row);

#endif
