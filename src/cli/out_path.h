/* out_path.h - what a command writes never lands on what it reads, nor unasked in a dataset: one question before any work. */
#ifndef OUT_PATH_H
#define OUT_PATH_H
#include "pipeline/pipeline.h"

typedef struct OutPath {
    const Pipeline    *pipeline;                       /* NULL outside of one                                 */
    const char *const *in;                             /* files that are read; NULL entries are none          */
    size_t             ins;
    bool               declared;                       /* `out` is the place of a dataset or model that was named */
} OutPath;
/* E_USAGE when `out` (NULL: nothing is written) is one of the inputs, by whatever name or link, or lies in a dataset. */
bool out_free(const OutPath *q, const char *out, Err *e);

#endif
