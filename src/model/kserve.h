/* kserve.h - what model servers are asked, in the three spellings that are in use, and what they answer.
 *
 *     KServe v1, TensorFlow Serving   {"instances": [[1, 2], [3, 4]]}          {"predictions": [[0.1, 0.9], [0.5, 0.5]]}
 *     KServe v2, Open Inference       {"inputs": [{name, shape, datatype, data}]}  {"model_name", "outputs": [{...}]}
 *
 * Read from the push parser straight into floats: memory is what the numbers need, whatever the text looks like.  The
 * members of a v2 tensor may come in any order, its data flat or one array a row.
 *
 * Trusted: nothing.  Rows and texts have limits; a wrong shape, type or number is an error with its byte. */
#ifndef KSERVE_H
#define KSERVE_H
#include "format/json.h"

enum { KSERVE_NAME_MAX = 256 };
#define KSERVE_INPUT  "input"
#define KSERVE_OUTPUT "probabilities"

typedef struct Predict {
    size_t features, max_rows;                         /* set by the caller                  */
    size_t rows;
    Buf    cells;                                      /* rows * features floats; buf_free() */
    Buf    id;                                         /* v2: the request's id; may be empty */
} Predict;

static inline const float *predict_row(const Predict *p, size_t i) { return (const float *)(const void *)p->cells.p + i * p->features; }
void predict_free(Predict *p);

bool kserve_v1_read(Predict *p, Str body, Err *e);
bool kserve_v2_read(Predict *p, Str body, Err *e);

/* Probabilities as the shortest decimals of floats. */
void kserve_v1_write(Buf *out, const float *p, size_t rows, size_t classes);
void kserve_v2_write(Buf *out, const char *model, Str id, const float *p, size_t rows, size_t classes);

#endif
