/* forest_fast.c - scores of many rows; see forest.h. */
#include "num/forest_parts.h"

enum { CHUNK = 4096 };                                 /* rows of one piece of work */

typedef struct Scoring {
    const Forest *f;
    const float  *x;
    size_t        rows;
    double       *score;
} Scoring;

static void score_chunk(void *arg, size_t i)
{
    const Scoring *s = arg;
    size_t         from = i * CHUNK, to = s->rows - from < CHUNK ? s->rows : from + CHUNK;
    for (; from < to; from++)
        s->score[from] = forest_score(s->f, s->x + from * s->f->features);
}

void forest_scores(const Forest *f, Pool *pool, const float *x, size_t rows, double *score)
{
    Scoring s = { f, x, rows, score };
    pool_each(pool, (rows + CHUNK - 1) / CHUNK, score_chunk, &s);
}
