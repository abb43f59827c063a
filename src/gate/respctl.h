/* respctl.h - output control: a model's answer leaves with fewer decimals, fewer scores or only the label.
 *
 * The whole answer is held, checked as strict JSON, and copied with only the numbers of the score vectors replaced, so
 * everything else passes byte for byte.  Arithmetic is on the decimal text: no double rounds twice.  Applying a policy
 * twice changes nothing, and the output never tells more than the input.  What does not parse, does not add up (element
 * count against shape) or is not the format's answer at all is an error, never a pass.
 *
 * None of this stops an attacker who needs labels alone; limits and detectors slow that one down. */
#ifndef RESPCTL_H
#define RESPCTL_H
#include "base/base.h"

typedef enum { RESP_JSON, RESP_ROWS, RESP_V2 } RespFormat;     /* RESP_ROWS: TF Serving and KServe v1 */

typedef struct RespPolicy {
    RespFormat format;
    uint64_t   top_k;                                  /* 0: off */
    int32_t    round;                                  /* decimals 0..30; -1: off */
    bool       label_only;
} RespPolicy;

enum { RESP_MAX = 16 << 20, RESP_ROUND_MAX = 30 };

static inline bool respctl_on(const RespPolicy *p) { return p->top_k != 0 || p->round >= 0 || p->label_only; }

typedef struct RespInfo {                              /* for the event: the first score vector as released */
    uint64_t vectors, numbers;
    bool     has_label;
    uint64_t label;                                    /* its arg-max */
    double   score;
    bool     has_value;                                /* no vector: the first row is a single number */
    double   value;
} RespInfo;

/* Appends the controlled answer to `out` (cleared by the caller; a worker may keep one and reuse its memory).
 * `info` may be NULL. */
bool respctl_apply(const RespPolicy *p, Str body, Buf *out, RespInfo *info, Err *e);

/* A number literal with '.' or exponent, rounded half to even to `decimals` in plain notation; integers, and whole
 * numbers from 10^100 on, are copied.
 * False when it is no number, or larger than any double. */
bool decimal_round(Str literal, unsigned decimals, Buf *out);

#endif
