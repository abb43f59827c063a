/* match.c - see match.h. */
#include "data/match.h"
#include "data/join.h"
#include "data/match_columns.h"

typedef struct Match {
    const MatchAsk *ask;
    Matched        *m;
    Columns         columns;
    uint64_t        total, left;                       /* input rows; output rows without an edge */
    uint8_t        *used, *doubt;                      /* by input row; by output row: several would fit */
} Match;

static Str input_row(const MatchAsk *ask, uint64_t id)
{
    uint64_t row;
    uint32_t k = match_input(ask, id, &row);
    return rowset_row(&ask->in[k], row);
}

static void edge(Match *t, uint64_t i, uint32_t id, Evidence how)
{
    t->m->from[i] = id, t->m->evidence[i] = (uint8_t)how;
    t->m->is_copy[i] = t->used[id];
    t->used[id] = 1, t->left--;
}

/* ---- chains of rows with the same hash: which of them is meant */

typedef struct Chains {
    Join      j;
    uint64_t  first;                                   /* id of the join's row 0 */
    uint8_t  *verdict;                                 /* by slot: 0 not looked at */
    uint32_t *wanted;                                  /* by slot: output rows that ask for it; NULL: does not count */
} Chains;
enum { CHAIN_NEW, CHAIN_CLEAR, CHAIN_AMBIGUOUS };

static bool chains_begin(Chains *c, const Hash128 *hash, uint64_t rows, uint64_t first, bool counted, Err *e)
{
    *c = (Chains){ .first = first };
    if (!join_begin(&c->j, hash, (uint32_t)rows, e))
        return false;
    c->verdict = calloc((size_t)c->j.mask + 1, 1);
    c->wanted = counted ? calloc((size_t)c->j.mask + 1, sizeof *c->wanted) : NULL;
    return (c->verdict != NULL && (!counted || c->wanted != NULL)) || err_nomem(e);
}

static void chains_free(Chains *c)
{
    join_free(&c->j);
    free(c->verdict), free(c->wanted);
}

static bool all_equal(const Match *t, const Chains *c, uint32_t slot)
{
    Str first = input_row(t->ask, c->first + c->j.head[slot]);
    for (uint32_t i = c->j.next[c->j.head[slot]]; i != NO_ROW; i = c->j.next[i])
        if (!str_eq(first, input_row(t->ask, c->first + i)))
            return false;
    return true;
}

/* Different rows are told apart only when there is an output row for each that is left. */
static bool one_each(const Match *t, const Chains *c, uint32_t slot)
{
    uint32_t free_rows = 0;
    for (uint32_t i = c->j.head[slot]; i != NO_ROW; i = c->j.next[i])
        free_rows += !t->used[c->first + i];
    return c->wanted != NULL && free_rows == c->wanted[slot];
}

/* The row meant by the next output row that asks for this slot, or NO_ROW when that cannot be said. */
static uint32_t pick(const Match *t, Chains *c, uint32_t slot)
{
    Join *j = &c->j;
    if (join_single(j, slot))
        return j->head[slot];
    if (c->verdict[slot] == CHAIN_NEW)
        c->verdict[slot] = all_equal(t, c, slot) || one_each(t, c, slot) ? CHAIN_CLEAR : CHAIN_AMBIGUOUS;
    if (c->verdict[slot] == CHAIN_AMBIGUOUS)
        return NO_ROW;
    while (j->take[slot] != NO_ROW && t->used[c->first + j->take[slot]])
        j->take[slot] = j->next[j->take[slot]];
    return j->take[slot] != NO_ROW ? j->take[slot] : j->head[slot];
}

static bool pick_all(Match *t, Chains *c, const Hash128 *asked, Evidence how)
{
    for (uint64_t i = 0, k = 0; i < t->m->rows; i++) {
        if (t->m->from[i] != NOWHERE)
            continue;
        uint32_t slot = join_find(&c->j, asked[k++]);
        uint32_t row = slot != NO_ROW ? pick(t, c, slot) : NO_ROW;
        if (row != NO_ROW)
            edge(t, i, (uint32_t)(c->first + row), how);
        else
            t->doubt[i] |= slot != NO_ROW;
    }
    return true;
}

/* ---- exact */

static void exact_rows(Match *t, Join *j)
{
    const Hash128 *leaf = rowset_leaf(t->ask->out);
    for (uint64_t i = 0; i < t->m->rows; i++) {
        uint32_t slot = join_find(j, leaf[i]);
        if (slot == NO_ROW)
            continue;
        uint32_t id = j->take[slot] != NO_ROW ? j->take[slot] : j->head[slot];
        if (!str_eq(rowset_row(t->ask->out, i), input_row(t->ask, id)))
            continue;                                  /* 128 bits alike and yet another row */
        if (j->take[slot] != NO_ROW)
            j->take[slot] = j->next[id];
        edge(t, i, id, EDGE_EXACT);
    }
}

