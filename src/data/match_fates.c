/* match_fates.c - what became of the rows once they are matched; see match.h. */
#include "data/join.h"
#include "data/match.h"
#include "data/match_columns.h"

static Str field_at(Str row, size_t column)
{
    Str field = { 0 };
    for (size_t i = 0; i <= column; i++)
        if (!row_field(&row, &field))
            return (Str){ 0 };
    return field;
}

bool match_differs(const MatchAsk *ask, const Matched *m, uint64_t i, size_t c)
{
    uint64_t row;
    if (m->from[i] == NOWHERE || ask->out->columns == 0)
        return false;
    uint32_t k = match_input(ask, m->from[i], &row);
    size_t   there = c;
    if (ask->out->column != NULL && ask->in[k].column != NULL)
        there = rowset_column(&ask->in[k], ask->out->column[c]);
    if (there == SIZE_MAX || there >= ask->in[k].columns)
        return false;
    return !cells_equal(field_at(rowset_row(ask->out, i), c), field_at(rowset_row(&ask->in[k], row), there));
}

/* Marks the dropped rows of the chain at `slot` when another of it is used. */
static void judge_equals(const Join *j, uint32_t slot, uint8_t *fate)
{
    bool used = false;
    for (uint32_t k = j->head[slot]; k != NO_ROW; k = j->next[k])
        used |= fate[k] == FATE_USED;
    for (uint32_t k = j->head[slot]; used && k != NO_ROW; k = j->next[k])
        if (fate[k] == FATE_DROPPED)
            fate[k] = FATE_DUPLICATE;
}

bool match_fates(const RowSet *in, uint32_t inputs, uint8_t *fate, uint64_t count[static FATES], Err *e)
{
    uint64_t total = 0;
    Join     j = { 0 };
    for (uint32_t k = 0; k < inputs; k++)
        total += in[k].rows;
    Hash128 *h = join_leaves(in, inputs, total, e);
    bool     ok = h != NULL && join_begin(&j, h, (uint32_t)total, e);
    for (uint64_t slot = 0; ok && slot <= j.mask; slot++)
        if (j.head[slot] != NO_ROW)
            judge_equals(&j, (uint32_t)slot, fate);
    for (uint64_t i = 0; ok && i < total; i++)
        count[fate[i]]++;
    join_free(&j);
    free(h);
    return ok;
}
