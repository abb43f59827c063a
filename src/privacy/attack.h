/* attack.h - what somebody learns who may only ask: extraction, inversion and membership against a live endpoint.
 *
 * An Oracle answers rows with a score a class, as they were released: all of them, rounded, the best few (the others 0), or
 * a 1 at the label.  Attackers here are adaptive: they look at what is released and take the method that suits it, because a
 * defence is only worth what it does against one who knows it (Tramer et al. 2016; uniformly random questions, for
 * example, saturate a softmax and make rounding look like a defence).
 *
 *     extract.c   all scores: small questions, and a linear system for the log-ratios of scores; otherwise a surrogate
 *                 trained on labels
 *     invert.c    gradient ascent on one class's score by two-point estimates (Fredrikson et al. 2015); with labels alone, the
 *                 centre of the public rows that get the label
 *     member.c    scores of rows that were trained on against rows that were not
 *     endpoint.c  an Oracle over HTTP
 *
 * None of these is an upper bound: a better attack may exist.  Questions are counted in rows.
 * Trusted: the caller.  Not trusted: the endpoint's answers. */
#ifndef ATTACK_H
#define ATTACK_H
#include "finding/finding.h"
#include "privacy/privacy.h"

typedef struct Oracle {
    size_t   features, classes;
    double   low, high;                                /* what a number of a row may be */
    bool (*ask)(void *ctx, const float *x, size_t rows, double *score, Err *e);
    void    *ctx;
    uint64_t queries;                                  /* rows asked so far */
} Oracle;

/* Asks and counts.  score[rows * classes]. */
bool oracle_ask(Oracle *o, const float *x, size_t rows, double *score, Err *e);

/* What scores look like. */
typedef struct Released {
    size_t shown;                                      /* most classes of a row whose score is not 0 */
    double unit;                                       /* all scores are multiples of it; 0: of none down to 1e-7 */
} Released;
Released released_of(const double *score, size_t rows, size_t classes);
const char *released_text(Released r, size_t classes, char out[static 48]);

typedef struct Extraction {
    Mlp         stolen;                                /* a softmax model; answers raw rows after mlp_prepare() */
    double     *theta;                                 /* solved: features + 1 weights a class, less those of class 0; else NULL */
    const char *method;                                /* "solve" or "surrogate" */
    Released    seen;
    uint64_t    queries;
} Extraction;

/* Asks exactly `budget` rows.  `known` are rows like the real ones, unlabelled (NULL: none). */
bool attack_extract(Arena *a, Pool *pool, Oracle *o, const Matrix *known, uint64_t budget, uint64_t seed, Extraction *out, Err *e);
/* Share of rows that the stolen model gives the label that the target gives; asks the target, uncounted. */
bool attack_agreement(Arena *a, Oracle *o, const Mlp *stolen, const Matrix *rows, double *share, Err *e);

typedef struct Inversion {
    float      *x;
    const char *method;                                /* "ascent" or "centre" */
    double      score;                                 /* what the target gives it at the end */
    uint64_t    queries;
} Inversion;
bool attack_invert(Arena *a, Oracle *o, size_t class, const Matrix *known, uint64_t budget, uint64_t seed, Inversion *out, Err *e);
/* Pearson's r of x with the mean of the rows of that class. */
double attack_likeness(const float *x, const Matrix *rows, uint32_t class);

/* The score that each row's own label gets, by the target. */
bool attack_scores(Arena *a, Oracle *o, const Matrix *rows, double **score, Err *e);
typedef struct Membership {
    double auc;                                        /* exact, ties count half */
    double advantage;                                  /* best true positive rate less false positive rate */
} Membership;
Membership attack_membership(Arena *a, const double *in, size_t ins, const double *out, size_t outs);

/* An endpoint that speaks KServe v1 or TensorFlow Serving.  `key` (empty: none) goes into the Authorization header. */
struct HttpClient;
typedef struct Remote {
    const char        *url, *header;                   /* header: "Authorization: Bearer ...", or NULL */
    const char        *ca_file;
    size_t             rows_a_request, features, classes;
    struct HttpClient *client;
    uint64_t           refused;                        /* answers 429 and 503, asked again */
} Remote;
enum { ATTACK_COPIED, ATTACK_MEMBERS };                 /* rows of attack_rules */
extern const Rule   attack_rules[];
extern const size_t attack_rules_len;

bool remote_ask(void *remote, const float *x, size_t rows, double *score, Err *e);

#endif
