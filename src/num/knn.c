/* knn.c - see knn.h. */
#include "num/knn.h"
#include "num/knn_tile.h"
#include <math.h>

enum { ASKING = 128, ASKED = 256 };                    /* rows of a block on either side: multiples of a tile's */

void knn_tile_plain(const float *const x[static KNN_ROWS], const float *panel, size_t n, float *out, size_t stride)
{
    for (size_t i = 0; i < KNN_ROWS; i++) {
        float sum[KNN_PANEL] = { 0 };
        for (size_t f = 0; f < n; f++)
            for (size_t j = 0; j < KNN_PANEL; j++)
                sum[j] += x[i][f] * panel[f * KNN_PANEL + j];
        memcpy(out + i * stride, sum, sizeof sum);
    }
}

typedef struct Near {
    double   distance;
    uint32_t row;
} Near;

typedef struct Search {
    KnnTile       *tile;
    const float   *x;                                  /* less the columns' means */
    const float   *norm;                               /* |x|^2 of each row       */
    size_t         rows, cols, k, candidates;
    uint32_t      *near;
    bool          *failed;                             /* of each block           */
} Search;

/* The candidates of one row so far: a heap, the farthest on top. */
typedef struct Heap {
    Near  *v;
    size_t n;
} Heap;

static bool farther(const Near *a, const Near *b) { return a->distance != b->distance ? a->distance > b->distance : a->row > b->row; }

static void sink(Heap *h, size_t at)
{
    Near v = h->v[at];
    for (size_t child; (child = 2 * at + 1) < h->n; at = child) {
        child += child + 1 < h->n && farther(&h->v[child + 1], &h->v[child]);
        if (!farther(&h->v[child], &v))
            break;
        h->v[at] = h->v[child];
    }
    h->v[at] = v;
}

static void offer(Heap *h, size_t most, Near v)
{
    if (h->n == most) {
        if (farther(&h->v[0], &v))
            h->v[0] = v, sink(h, 0);
        return;
    }
    size_t at = h->n++;
    for (; at > 0 && farther(&v, &h->v[(at - 1) / 2]); at = (at - 1) / 2)
        h->v[at] = h->v[(at - 1) / 2];
    h->v[at] = v;
}

static int nearest_first(const void *x, const void *y)
{
    const Near *a = x, *b = y;
    return farther(a, b) - farther(b, a);
}

static double distance(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)a[i] - (double)b[i];
        sum += d * d;
    }
    return sum;
}

static void settle(const Search *s, size_t row, Heap *h)
{
    for (size_t i = 0; i < h->n; i++)
        h->v[i].distance = distance(s->x + row * s->cols, s->x + h->v[i].row * s->cols, s->cols);
    qsort(h->v, h->n, sizeof *h->v, nearest_first);
    for (size_t j = 0; j < s->k; j++)
        s->near[row * s->k + j] = h->v[j].row;
}

static void offer_block(const Search *s, size_t row, size_t from, size_t n, const float *product, Heap *h)
{
    for (size_t j = 0; j < n; j++) {
        double d = (double)(s->norm[from + j] - 2 * product[j]);
        if (from + j != row && (h->n < s->candidates || d <= h->v[0].distance))
            offer(h, s->candidates, (Near){ d, (uint32_t)(from + j) });
    }
}

/* Rows [from, from + n) as panels; what a panel lacks is 0. */
static void pack(const Search *s, size_t from, size_t n, float *panel)
{
    for (size_t p = 0; p < n; p += KNN_PANEL, panel += s->cols * KNN_PANEL)
        for (size_t j = 0; j < KNN_PANEL; j++)
            for (size_t f = 0; f < s->cols; f++)
                panel[f * KNN_PANEL + j] = p + j < n ? s->x[(from + p + j) * s->cols + f] : 0;
}

/* product[i * ASKED + j] of n rows with the m packed ones. */
static void multiply(const Search *s, const float *const *row, size_t n, const float *panel, size_t m, float *product)
{
    for (size_t p = 0; p < m; p += KNN_PANEL)
        for (size_t i = 0; i < n; i += KNN_ROWS)
            s->tile(row + i, panel + p * s->cols, s->cols, product + i * ASKED + p, ASKED);
}

static void search_block(void *arg, size_t block)
{
    const Search *s = arg;
    size_t        from = block * ASKING, n = s->rows - from < ASKING ? s->rows - from : ASKING;
    float        *product = malloc((size_t)ASKING * ASKED * sizeof *product);
    float        *panel = malloc((size_t)ASKED * s->cols * sizeof *panel);
    Near         *near = malloc(ASKING * s->candidates * sizeof *near);
    const float  *row[ASKING];
    Heap          heap[ASKING];
    s->failed[block] = product == NULL || panel == NULL || near == NULL;
    for (size_t i = 0; i < ASKING && near != NULL; i++)  /* a tile at the edge repeats the last row */
        row[i] = s->x + (from + (i < n ? i : n - 1)) * s->cols, heap[i] = (Heap){ near + i * s->candidates, 0 };
    for (size_t to = 0; to < s->rows && !s->failed[block]; to += ASKED) {
        size_t m = s->rows - to < ASKED ? s->rows - to : ASKED;
        pack(s, to, m, panel);
        multiply(s, row, n, panel, m, product);
        for (size_t i = 0; i < n; i++)
            offer_block(s, from + i, to, m, product + i * ASKED, &heap[i]);
    }
    for (size_t i = 0; i < n && !s->failed[block]; i++)
        settle(s, from + i, &heap[i]);
    free(product), free(panel), free(near);
}

/* Distances do not change, but small numbers lose less in |y|^2 - 2xy. */
static void centre(const float *x, size_t rows, size_t cols, float *out, float *norm)
{
    for (size_t c = 0; c < cols; c++) {
        double sum = 0;
        for (size_t r = 0; r < rows; r++)
            sum += (double)x[r * cols + c];
        for (size_t r = 0; r < rows; r++)
            out[r * cols + c] = (float)((double)x[r * cols + c] - sum / (double)rows);
    }
    for (size_t r = 0; r < rows; r++) {
        double sum = 0;
        for (size_t c = 0; c < cols; c++)
            sum += (double)out[r * cols + c] * (double)out[r * cols + c];
        norm[r] = (float)sum;
    }
}

bool knn_others(Pool *pool, const float *x, size_t rows, size_t cols, size_t k, uint32_t *near, Err *e)
{
    size_t blocks = (rows + ASKING - 1) / ASKING, most = 2 * k + 8;
    bool   fast = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    Search s = { fast ? knn_tile_avx2 : knn_tile_plain, NULL, NULL, rows, cols, k, most < rows ? most : rows - 1, near, calloc(blocks, sizeof *s.failed) };
    float *mine = calloc(rows * (cols + 1), sizeof *mine);
    bool   ok = mine != NULL && s.failed != NULL;
    assert(k < rows && k <= KNN_MAX && rows < UINT32_MAX);
    if (ok) {
        s.x = mine, s.norm = mine + rows * cols;
        centre(x, rows, cols, mine, mine + rows * cols);
        pool_each(pool, blocks, search_block, &s);
    }
    for (size_t i = 0; ok && i < blocks; i++)
        ok = !s.failed[i];
    free(mine), free(s.failed);
    return ok || err_nomem(e);
}