static bool by_content(Match *t, Err *e)
{
    Join     j = { 0 };
    Hash128 *h = join_leaves(t->ask->in, t->ask->inputs, t->total, e);
    bool     ok = h != NULL && join_begin(&j, h, (uint32_t)t->total, e);
    if (ok)
        exact_rows(t, &j);
    join_free(&j);
    free(h);
    return ok;
}

/* ---- hashes over columns */

/* Of rows [0, n) of an input into `to`. */
static void hash_input(Match *t, uint32_t k, Wanted w, Hash128 *to)
{
    for (uint64_t i = 0; i < t->ask->in[k].rows; i++)
        to[i] = columns_hash(&t->columns, rowset_row(&t->ask->in[k], i), k, w);
}

static Hash128 *hash_inputs(Match *t, Wanted w, Err *e)
{
    Hash128 *h = malloc((t->total + 1) * sizeof *h);
    uint64_t at = 0;
    if (h == NULL)
        return err_nomem(e), NULL;
    for (uint32_t k = 0; k < t->ask->inputs; at += t->ask->in[k++].rows)
        hash_input(t, k, w, h + at);
    return h;
}

/* Of the output rows without an edge, in order, or of all. */
static Hash128 *hash_output(Match *t, Wanted w, bool all, Err *e)
{
    Hash128 *h = malloc((t->m->rows + 1) * sizeof *h);
    if (h == NULL)
        return err_nomem(e), NULL;
    for (uint64_t i = 0, k = 0; i < t->m->rows; i++)
        if (all || t->m->from[i] == NOWHERE)
            h[k++] = columns_hash(&t->columns, rowset_row(t->ask->out, i), NO_ROW, w);
    return h;
}

static bool in_all_inputs(const Match *t, size_t column)
{
    for (uint32_t k = 0; k < t->ask->inputs; k++)
        if (t->columns.in[k * t->columns.n + column] == NO_COLUMN)
            return false;
    return true;
}

/* ---- key */

static void note_changes(Match *t, uint64_t i)
{
    bool any = false;
    for (size_t c = 0; c < t->columns.n; c++)
        if (match_differs(t->ask, t->m, i, c))
            t->m->changed[c]++, any = true;
    t->m->modified += any;
}

static bool by_columns(Match *t, Wanted w, Err *e)
{
    Chains   c = { 0 };
    Hash128 *in = hash_inputs(t, w, e), *out = in != NULL ? hash_output(t, w, false, e) : NULL;
    bool     ok = out != NULL && chains_begin(&c, in, t->total, 0, false, e) && pick_all(t, &c, out, EDGE_KEY);
    chains_free(&c);
    free(in), free(out);
    return ok;
}

static bool in_any_input(const Match *t, Str name)
{
    for (uint32_t k = 0; k < t->ask->inputs; k++)
        if (rowset_column(&t->ask->in[k], name) != SIZE_MAX)
            return true;
    return false;
}

/* A key that is nowhere is a mistake, also when all rows are found without it. */
static bool key_exists(const Match *t, Err *e)
{
    const RowSet *out = t->ask->out;
    for (size_t i = 0; i < t->ask->keys; i++) {
        Str           name = str(t->ask->key[i]);
        defer_buf Buf b = { 0 };
        if (rowset_column(out, name) != SIZE_MAX && in_any_input(t, name))
            continue;
        for (size_t c = 0; out->column != NULL && c < out->columns; c++)
            buf_printf(&b, "%s%.*s", c ? ", " : "", STR(out->column[c]));
        err_set(e, E_USAGE, "key '%s': not a column of input and output", t->ask->key[i]);
        return b.n > 0 ? err_hint(e, "the output has %.*s", STR(buf_view(&b))) : err_hint(e, "its rows have no named columns");
    }
    return true;
}

static bool declared_key(Match *t, Err *e)
{
    uint32_t column[MATCH_KEYS_MAX];
    for (size_t i = 0; i < t->ask->keys; i++) {
        size_t c = rowset_column(t->ask->out, str(t->ask->key[i]));
        if (t->columns.n == 0 || c == SIZE_MAX || !in_all_inputs(t, c))
            return err_set(e, E_USAGE, "key '%s': not a column of every input and of the output", t->ask->key[i]);
        column[i] = (uint32_t)c;
    }
    return by_columns(t, (Wanted){ column, t->ask->keys }, e);
}

