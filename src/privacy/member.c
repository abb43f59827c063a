/* member.c - was a row trained on?  By the score of its own label; see attack.h. */
#include "privacy/attack.h"

enum { ASK = 256 };

bool attack_scores(Arena *a, Oracle *o, const Matrix *rows, double **score, Err *e)
{
    double *all = arena_get(a, ASK, o->classes * sizeof *all);
    *score = arena_get(a, rows->rows, sizeof **score);
    if (all == NULL || *score == NULL)
        return err_nomem(e);
    for (uint64_t at = 0; at < rows->rows; at += ASK) {
        size_t n = rows->rows - at < ASK ? rows->rows - at : ASK;
        if (!oracle_ask(o, rows->x + at * rows->cols, n, all, e))
            return false;
        for (size_t i = 0; i < n; i++)
            (*score)[at + i] = rows->label[at + i] < o->classes ? all[i * o->classes + rows->label[at + i]] : 0;
    }
    return true;
}

typedef struct Guess {
    double score;
    bool   member;
} Guess;

static int falling(const void *a, const void *b)
{
    double x = ((const Guess *)a)->score, y = ((const Guess *)b)->score;
    return (x < y) - (x > y);
}

Membership attack_membership(Arena *a, const double *in, size_t ins, const double *out, size_t outs)
{
    Guess     *g = arena_get(a, ins + outs, sizeof *g);
    Membership m = { 0 };
    double     hits = 0, misses = 0, area = 0;
    if (g == NULL || ins == 0 || outs == 0)
        return m;
    for (size_t i = 0; i < ins + outs; i++)
        g[i] = i < ins ? (Guess){ in[i], true } : (Guess){ out[i - ins], false };
    qsort(g, ins + outs, sizeof *g, falling);
    for (size_t i = 0, next; i < ins + outs; i = next) {
        double yes = 0, no = 0;
        for (next = i; next < ins + outs && g[next].score == g[i].score; next++)
            yes += g[next].member, no += !g[next].member;
        area += no * (hits + yes / 2);                 /* a tie is half a win */
        hits += yes, misses += no;
        double gap = hits / (double)ins - misses / (double)outs;
        m.advantage = gap > m.advantage ? gap : m.advantage;
    }
    m.auc = area / ((double)ins * (double)outs);
    return m;
}

const Rule attack_rules[] = {
    { "MOAT-P020", SEV_HIGH, "answers give the model away",
      "All scores of a few small questions are a linear system for the weights: what comes out gives the same answers as the model.",
      "release labels alone (output: label_only: true), and a budget of questions for each key", "AML.T0024.002 ML05 LLM10" },
    { "MOAT-P021", SEV_HIGH, "answers tell who was trained on",
      "Rows of the training data get higher scores than others: the model remembers rows, not only what they have in common.",
      "train with more data, --l2 or --epsilon; label_only hides the scores but not the memory", "AML.T0024.000 ML04" },
};
const size_t attack_rules_len = len_of(attack_rules);
