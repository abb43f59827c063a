/* outliers.h - rows unlike the others, by an isolation forest, and what sets each of them apart.
 *
 * The forest is fitted on the rows and scores the same rows, or was fitted before and is loaded.  Without a contamination
 * a row is odd above score 0.5; with one, that share of the training rows is.  Why a row is odd is told by its features:
 * forest_blame's shares beyond those of an ordinary row (the mean over up to 256 of them), made to add up to 1. */
#ifndef DATA_OUTLIERS_H
#define DATA_OUTLIERS_H
#include "finding/finding.h"
#include "format/table.h"
#include "num/forest.h"

enum { OUTLIER_REASONS = 3, OUTLIER_FINDINGS = 1000 };

typedef struct Reason {
    uint32_t feature;
    float    value;
    double   share;                                    /* of what sets the row apart; 0: no reason          */
    double   quantile;                                 /* share of rows with a smaller value, half of equal ones */
} Reason;

typedef struct Outlier {
    uint64_t row;                                      /* from 0 */
    double   score;
    Reason   why[OUTLIER_REASONS];                     /* the strongest first */
} Outlier;

typedef struct OutlierAsk {
    ForestAsk     forest;
    const Forest *loaded;                              /* NULL: fit one                            */
    double        contamination;                       /* 0: as the forest has it, else above 0.5  */
    bool          impute;                              /* put the column's median for missing cells */
} OutlierAsk;

typedef struct Outliers {
    Forest   forest;
    double  *score;                                    /* of each row, 0..1; high is odd */
    Outlier *v;                                        /* the oddest first               */
    size_t   n;
} Outliers;

/* Puts fill[column] for missing cells; *fill NULL: the medians, made here.  Infinite cells, and missing ones without `impute`, are
 * errors with row and column. */
bool missing_fill(Arena *a, Matrix *m, bool impute, float **fill, uint64_t *filled, Err *e);

/* Missing cells of m->x are filled in place.  Infinite cells, and missing ones without `impute`, are errors with row and column. */
bool outliers_find(Arena *a, Pool *pool, Matrix *m, const OutlierAsk *ask, Outliers *out, uint64_t *filled, Err *e);
/* One for each of the OUTLIER_FINDINGS oddest rows. */
bool outliers_findings(const Outliers *o, const Matrix *m, Str part, Str subject, Findings *to);
/* "x3 = 25 (above 99.9 % of the rows)" */
void reason_text(const Matrix *m, const Reason *r, Buf *out);

#endif
