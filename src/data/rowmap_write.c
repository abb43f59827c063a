/* rowmap_write.c - the shortest way to say it; see rowmap.h. */
#include "data/rowmap.h"

typedef struct Shape {                                 /* what the edges look like */
    const MapInput *in;
    uint32_t        inputs;
    const uint32_t *from;
    const uint8_t  *evidence;
    uint64_t        rows, total;
    bool            rising, any;                       /* strictly, and each known; any row known */
} Shape;

enum { RUNS_FEW = 64 };

/* ---- evidence: rows of unknown origin go on with what was before them */

static unsigned code_at(const Shape *s, uint64_t i, unsigned before) { return s->from[i] == NOWHERE ? before : s->evidence[i]; }

static uint64_t evidence_runs(const Shape *s, Buf *out)
{
    uint64_t count = 0;
    unsigned code = 0;
    for (uint64_t i = 0; i < s->rows;) {
        uint64_t start = i;
        code = code_at(s, i, code);
        while (i < s->rows && code_at(s, i, code) == code)
            i++;
        buf_varint(out, (i - start) << 2 | code);
        count++;
    }
    return count;
}

static uint64_t packed_code(const void *ctx, uint64_t i)
{
    const Shape *s = ctx;
    return code_at(s, i, 0);
}

static void put_evidence(Buf *out, const Shape *s)
{
    defer_buf Buf runs = { 0 };
    uint64_t      count = evidence_runs(s, &runs);
    bool          packed = runs.n > RUNS_FEW && runs.n > s->rows / 32;   /* many runs are slow to ask, so two bits a row pay */
    out->bad |= runs.bad;
    buf_byte(out, packed);
    if (packed) {
        bits_put(out, s->rows, 2, packed_code, s);
        return;
    }
    buf_varint(out, count);
    buf_str(out, buf_view(&runs));
}

/* ---- runs */

static uint32_t input_of(const Shape *s, uint64_t id, uint64_t *first)
{
    uint32_t k = 0;
    for (*first = 0; k < s->inputs && id - *first >= s->in[k].rows; k++)
        *first += s->in[k].rows;
    return k;
}

static uint64_t zigzag(int64_t v) { return (uint64_t)v << 1 ^ (uint64_t)(v >> 63); }

/* Up to `most` bytes of runs, for longer ones are not wanted. */
static uint64_t put_runs(Buf *out, const Shape *s, uint64_t most)
{
    uint64_t count = 0, end = 0;
    uint32_t before = UINT32_MAX;
    for (uint64_t i = 0; i < s->rows && out->n <= most; count++) {
        uint64_t id = s->from[i], start = i, first = 0, room = UINT64_MAX;
        uint32_t k = s->inputs;
        if (id != NOWHERE)
            k = input_of(s, id, &first), room = s->in[k].rows - (id - first);
        for (i++; i < s->rows && i - start < room && s->from[i] == (id == NOWHERE ? NOWHERE : id + (i - start)); i++)
            ;
        uint64_t at = id == NOWHERE ? 0 : id - first;
        buf_varint(out, k);
        buf_varint(out, zigzag((int64_t)(at - (k == before && id != NOWHERE ? end : 0))));
        buf_varint(out, i - start);
        before = k, end = at + (i - start);
    }
    return count;
}

/* ---- select */

static uint64_t kept_at(const void *ctx, uint64_t i) { return ((const Shape *)ctx)->from[i]; }


static void put_bitmap(Buf *out, const Shape *s)
{
    uint8_t byte = 0;
    for (uint64_t id = 0, i = 0; id < s->total; id++) {
        if (i < s->rows && s->from[i] == id)
            byte |= (uint8_t)(1u << id % 8), i++;
        if (id % 8 == 7 || id + 1 == s->total)
            buf_byte(out, byte), byte = 0;
    }
}

static uint64_t word_of(const void *ctx, uint64_t i)
{
    const uint32_t *v = ctx;
    return v[i];
}

static void put_dropped(Buf *out, const Shape *s)
{
    uint64_t  n = s->total - s->rows, k = 0;
    uint32_t *v = malloc((n + 1) * sizeof *v);
    if (v == NULL) {
        out->bad = true;
        return;
    }
    for (uint64_t id = 0, i = 0; id < s->total; id++) {
        if (i < s->rows && s->from[i] == id)
            i++;
        else
            v[k++] = (uint32_t)id;
    }
    rising_put(out, n, s->total, word_of, v);
    free(v);
}

