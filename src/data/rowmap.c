/* rowmap.c - reading row maps; see rowmap.h. */
#include "data/rowmap.h"

enum { INPUT_BYTES = 32 + 8, WIDTH_MAX = 32 };

const char *evidence_name(Evidence v)
{
    static const char *const names[EVIDENCES] = { "exact", "key", "projection", "position", "opaque" };
    return names[v];
}

const char *map_kind_name(MapKind k)
{
    switch (k) {
    case MAP_RUNS:   return "runs";
    case MAP_SELECT: return "select";
    case MAP_PERM:   return "perm";
    case MAP_OPAQUE: return "opaque";
    }
    return NULL;
}

static uint64_t cur_varint(Cur *c)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = cur_u8(c);
        if (shift == 63 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return v;
    }
    c->bad = true;
    return 0;
}

/* ---- walking: stretches of output rows that come from input rows one after another */

typedef struct Walk {
    const RowMap *m;
    Cur           c;                                   /* runs      */
    uint32_t      before;
    uint64_t      end;
    uint64_t      done;                                /* output rows, all kinds */
    uint64_t      id;                                  /* bitmap, dropped: next input row */
    RisingWalk    rising;
    const char   *flaw;
} Walk;

typedef struct Stretch {
    uint64_t from, rows;                               /* from NOWHERE: unknown */
} Stretch;

static Walk walk_of(const RowMap *m)
{
    Walk w = { .m = m, .c = cur_of(m->body), .before = UINT32_MAX, .rising = { &m->rising, 0, 0 } };
    if (m->kind == MAP_RUNS)
        cur_varint(&w.c);                              /* their number */
    return w;
}

static bool flawed(Walk *w, const char *why) { return w->flaw = why, false; }

static uint64_t first_of(const RowMap *m, uint32_t input)
{
    uint64_t first = 0;
    for (uint32_t i = 0; i < input; i++)
        first += m->input[i].rows;
    return first;
}

static bool next_run(Walk *w, Stretch *out)
{
    const RowMap *m = w->m;
    uint64_t      k = cur_varint(&w->c), zig = cur_varint(&w->c), n = cur_varint(&w->c);
    uint64_t      at = (zig >> 1 ^ -(zig & 1)) + (k == w->before && k < m->inputs ? w->end : 0);
    if (w->c.bad || k > m->inputs)
        return flawed(w, "a run is cut short or of no input");
    if (n == 0 || n > m->rows - w->done)
        return flawed(w, "a run is empty or longer than the output");
    if (k < m->inputs && (at >= m->input[k].rows || n > m->input[k].rows - at))
        return flawed(w, "a run leaves its input");
    if (k == m->inputs && at != 0)
        return flawed(w, "a run of unknown origin has a start");
    w->before = (uint32_t)k, w->end = at + n;
    *out = (Stretch){ k < m->inputs ? first_of(m, (uint32_t)k) + at : NOWHERE, n };
    return true;
}

static bool next_bit(Walk *w, Stretch *out)
{
    uint64_t at = bits_next(w->m->body, w->id);
    if (at >= w->m->total)
        return flawed(w, "fewer rows are kept than the output has");
    for (w->id = at + 1; w->id < w->m->total && bits_get(w->m->body, w->id, 1) == 1; w->id++)
        ;
    *out = (Stretch){ at, w->id - at };
    return true;
}

static bool next_kept(Walk *w, Stretch *out)
{
    *out = (Stretch){ rising_next(&w->rising), 1 };
    return true;
}

static bool next_gap(Walk *w, Stretch *out)
{
    for (;;) {
        uint64_t from = w->id, dropped = rising_next(&w->rising);
        if (dropped > w->m->total)
            dropped = w->m->total;                     /* none is left */
        if (dropped == from && dropped == w->m->total)
            return flawed(w, "fewer rows are kept than the output has");
        w->id = dropped + 1;
        if (dropped > from)
            return *out = (Stretch){ from, dropped - from }, true;
    }
}

static bool next_index(Walk *w, Stretch *out)
{
    uint64_t v = bits_get(w->m->body, w->done * w->m->form, w->m->form);
    if (v > w->m->total)
        return flawed(w, "an index lies past the inputs");
    *out = (Stretch){ v == w->m->total ? NOWHERE : v, 1 };
    return true;
}

static bool next_of_kind(Walk *w, Stretch *out)
{
    switch (w->m->kind) {
    case MAP_RUNS:   return next_run(w, out);
    case MAP_SELECT: return w->m->form == 0 ? next_bit(w, out) : w->m->form == 1 ? next_kept(w, out) : next_gap(w, out);
    case MAP_PERM:   return next_index(w, out);
    case MAP_OPAQUE: return *out = (Stretch){ NOWHERE, w->m->rows }, true;
    }
    return false;
}

