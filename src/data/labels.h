/* labels.h - labels that are probably wrong: confident learning (num/confident.h) over a dataset.
 *
 * Without probabilities of a model of their own, users get those of the ten nearest other rows: a row's own label never
 * votes for it, so they are out of fold in the strictest way.  Columns of like range are compared as they are (pixels),
 * others each divided by its standard deviation. */
#ifndef DATA_LABELS_H
#define DATA_LABELS_H
#include "base/pool.h"
#include "finding/finding.h"
#include "format/table.h"
#include "num/confident.h"

enum { LABEL_NEIGHBOURS = 10, LABEL_FINDINGS = 1000 };

typedef struct LabelIssue {
    uint64_t row;                                      /* from 0                            */
    double   score;                                    /* 1 - confident_margin: high is odd */
    uint32_t given, suggested;                         /* classes of the matrix             */
} LabelIssue;

typedef struct LabelNoise {
    Confident   found;
    double     *score;                                 /* of each row */
    LabelIssue *v;                                     /* the surest first */
    size_t      n;
    double      noise;                                 /* share of wrong labels, by estimate: off the joint's diagonal */
} LabelNoise;

/* That the labels are classes at all: E_LIMIT above CONFIDENT_CLASSES_MAX. */
bool labels_few(const Matrix *m, Err *e);
/* rows * classes probabilities from an npy file whose columns are the classes in their order. */
bool labels_probabilities(Arena *a, const char *npy, const Matrix *m, double **out, Err *e);
/* Shares of the labels of the nearest other rows. */
bool labels_by_neighbours(Arena *a, Pool *pool, const Matrix *m, double **out, Err *e);
bool labels_find(Arena *a, const Matrix *m, const double *p, Prune prune, LabelNoise *out, Err *e);
/* One for each of the LABEL_FINDINGS surest. */
bool labels_findings(const LabelNoise *n, const Matrix *m, Str part, Str subject, Findings *to);

#endif
