/* rowtap.h - every row of numbers in a prediction request, one after another, while its body streams in.
 *
 *     kserve-v1, tf-serving    the elements of "instances"            kserve-v2    "data" of its one input, cut into rows of `width`
 *     json                     the elements of a root array of arrays or objects; else the root itself
 *
 * Texts, truths and nulls are NaN.  A row of another width cannot be shown to whoever listens and is counted as unseen.
 * Nothing is judged here.  Trusted: the strict parser, whose events these are. */
#ifndef ROWTAP_H
#define ROWTAP_H
#include "gate/features.h"

typedef struct RowTap {
    FeaturesFormat format;
    uint32_t width, n;                                 /* of a row; values so far in this one */
    uint64_t rows, unseen;
    void   (*row)(void *ctx, const float *row);
    void    *ctx;
    /* private: */
    uint8_t  base;
    bool     member, data, single;
    uint32_t tensors;
    float    value[];                                  /* width of them */
} RowTap;

size_t  rowtap_size(uint32_t width);
RowTap *rowtap_begin(void *memory, FeaturesFormat format, uint32_t width, void (*row)(void *ctx, const float *row), void *ctx);
void    rowtap_event(RowTap *t, const JsonEvent *ev);

#endif
