/* rowdiff.c - see rowdiff.h. */
#include "data/rowdiff.h"
#include <errno.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };

/* ---- one side: its chunk roots, and the first 8 bytes of each leaf while there are not too many */

typedef struct Side {
    Rows    *reader;
    RowSum   sum;
    Buf      leaves;                                   /* uint64_t each */
    uint64_t rows;
} Side;

static void keep_leaf(void *ctx, uint64_t row, const Digest *leaf)
{
    Side *s = ctx;
    s->rows = row + 1;
    if (row < ROWDIFF_ROWS)
        buf_put(&s->leaves, leaf->b, sizeof(uint64_t));
}

static bool side_begin(Side *s, RowKind kind, uint64_t bytes, Err *e)
{
    *s = (Side){ 0 };
    s->reader = rows_new(kind, bytes, (RowTap){ keep_leaf, s });
    return s->reader != NULL || err_nomem(e);
}

static bool side_piece(void *ctx, Str piece, bool last, Err *e)
{
    Side *s = ctx;
    if (!rows_feed(s->reader, piece, last, e))
        return false;
    return !last || (rows_sum(s->reader, &s->sum, e) && (!s->leaves.bad || err_nomem(e)));
}

static void side_free(Side *s)
{
    rows_free(s->reader);
    row_sum_free(&s->sum);
    buf_free(&s->leaves);
}

static bool read_piece(int fd, char *to, size_t n, uint64_t at, size_t *got, Err *e)
{
    for (*got = 0; *got < n;) {
        ssize_t k = pread(fd, to + *got, n - *got, (off_t)(at + *got));
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return err_set(e, E_IO, "%m");
        if (k == 0)
            break;
        *got += (size_t)k;
    }
    return true;
}

static bool side_read(Side *s, int fd, uint64_t bytes, Err *e)
{
    char    *piece = malloc(PIECE);
    bool     ok = piece != NULL || err_nomem(e);
    uint64_t at = 0;
    for (bool last = false; ok && !last;) {
        size_t got = 0;
        ok = read_piece(fd, piece, PIECE, at, &got, e);
        at += got;
        last = got < PIECE || at >= bytes;
        ok = ok && side_piece(s, (Str){ piece, got }, last, e);
    }
    free(piece);
    return ok;
}

/* ---- both */

static void add(RowDiff *d, uint64_t from, uint64_t to, uint64_t was, uint64_t is)
{
    d->changed += was > is ? was : is;
    if (d->count < ROWDIFF_RANGES)
        d->range[d->count++] = (RowRange){ from, to, was, is };
    else
        d->more++;
}

typedef struct Middle {                                /* what is left when equal ends are off */
    const uint64_t *was, *is;
    uint64_t        n, m;
} Middle;

/* Whether rows go on alike from here, or both sides end. */
static bool alike(const Middle *t, uint64_t i, uint64_t k)
{
    enum { ENOUGH = 3 };
    if (i > t->n || k > t->m)
        return false;
    uint64_t left = t->n - i < t->m - k ? t->n - i : t->m - k, want = left < ENOUGH ? left : ENOUGH;
    if (want == 0)
        return i == t->n && k == t->m;
    return memcmp(t->was + i, t->is + k, want * sizeof *t->was) == 0;
}

/* How many rows to pass on each side until they go on alike: any few, or many that were only changed, removed or added. */
static bool resume(const Middle *t, uint64_t i, uint64_t k, uint64_t *a, uint64_t *b)
{
    enum { FEW = 64, MANY = 64 << 10 };
    for (uint64_t sum = 1; sum <= FEW; sum++)
        for (*a = 0; *a <= sum; ++*a)
            if (*b = sum - *a, alike(t, i + *a, k + *b))
                return true;
    for (uint64_t d = FEW / 2; d <= MANY; d++) {
        const uint64_t pass[][2] = { { d, d }, { d, 0 }, { 0, d } };
        for (size_t way = 0; way < len_of(pass); way++)
            if (*a = pass[way][0], *b = pass[way][1], alike(t, i + *a, k + *b))
                return true;
    }
    return false;
}

static void compare_rows(RowDiff *d, const Middle *t, uint64_t from)
{
    uint64_t i = 0, k = 0, a, b;
    while (i < t->n || k < t->m) {
        if (i < t->n && k < t->m && t->was[i] == t->is[k]) {
            i++, k++;
            continue;
        }
        if (!resume(t, i, k, &a, &b))
            a = t->n - i, b = t->m - k;
        add(d, from + i, from + k, a, b);
        i += a, k += b;
    }
}