static void put_select(Buf *out, const Shape *s, unsigned form)
{
    buf_byte(out, (uint8_t)form);
    if (form == 0)
        put_bitmap(out, s);
    else if (form == 1)
        rising_put(out, s->rows, s->total, kept_at, s);
    else
        put_dropped(out, s);
}

static unsigned best_form(const Shape *s, uint64_t *bytes)
{
    const uint64_t size[] = { bits_bytes(s->total), rising_bytes(s->rows, s->total), rising_bytes(s->total - s->rows, s->total) };
    unsigned       best = 0;
    for (unsigned i = 1; i < len_of(size); i++)
        if (size[i] < size[best])
            best = i;
    *bytes = 1 + size[best];
    return best;
}

/* ---- perm */

static unsigned width_of(uint64_t total)               /* of the values 0..total */
{
    return total == 0 ? 0 : 64 - (unsigned)__builtin_clzll(total);
}

static uint64_t perm_at(const void *ctx, uint64_t i)
{
    const Shape *s = ctx;
    return s->from[i] == NOWHERE ? s->total : s->from[i];
}

static void put_perm(Buf *out, const Shape *s)
{
    buf_byte(out, (uint8_t)width_of(s->total));
    bits_put(out, s->rows, width_of(s->total), perm_at, s);
}

/* ---- all of it */

static MapKind put_edges(Buf *out, const Shape *s)
{
    defer_buf Buf runs = { 0 };
    uint64_t      other;
    unsigned      form = best_form(s, &other);
    if (!s->any && s->rows > 0)
        return MAP_OPAQUE;
    if (!s->rising)
        other = 1 + bits_bytes(s->rows * width_of(s->total));
    uint64_t count = put_runs(&runs, s, other);
    out->bad |= runs.bad;
    if (runs.n <= other) {
        buf_varint(out, count);
        buf_str(out, buf_view(&runs));
        return MAP_RUNS;
    }
    if (s->rising)
        return put_select(out, s, form), MAP_SELECT;
    return put_perm(out, s), MAP_PERM;
}

static bool look(Shape *s, Err *e)
{
    if (s->inputs == 0 || s->inputs > MAP_INPUTS_MAX)
        return err_set(e, E_LIMIT, "%u inputs; a row map takes 1 to %d", s->inputs, MAP_INPUTS_MAX);
    for (uint32_t i = 0; i < s->inputs; i++)
        if (s->in[i].rows > MAP_ROWS_MAX || (s->total += s->in[i].rows) > MAP_ROWS_MAX)
            return err_set(e, E_LIMIT, "more than %u input rows", MAP_ROWS_MAX);
    if (s->rows > MAP_ROWS_MAX)
        return err_set(e, E_LIMIT, "more than %u output rows", MAP_ROWS_MAX);
    s->rising = true;
    for (uint64_t i = 0; i < s->rows; i++) {
        assert(s->from[i] == NOWHERE || s->from[i] < s->total);
        s->any |= s->from[i] != NOWHERE;
        s->rising &= s->from[i] != NOWHERE && (i == 0 || s->from[i] > s->from[i - 1]);
    }
    return true;
}

bool rowmap_write(Buf *out, const MapInput *in, uint32_t inputs, const uint32_t *from, const uint8_t *evidence, uint64_t rows, Err *e)
{
    Shape         s = { in, inputs, from, evidence, rows, 0, false, false };
    defer_buf Buf payload = { 0 };
    size_t        begin = out->n;
    if (!look(&s, e))
        return false;
    put_evidence(&payload, &s);
    MapKind kind = put_edges(&payload, &s);
    buf_z(out, "MOATMAP1");
    buf_byte(out, (uint8_t)kind);
    buf_u64(out, rows);
    buf_u32(out, inputs);
    for (uint32_t i = 0; i < inputs; i++)
        buf_put(out, in[i].root.b, sizeof in[i].root.b), buf_u64(out, in[i].rows);
    buf_u64(out, payload.n);
    buf_str(out, buf_view(&payload));
    if (out->bad || payload.bad)
        return err_nomem(e);
    Digest sum = sha256((Str){ out->p + begin, out->n - begin });
    buf_put(out, sum.b, sizeof sum.b);
    return !out->bad || err_nomem(e);
}