/* False at the end, or with w->flaw. */
static bool walk_next(Walk *w, Stretch *out)
{
    if (w->done == w->m->rows || !next_of_kind(w, out))
        return false;
    if (out->rows > w->m->rows - w->done)
        return flawed(w, "more rows are kept than the output has");
    w->done += out->rows;
    return true;
}

/* ---- evidence */

typedef struct Codes {
    const RowMap *m;
    Cur           c;
    uint64_t      left, at;                            /* of the run; rows passed */
    unsigned      code;
} Codes;

static Codes codes_of(const RowMap *m)
{
    Codes k = { .m = m, .c = cur_of(m->evidence) };
    if (!m->packed)
        cur_varint(&k.c);
    return k;
}

/* The evidence of the next row. */
static unsigned codes_next(Codes *k)
{
    if (k->m->packed)
        return (unsigned)bits_get(k->m->evidence, 2 * k->at++, 2);
    if (k->left == 0) {
        uint64_t v = cur_varint(&k->c);
        k->left = v >> 2, k->code = v & 3;
    }
    k->left--;
    return k->code;
}

static unsigned code_at(const RowMap *m, uint64_t i)
{
    Codes k = codes_of(m);
    if (m->packed)
        return k.at = i, codes_next(&k);
    for (;;) {
        uint64_t v = cur_varint(&k.c);
        if (i < v >> 2 || k.c.bad)
            return v & 3;
        i -= v >> 2;
    }
}

/* ---- checking */

/* Takes the evidence off the front of the payload. */
static bool take_evidence(Cur *c, RowMap *m, Err *e)
{
    uint8_t form = cur_u8(c);
    size_t  start = c->at;
    m->packed = form == 1;
    if (m->packed) {
        m->evidence = cur_bytes(c, bits_bytes(2 * m->rows));
        return (form == 1 && !c->bad) || err_at(e, start, "row map: its evidence is cut short");
    }
    uint64_t count = cur_varint(c), rows = 0;
    for (uint64_t i = 0; i < count && !c->bad; i++) {
        uint64_t n = cur_varint(c) >> 2;
        if (n == 0 || n > m->rows - rows)
            return err_at(e, c->at, "row map: its evidence is for other rows");
        rows += n;
    }
    if (form != 0 || c->bad || rows != m->rows)
        return err_at(e, start, "row map: its evidence is for other rows");
    m->evidence = (Str){ (const char *)c->p + start, c->at - start };
    return true;
}

static bool take_select(Cur *c, RowMap *m, Err *e)
{
    m->form = cur_u8(c);
    if (m->rows > m->total || m->form > 2)
        return err_at(e, c->at, "row map: more rows are kept than there were");
    if (m->form == 0)
        m->body = cur_bytes(c, bits_bytes(m->total));
    else
        rising_take(c, m->form == 1 ? m->rows : m->total - m->rows, m->total, &m->rising);
    return true;
}

static bool take_body(Cur *c, RowMap *m, Err *e)
{
    size_t start = c->at;
    if (m->kind == MAP_SELECT && !take_select(c, m, e))
        return false;
    if (m->kind == MAP_PERM) {
        m->form = cur_u8(c);
        if (m->form > WIDTH_MAX)
            return err_at(e, start, "row map: indexes of %u bits", m->form);
        m->body = cur_bytes(c, bits_bytes(m->rows * m->form));
    }
    if (m->kind == MAP_RUNS)
        m->body = cur_bytes(c, cur_left(c));
    if (c->bad || c->at != c->n)
        return err_at(e, start, "row map: its edges are cut short, or bytes follow them");
    return true;
}

/* Then the kept and the dropped ones are as many as they should be, too. */
static bool check_rising(const Rising *r, uint64_t at, Err *e)
{
    RisingWalk w = { r, 0, 0 };
    uint64_t   least = 0;
    for (uint64_t i = 0; i < r->n; i++) {
        uint64_t v = rising_next(&w);
        if (v >= r->limit || v < least)
            return err_at(e, at, "row map: its rows do not rise");
        least = v + 1;
    }
    return bits_count(r->high) == r->n || err_at(e, at, "row map: its sequence has another length");
}

static bool check_edges(const RowMap *m, uint64_t at, Err *e)
{
    Walk     w = walk_of(m);
    Cur      count = cur_of(m->body);
    Stretch  s;
    uint64_t n = 0;
    if (m->kind == MAP_SELECT && m->form > 0)
        return check_rising(&m->rising, at, e);
    while (walk_next(&w, &s))
        n++;
    if (w.flaw != NULL)
        return err_at(e, at, "row map: %s", w.flaw);
    if (m->kind == MAP_RUNS && (cur_varint(&count) != n || cur_left(&w.c) != 0))
        return err_at(e, at, "row map: other runs than it counts");
    if (m->kind == MAP_SELECT && bits_count(m->body) != m->rows)
        return err_at(e, at, "row map: more rows are kept than the output has");
    return true;
}