static void compare_leaves(RowDiff *d, const Buf *was, const Buf *is)
{
    const uint64_t *a = (const uint64_t *)(const void *)was->p, *b = (const uint64_t *)(const void *)is->p;
    uint64_t        n = was->n / sizeof *a, m = is->n / sizeof *b, least = n < m ? n : m, head = 0, tail = 0;
    while (head < least && a[head] == b[head])
        head++;
    while (tail < least - head && a[n - 1 - tail] == b[m - 1 - tail])
        tail++;
    compare_rows(d, &(Middle){ a + head, b + head, n - head - tail, m - head - tail }, head);
}

static uint64_t rows_in(uint64_t chunk, uint64_t rows)
{
    uint64_t at = chunk * ROWS_CHUNK;
    return at >= rows ? 0 : rows - at < ROWS_CHUNK ? rows - at : ROWS_CHUNK;
}

static void compare_chunks(RowDiff *d, const Buf *was, const Buf *is)
{
    uint64_t n = was->n / sizeof(Digest), m = is->n / sizeof(Digest), most = n > m ? n : m;
    for (uint64_t i = 0; i < most;) {
        uint64_t start = i, a = 0, b = 0;
        for (; i < most && (i >= n || i >= m || memcmp(was->p + i * sizeof(Digest), is->p + i * sizeof(Digest), sizeof(Digest)) != 0); i++)
            a += rows_in(i, d->rows_before), b += rows_in(i, d->rows_after);
        if (i > start)
            add(d, start * ROWS_CHUNK, start * ROWS_CHUNK, a, b);
        else
            i++;
    }
}

static void compare_sides(RowDiff *d, const Side *was, const Side *is)
{
    d->rows_before = was->rows, d->rows_after = is->rows;
    d->chunks = was->rows > ROWDIFF_ROWS || is->rows > ROWDIFF_ROWS;
    if (digest_eq(&was->sum.root, &is->sum.root))
        return;
    if (d->chunks)
        compare_chunks(d, &was->sum.roots, &is->sum.roots);
    else
        compare_leaves(d, &was->leaves, &is->leaves);
}

bool row_diff(const Store *s, const TreeEntry *was, RowKind kind, int fd, uint64_t bytes, RowDiff *out, bool *ours, Err *e)
{
    Side a = { 0 }, b = { 0 };
    *out = (RowDiff){ 0 };
    *ours = true;
    bool ok = side_begin(&b, kind, bytes, e) && side_read(&b, fd, bytes, e);
    if (ok) {
        *ours = false;
        ok = side_begin(&a, kind, was->size, e) && stored_each(s, was, side_piece, &a, e);
    }
    if (ok)
        compare_sides(out, &a, &b);
    side_free(&a), side_free(&b);
    return ok;
}

/* ---- bytes */

typedef struct Compare {
    int       fd;
    uint64_t  at;
    char     *piece;
    size_t    room;
    ByteDiff *out;
} Compare;

static bool compare_piece(void *ctx, Str piece, bool last, Err *e)
{
    Compare *c = ctx;
    size_t   got;
    (void)last;
    if (piece.n > c->room) {
        char *p = realloc(c->piece, piece.n);
        if (p == NULL)
            return err_nomem(e);
        c->piece = p, c->room = piece.n;
    }
    if (!read_piece(c->fd, c->piece, piece.n, c->at, &got, e))
        return false;
    if (got == 0 || memcmp(c->piece, piece.p, got) == 0)
        got = 0;
    for (size_t i = 0; i < got; i++) {
        if (c->piece[i] == piece.p[i])
            continue;
        if (!c->out->differs)
            c->out->first = c->at + i;
        c->out->differs = true, c->out->last = c->at + i;
    }
    c->at += piece.n;
    return true;
}

bool byte_diff(const Store *s, const TreeEntry *was, int fd, uint64_t bytes, ByteDiff *out, Err *e)
{
    Compare c = { .fd = fd, .out = out };
    *out = (ByteDiff){ .before = was->size, .after = bytes };
    bool ok = stored_each(s, was, compare_piece, &c, e);
    free(c.piece);
    return ok;
}
