/* forest_fast.c - scores of many rows: by the forest's program where the processor has AVX2, it fits and it pays. */
#include "num/forest_parts.h"

enum {
    CHUNK = 4096,                                      /* rows of one piece of work    */
    WORTH = 512                                        /* rows from which a program pays */
};

typedef struct Scoring {
    const Forest  *f;
    const ForestProgram *p;                                  /* NULL: by forest_score */
    const float   *x;
    size_t         rows;
    double        *score;
} Scoring;

static void score_block(const Scoring *s, const float *x, int16_t (*code)[FOREST_BLOCK], double sum[static FOREST_BLOCK])
{
    const ForestProgram *p = s->p;
    memset(sum, 0, FOREST_BLOCK * sizeof *sum);
    for (uint32_t i = 0; i < p->used; i++)
        forest_codes_avx2(&p->scale[i], x, s->f->features, code[i]);
    for (uint32_t t = 0; t < s->f->trees; t++)
        forest_run_avx2(p->step + p->step_from[t], p->step_from[t + 1] - p->step_from[t], p->leaves, code, code + p->used,
                        p->length + (size_t)t * p->leaves, sum);
}

static size_t score_blocks(const Scoring *s, size_t from, size_t to)
{
    const ForestProgram *p = s->p;
    double         sum[FOREST_BLOCK];
    int16_t (*code)[FOREST_BLOCK] = aligned_alloc(FOREST_BLOCK, (p->used + p->leaves + p->steps) * sizeof *code);
    if (code == NULL)
        return from;
    for (uint32_t l = 0; l < p->leaves; l++)
        for (int r = 0; r < FOREST_BLOCK; r++)
            code[p->used + l][r] = (int16_t)l;
    for (; to - from >= FOREST_BLOCK; from += FOREST_BLOCK) {
        score_block(s, s->x + from * s->f->features, code, sum);
        for (int r = 0; r < FOREST_BLOCK; r++)
            s->score[from + (size_t)r] = forest_score_of(s->f, sum[r]);
    }
    free(code);
    return from;
}

static void score_chunk(void *arg, size_t i)
{
    const Scoring *s = arg;
    size_t         from = i * CHUNK, to = s->rows - from < CHUNK ? s->rows : from + CHUNK;
    if (s->p != NULL)
        from = score_blocks(s, from, to);
    for (; from < to; from++)
        s->score[from] = forest_score(s->f, s->x + from * s->f->features);
}

void forest_scores(const Forest *f, Pool *pool, const float *x, size_t rows, double *score)
{
    ForestProgram p = { 0 };
    Scoring       s = { f, NULL, x, rows, score };
    if (rows >= WORTH && __builtin_cpu_supports("avx2") && (p.a = arena_new(SIZE_MAX / 2)) != NULL)
        s.p = forest_program(f, &p) ? &p : NULL;
    pool_each(pool, (rows + CHUNK - 1) / CHUNK, score_chunk, &s);
    arena_free(p.a);
}