/* Whether rows with the same value are the same row altogether. */
static bool names_rows(const Join *j, const Hash128 *leaf)
{
    for (uint32_t i = 0; i < j->rows; i++) {
        uint32_t next = j->next[i];
        if (next != NO_ROW && (leaf[i].a != leaf[next].a || leaf[i].b != leaf[next].b))
            return false;
    }
    return true;
}

static bool most_alike(Match *t, uint64_t i, uint64_t id, size_t key)
{
    uint64_t row;
    size_t   same = 0, n = 0, k = match_input(t->ask, id, &row);
    columns_split(&t->columns, rowset_row(t->ask->out, i), t->columns.field);
    columns_split(&t->columns, rowset_row(&t->ask->in[k], row), t->columns.other);
    for (size_t c = 0; c < t->columns.n; c++) {
        uint32_t there = t->columns.in[k * t->columns.n + c];
        if (c != key && there != NO_COLUMN)
            n++, same += cells_equal(t->columns.field[c], t->columns.other[there]);
    }
    return 2 * same >= n;
}

/* A column of numbers that were given anew pairs rows that have nothing else in common. */
static bool agrees(Match *t, const Join *j, const Hash128 *out, size_t key)
{
    uint64_t found = 0, pairs = 0, alike = 0;
    for (uint64_t i = 0; i < t->m->rows; i++) {
        uint32_t slot = join_find(j, out[i]);
        if (slot == NO_ROW)
            continue;
        found++;
        if (t->m->from[i] == NOWHERE)
            pairs++, alike += most_alike(t, i, j->head[slot], key);
    }
    return found * 100 >= t->m->rows * 99 && alike * 10 >= pairs * 9;
}

static bool could_be_key(Match *t, size_t column, const Hash128 *leaf, bool *yes, Err *e)
{
    uint32_t number = (uint32_t)column;
    Wanted   w = { &number, 1 };
    Join     ins = { 0 }, outs = { 0 };
    Hash128 *in = hash_inputs(t, w, e), *out = in != NULL ? hash_output(t, w, true, e) : NULL;
    bool     ok = out != NULL && join_begin(&ins, in, (uint32_t)t->total, e) && join_begin(&outs, out, (uint32_t)t->m->rows, e);
    *yes = ok && names_rows(&ins, leaf) && names_rows(&outs, rowset_leaf(t->ask->out)) && agrees(t, &ins, out, column);
    join_free(&ins), join_free(&outs);
    free(in), free(out);
    return ok;
}

static bool found_key(Match *t, Err *e)
{
    enum { TRIED_MAX = 64 };
    bool     yes = false, ok = true;
    Hash128 *leaf = join_leaves(t->ask->in, t->ask->inputs, t->total, e);
    if (leaf == NULL)
        return false;
    for (size_t c = 0; ok && !yes && c < t->columns.n && c < TRIED_MAX && t->ask->out->column != NULL; c++) {
        if (!in_all_inputs(t, c))
            continue;
        uint32_t number = (uint32_t)c;
        ok = could_be_key(t, c, leaf, &yes, e) && (!yes || by_columns(t, (Wanted){ &number, 1 }, e));
        if (ok && yes)
            t->m->key = t->ask->out->column[c];
    }
    free(leaf);
    return ok;
}

static bool by_key(Match *t, Err *e)
{
    if (t->ask->keys > 0 ? !declared_key(t, e) : !found_key(t, e))
        return false;
    for (uint64_t i = 0; i < t->m->rows; i++)
        if (t->m->from[i] != NOWHERE && t->m->evidence[i] == EDGE_KEY)
            note_changes(t, i);
    return true;
}

/* ---- projection */

static void count_wanted(const Match *t, Chains *c, const Hash128 *out)
{
    for (uint64_t k = 0; k < t->left; k++) {
        uint32_t slot = join_find(&c->j, out[k]);
        if (slot != NO_ROW)
            c->wanted[slot]++;
    }
}

static bool project_input(Match *t, uint32_t k, uint64_t first, uint32_t *column, Err *e)
{
    Wanted w = { column, 0 };
    for (size_t c = 0; c < t->columns.n; c++)
        if (t->columns.in[k * t->columns.n + c] != NO_COLUMN)
            column[w.n++] = (uint32_t)c;
    if (w.n == 0 || t->left == 0 || t->ask->in[k].rows == 0)
        return true;
    Chains   c = { 0 };
    Hash128 *in = malloc(t->ask->in[k].rows * sizeof *in), *out = hash_output(t, w, false, e);
    bool     ok = (in != NULL || err_nomem(e)) && out != NULL;
    if (ok)
        hash_input(t, k, w, in);
    ok = ok && chains_begin(&c, in, t->ask->in[k].rows, first, true, e);
    if (ok) {
        count_wanted(t, &c, out);
        pick_all(t, &c, out, EDGE_PROJECTION);
    }
    chains_free(&c);
    free(in), free(out);
    return ok;
}

