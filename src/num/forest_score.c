/* forest_score.c - what a forest says of a row, in plain C: the truth. */
#include "num/forest_parts.h"
#include "num/order.h"
#include <math.h>

static const double ln2_high = 0x1.62e42fefa3800p-1, ln2_low = 0x1.ef35793c76730p-45, euler = 0.5772156649015329;

/* libm chooses its code by the processor and may differ in the last bit; these two do not.  ln(n) = k ln 2 + 2 artanh s. */
static double logarithm(double n)
{
    int    k;
    double m = frexp(n, &k);
    if (m < 0.70710678118654752)
        m *= 2, k--;
    double s = (m - 1) / (m + 1), s2 = s * s, sum = 0;
    for (int i = 23; i >= 3; i -= 2)                   /* |s| < .1716: the next term is below 1e-18 */
        sum = (sum + 1.0 / i) * s2;
    return k * ln2_high + (2 * s + (2 * s * sum + k * ln2_low));
}

/* 2^x for x <= 0: e^(r ln 2) by its series for |r| <= 1/2, then the exponent. */
static double power_of_two(double x)
{
    double k = floor(x + 0.5), r = (x - k) * 0.69314718055994531, sum = 1;
    for (int i = 14; i >= 1; i--)
        sum = 1 + r * sum / i;
    return k < -1100 ? 0 : ldexp(sum, (int)k);
}

double forest_average(uint64_t n)
{
    if (n <= 2)
        return n == 2;
    return 2 * (logarithm((double)(n - 1)) + euler) - 2 * (double)(n - 1) / (double)n;
}

double forest_score_of(const Forest *f, double sum)
{
    return f->typical == 0 ? 0.5 : power_of_two(-sum / f->typical);
}

double forest_typical(const Forest *f)
{
    double sum = 0;
    for (uint32_t t = 0; t < f->trees; t++)
        sum += forest_average(f->samples);
    return sum;
}

double forest_score(const Forest *f, const float *row)
{
    double sum = 0;
    for (uint32_t t = 0; t < f->trees; t++) {
        const ForestNode *tree = f->node + f->root[t], *at = tree;
        while (at->feature != FOREST_LEAF)
            at = row[at->feature] <= at->threshold ? at + 1 : tree + at->right;
        sum += at->length;
    }
    return forest_score_of(f, sum);
}

bool forest_contaminate(Forest *f, const double *score, size_t rows, double share, Err *e)
{
    if (!(share > 0 && share <= 0.5))
        return err_set(e, E_USAGE, "contamination is a share above 0 and up to 0.5, not %g", share);
    double *negative = malloc(rows * sizeof *negative);
    if (negative == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < rows; i++)
        negative[i] = -score[i];
    f->contamination = share;
    f->offset = order_quantile(negative, rows, 100.0 * share / 100);
    free(negative);
    return true;
}

static void blame_tree(const ForestNode *tree, const float *row, double *share)
{
    const ForestNode *at = tree;
    for (unsigned depth = 0; at->feature != FOREST_LEAF; depth++) {
        const ForestNode *next = row[at->feature] <= at->threshold ? at + 1 : tree + at->right;
        share[at->feature] += (logarithm(at->n) - logarithm(next->n)) / (depth + 1);
        at = next;
    }
}

void forest_blame(const Forest *f, const float *row, double *share)
{
    double sum = 0;
    memset(share, 0, f->features * sizeof *share);
    for (uint32_t t = 0; t < f->trees; t++)
        blame_tree(f->node + f->root[t], row, share);
    for (uint32_t i = 0; i < f->features; i++)
        sum += share[i];
    for (uint32_t i = 0; sum > 0 && i < f->features; i++)
        share[i] /= sum;
}