static bool take_inputs(Cur *c, RowMap *m, Err *e)
{
    for (uint32_t i = 0; i < m->inputs; i++) {
        Str root = cur_bytes(c, sizeof m->input[i].root.b);
        if (root.n)
            memcpy(m->input[i].root.b, root.p, root.n);
        m->input[i].rows = cur_u64(c);
        if (c->bad || m->input[i].rows > MAP_ROWS_MAX || (m->total += m->input[i].rows) > MAP_ROWS_MAX)
            return err_at(e, c->at, "row map: more than %u input rows, or cut short", MAP_ROWS_MAX);
    }
    return true;
}

static bool sound(Str bytes)
{
    Digest want;
    if (bytes.n < sizeof want)
        return false;
    memcpy(&want, bytes.p + bytes.n - sizeof want, sizeof want);
    Digest got = sha256((Str){ bytes.p, bytes.n - sizeof want });
    return digest_eq(&want, &got);
}

bool rowmap_parse(Str bytes, RowMap *m, Err *e)
{
    if (!sound(bytes))
        return err_set(e, E_FORMAT, "row map: its digest is not that of its bytes");
    Cur c = cur_of((Str){ bytes.p, bytes.n - SHA256_SIZE });
    Str magic = cur_bytes(&c, 8);
    *m = (RowMap){ 0 };
    m->kind = (MapKind)cur_u8(&c);
    m->rows = cur_u64(&c);
    m->inputs = cur_u32(&c);
    if (c.bad || !str_is(magic, "MOATMAP1"))
        return err_at(e, 0, "not a row map");
    if (map_kind_name(m->kind) == NULL)
        return err_at(e, 8, "row map: of kind %d, which this version does not read", (int)m->kind);
    if (m->rows > MAP_ROWS_MAX || m->inputs == 0 || m->inputs > MAP_INPUTS_MAX)
        return err_at(e, 9, "row map: %" PRIu64 " rows of %u inputs", m->rows, m->inputs);
    if (!take_inputs(&c, m, e))
        return false;
    if (cur_u64(&c) != cur_left(&c) || c.bad)
        return err_at(e, c.at, "row map: its payload has another length");
    if (!take_evidence(&c, m, e))
        return false;
    size_t at = c.at;
    return take_body(&c, m, e) && check_edges(m, at, e);
}

/* ---- asking */

/* The k-th row that was not dropped: as many of the dropped lie before it as have no more than k kept ones before them. */
static uint64_t kept_among(const Rising *dropped, uint64_t k)
{
    uint64_t least = 0, most = dropped->n;
    while (least < most) {
        uint64_t mid = least + (most - least) / 2;
        if (rising_at(dropped, mid) - mid <= k)
            least = mid + 1;
        else
            most = mid;
    }
    return k + least;
}

static uint64_t id_at(const RowMap *m, uint64_t i)
{
    Walk    w = walk_of(m);
    Stretch s;
    if (m->kind == MAP_PERM)
        return w.done = i, next_index(&w, &s) ? s.from : NOWHERE;
    if (m->kind == MAP_SELECT && m->form == 0)
        return bits_select(m->body, i);
    if (m->kind == MAP_SELECT && m->form == 1)
        return rising_at(&m->rising, i);
    if (m->kind == MAP_SELECT)
        return kept_among(&m->rising, i);
    while (walk_next(&w, &s))
        if (i < w.done)
            return s.from == NOWHERE ? NOWHERE : s.from + (i - (w.done - s.rows));
    return NOWHERE;
}

uint32_t rowmap_at(const RowMap *m, uint64_t i, Evidence *evidence)
{
    uint32_t id = (uint32_t)id_at(m, i);
    *evidence = id == NOWHERE ? EDGE_OPAQUE : (Evidence)code_at(m, i);
    return id;
}

void rowmap_read(const RowMap *m, uint32_t *from, uint8_t *evidence)
{
    Walk     w = walk_of(m);
    Codes    k = codes_of(m);
    Stretch  s;
    uint64_t i = 0;
    while (walk_next(&w, &s))
        for (uint64_t n = 0; n < s.rows; n++, i++) {
            unsigned code = codes_next(&k);
            from[i] = s.from == NOWHERE ? NOWHERE : (uint32_t)(s.from + n);
            evidence[i] = s.from == NOWHERE ? EDGE_OPAQUE : (uint8_t)code;
        }
}

uint32_t rowmap_input(const RowMap *m, uint32_t *row)
{
    uint32_t k = 0;
    for (; k + 1 < m->inputs && *row >= m->input[k].rows; k++)
        *row -= (uint32_t)m->input[k].rows;
    return k;
}