static bool by_projection(Match *t, Err *e)
{
    uint32_t *column = malloc((t->columns.n + 1) * sizeof *column);
    bool      ok = column != NULL || err_nomem(e);
    uint64_t  first = 0;
    for (uint32_t k = 0; ok && k < t->ask->inputs; first += t->ask->in[k++].rows)
        ok = project_input(t, k, first, column, e);
    free(column);
    return ok;
}

/* ---- position */

static bool follows(const Match *t, uint64_t a, uint64_t b)
{
    return t->m->from[a] != NOWHERE && t->m->from[b] != NOWHERE && t->m->from[a] + 1 == t->m->from[b];
}

/* Rows [i, end) lie between matched ones: fill them when the input has as many unused rows there. */
static void fill_gap(Match *t, uint64_t i, uint64_t end)
{
    if (i < 2 || end + 1 >= t->m->rows || !follows(t, i - 2, i - 1) || !follows(t, end, end + 1))
        return;
    uint64_t p = t->m->from[i - 1], q = t->m->from[end], row;
    if (q <= p || q - p != end - i + 1 || match_input(t->ask, p, &row) != match_input(t->ask, q, &row))
        return;
    for (uint64_t id = p + 1; id < q; id++)
        if (t->used[id])
            return;
    for (; i < end; i++)
        edge(t, i, (uint32_t)++p, EDGE_POSITION);
}

static bool by_position(Match *t, Err *e)
{
    (void)e;
    if (t->left == t->m->rows) {
        for (uint64_t i = 0; t->ask->allow_position && t->total == t->m->rows && i < t->m->rows; i++)
            edge(t, i, (uint32_t)i, EDGE_POSITION);
        return true;
    }
    for (uint64_t i = 0, end; i < t->m->rows; i = end + 1) {
        for (end = i; end < t->m->rows && t->m->from[end] == NOWHERE; end++)
            ;
        if (end > i)
            fill_gap(t, i, end);
    }
    return true;
}

/* ---- all of them */

static bool (*const match_ways[])(Match *t, Err *e) = { by_content, by_key, by_projection, by_position };

static bool match_begin(Match *t, Err *e)
{
    const MatchAsk *ask = t->ask;
    uint64_t        n = ask->out->rows;
    for (uint32_t k = 0; k < ask->inputs; k++)
        t->total += ask->in[k].rows;
    if (t->total > MATCH_ROWS_MAX || n > MATCH_ROWS_MAX)
        return err_set(e, E_LIMIT, "more than %d rows to compare", MATCH_ROWS_MAX);
    t->left = t->m->rows = n;
    t->used = calloc(t->total + 1, 1), t->doubt = calloc(n + 1, 1);
    t->m->from = malloc((n + 1) * sizeof *t->m->from);
    t->m->evidence = calloc(n + 1, 1), t->m->is_copy = calloc(n + 1, sizeof *t->m->is_copy);
    t->m->changed = calloc(ask->out->columns + 1, sizeof *t->m->changed);
    if (!t->used || !t->doubt || !t->m->from || !t->m->evidence || !t->m->is_copy || !t->m->changed)
        return err_nomem(e);
    memset(t->m->from, 0xFF, (n + 1) * sizeof *t->m->from);
    memset(t->m->evidence, EDGE_OPAQUE, n + 1);
    return columns_begin(&t->columns, ask->in, ask->inputs, ask->out, e);
}

bool match_rows(const MatchAsk *ask, Matched *out, Err *e)
{
    Match t = { .ask = ask, .m = out };
    *out = (Matched){ 0 };
    bool ok = key_exists(&t, e) && match_begin(&t, e);
    for (size_t i = 0; ok && i < len_of(match_ways); i++)
        ok = (t.left == 0 && i > 0) || match_ways[i](&t, e);
    for (uint64_t i = 0; ok && i < out->rows; i++) {
        out->count[out->evidence[i]]++;
        out->copies += out->evidence[i] == EDGE_EXACT && out->is_copy[i];
        out->ambiguous += out->from[i] == NOWHERE && t.doubt[i];
    }
    columns_free(&t.columns);
    free(t.used), free(t.doubt);
    return ok;
}

void matched_free(Matched *m)
{
    free(m->from), free(m->evidence), free(m->is_copy), free(m->changed);
    *m = (Matched){ 0 };
}
