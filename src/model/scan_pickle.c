/* scan_pickle.c - judges pickles: every import by its tier, every call by its shape.
 *
 * format/pickle.h tells what a pickle would do; here is what to think of it.  Findings of one pickle are gathered and said
 * when it ends, in whatever way it ends: code runs where it is called, not at STOP (P4).  A pickle that was only looked for,
 * behind another or inside a text, counts only if it shows more than a chance run of bytes would. */
#include "model/scan_pickle.h"

/* ---- findings */

static ScanVerdict verdict_of(Severity s)
{
    return s >= SEV_CRITICAL ? SCAN_MALICIOUS : s >= SEV_MEDIUM ? SCAN_SUSPICIOUS : SCAN_CLEAN;
}

void judge_hit(Judge *j, unsigned rule, uint64_t at, const char *fmt, ...)
{
    char    text[400];
    defer_buf Buf clean = { 0 };
    va_list ap;
    if (j->hit_count >= PICKLE_HITS_MAX)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_clean(&clean, str(text));
    Hit *h = &j->hits[j->hit_count++];
    *h = (Hit){ rule, model_rules[rule].severity, at + 1, arena_printf(j->a, "%.*s", STR(buf_view(&clean))) };
}

static void say(Judge *j)
{
    for (; j->said < j->hit_count; j->said++) {
        const Hit *h = &j->hits[j->said];
        ScanHit    out = { h->rule, h->severity, j->in->inner, h->byte, str(h->message) };
        if (verdict_of(h->severity) > j->verdict)
            j->verdict = verdict_of(h->severity);
        j->out->hit(j->out->ctx, &out);
    }
}

/* The worst of what was gathered and not yet said. */
static ScanVerdict gathered(const Judge *j)
{
    ScanVerdict worst = SCAN_CLEAN;
    for (size_t i = j->said; i < j->hit_count; i++)
        if (verdict_of(j->hits[i].severity) > worst)
            worst = verdict_of(j->hits[i].severity);
    return worst;
}

/* ---- imports */

static const GlobalVerdict unknown = { .tier = TIER_UNKNOWN };

const GlobalVerdict *judge_global(Judge *j, PickleGlobal *g)
{
    if (g->tag != 0)
        return &j->verdicts[g->tag - 1];
    if (j->verdict_count == j->verdict_cap) {
        size_t         cap = j->verdict_cap ? j->verdict_cap * 2 : 32;
        GlobalVerdict *grown = arena_get(j->a, cap, sizeof *grown);
        if (grown == NULL)
            return &unknown;
        if (j->verdict_count)
            memcpy(grown, j->verdicts, j->verdict_count * sizeof *grown);
        j->verdicts = grown, j->verdict_cap = cap;
    }
    j->verdicts[j->verdict_count] = global_judge(g->module, g->name);
    g->tag = (uint32_t)++j->verdict_count;
    return &j->verdicts[g->tag - 1];
}

enum { SEEN_IMPORT = 1, SEEN_CALL = 2, SEEN_ARGS = 4, SEEN_BUILD = 8, SEEN_INTO = 16 };

/* True the first time that this is to be said of the name. */
static bool first(PickleGlobal *g, uint32_t bit)
{
    bool is = !(g->seen & bit);
    g->seen |= bit;
    return is;
}

#define NAME(g) STR((g)->module), STR((g)->name)

static void on_import(Judge *j, Pickle *p, PickleFact *f)
{
    PickleGlobal        *g = pickle_global(p, f->on);
    const GlobalVerdict *v = judge_global(j, g);
    if (v->tier < TIER_UNKNOWN || !first(g, SEEN_IMPORT))
        return;
    if (v->dotted)
        judge_hit(j, RULE_PICKLE_PATH, f->at, "imports %.*s.%.*s, which leads through a module or a special attribute", NAME(g));
    else if (v->tier == TIER_DENY)
        judge_hit(j, RULE_PICKLE_NAME, f->at, "imports %.*s.%.*s: %s", NAME(g), v->row->reason);
    else if (v->odd)
        judge_hit(j, RULE_PICKLE_ODD, f->at, "imports '%.*s.%.*s', a name that nobody would write", NAME(g));
    else
        judge_hit(j, RULE_PICKLE_UNKNOWN, f->at, "imports %.*s.%.*s, which nobody has reviewed", NAME(g));
}

/* ---- calls */

static void call_of_value(Judge *j, Pickle *p, PickleFact *f)
{
    const PickleGlobal *g = pickle_global(p, f->on);
    if (f->on.kind == PV_RESULT && g != NULL)
        judge_hit(j, RULE_PICKLE_CALLS_RESULT, f->at, "calls what %.*s.%.*s gave", NAME(g));
    else
        judge_hit(j, RULE_PICKLE_CALLS_RESULT, f->at, "calls a value that is not an imported name");
}

static bool makes_object(uint8_t op, PickleValue args)
{
    return op == 0x81 || op == 0x92 || ((op == 'i' || op == 'o') && args.n == 0);
}

static void call_unknown(Judge *j, PickleGlobal *g, const GlobalVerdict *v, PickleFact *f)
{
    if (!first(g, SEEN_CALL))
        return;
    if (v->tier == TIER_DENY)
        judge_hit(j, RULE_PICKLE_RUNS, f->at, "calls %.*s.%.*s on load", NAME(g));
    else if (v->acts)
        judge_hit(j, RULE_PICKLE_ACTS, f->at, "calls %.*s.%.*s on load, which by its name runs, opens or loads something", NAME(g));
    else
        judge_hit(j, RULE_PICKLE_UNKNOWN_CALL, f->at, "calls %.*s.%.*s on load, which nobody has reviewed", NAME(g));
}

static void on_call(Judge *j, Pickle *p, PickleFact *f)
{
    PickleGlobal        *g = f->on.kind == PV_GLOBAL ? pickle_global(p, f->on) : NULL;
    const GlobalVerdict *v = g ? judge_global(j, g) : NULL;
    const char          *why;
    if (v == NULL) {
        call_of_value(j, p, f);
    } else if (v->tier >= TIER_UNKNOWN) {
        call_unknown(j, g, v, f);
    } else if (v->tier == TIER_CLASS && !makes_object(f->op, f->with)) {
        if (first(g, SEEN_ARGS))
            judge_hit(j, RULE_PICKLE_ARGS, f->at, "calls the class %.*s.%.*s, which is safe only when it is made without its __init__", NAME(g));
    } else if (v->tier == TIER_ARGS) {
        if (args_fit(j, p, v->row->shape, f, &why))
            f->result = args_result(j, p, v->row->shape, f);
        else if (first(g, SEEN_ARGS))
            judge_hit(j, RULE_PICKLE_ARGS, f->at, "calls %.*s.%.*s with other arguments than %s", NAME(g), why);
    }
}

/* ---- state, items, persistent ids */

static void on_build(Judge *j, Pickle *p, PickleFact *f)
{
    const PickleGlobal *g = pickle_global(p, f->on);
    PickleValue         slots = pickle_item(p, f->with, 1);
    if (f->on.kind == PV_GLOBAL)
        judge_hit(j, RULE_PICKLE_PATCHES, f->at, "BUILD changes attributes of %.*s.%.*s itself", NAME(g));
    else if (f->with.kind == PV_TUPLE && f->with.n == 2 && slots.kind == PV_DICT && slots.form & PF_CALLS)
        judge_hit(j, RULE_PICKLE_SLOTS, f->at, "BUILD sets slots of an object to imported names or results of calls");
}

static bool takes(const GlobalVerdict *v, uint8_t op)
{
    unsigned want = op == 's' || op == 'u' ? GIVES_MAPPING : op == 0x90 ? GIVES_SET : GIVES_SEQUENCE;
    return v->row != NULL && (v->row->gives & want) != 0;
}

static void on_put_into(Judge *j, Pickle *p, PickleFact *f)
{
    PickleGlobal        *g = pickle_global(p, f->on);
    const GlobalVerdict *v = g ? judge_global(j, g) : NULL;
    if (v != NULL && f->on.kind == PV_RESULT && (takes(v, f->op) || v->tier >= TIER_UNKNOWN))
        return;                                        /* what is unknown was told already */
    if (f->on.kind == PV_OPAQUE || (g != NULL && !first(g, SEEN_INTO)))
        return;
    if (g != NULL)
        judge_hit(j, RULE_PICKLE_CONFUSED, f->at, "%s puts items into %s%.*s.%.*s, which takes none", pickle_opcode_name(f->op),
                  f->on.kind == PV_GLOBAL ? "the name " : "a ", NAME(g));
    else
        judge_hit(j, RULE_PICKLE_CONFUSED, f->at, "%s puts items into a value that takes none", pickle_opcode_name(f->op));
}

static void on_storage(Judge *j, Pickle *p, PickleFact *f)
{
    char                room[256];
    Str                 key = { 0 };
    PickleValue         id = f->with, count = pickle_item(p, id, 4);
    const PickleGlobal *g = pickle_item(p, id, 1).kind == PV_GLOBAL ? pickle_global(p, pickle_item(p, id, 1)) : NULL;
    uint64_t            size = g ? storage_itemsize(g->module, g->name) : 0, need, have = 0;
    if (size == 0 || count.kind != PV_INT || count.form & PF_BIG || (int64_t)count.at < 0 || __builtin_mul_overflow(size, count.at, &need)
        || pickle_item(p, id, 2).kind != PV_STR || !pickle_text(p, pickle_item(p, id, 2), room, sizeof room, &key))
        judge_hit(j, RULE_PICKLE_STORAGE, f->at, "persistent id is not that of a storage: (\"storage\", type, key, place, count)");
    else if (j->in->storage != NULL && !j->in->storage(j->in->storage_ctx, key, &have))
        judge_hit(j, RULE_PICKLE_STORAGE, f->at, "storage '%.*s' has no data in the archive", STR(key));
    else if (j->in->storage != NULL && need > have)
        judge_hit(j, RULE_PICKLE_STORAGE, f->at, "storage '%.*s' says %" PRIu64 " bytes and has %" PRIu64, STR(key), need, have);
}

static bool says(Pickle *p, PickleValue v, const char *z)
{
    char room[32];
    Str  s;
    return v.kind == PV_STR && v.n < sizeof room && pickle_text(p, v, room, sizeof room, &s) && str_is(s, z);
}

static void on_persistent(Judge *j, Pickle *p, PickleFact *f)
{
    bool torch = j->home == PICKLE_TORCH_ZIP || j->home == PICKLE_TORCH_LEGACY;
    if (!torch)
        judge_hit(j, RULE_PICKLE_PERSISTENT, f->at, "has a persistent id, which only a loader made for it can resolve");
    else if (says(p, pickle_item(p, f->with, 0), "storage"))
        on_storage(j, p, f);
    else if (!(j->home == PICKLE_TORCH_LEGACY && says(p, pickle_item(p, f->with, 0), "module")))
        judge_hit(j, RULE_PICKLE_STORAGE, f->at, "persistent id is not that of a storage: (\"storage\", type, key, place, count)");
}

/* ---- the listener */

static void on_broken(Judge *j, const PickleFact *f)
{
    if (j->broken != NULL)
        return;
    const char *name = pickle_opcode_name(f->op);
    j->broken = arena_printf(j->a, "%s %.*s", name ? name : f->op ? "this byte" : "the pickle", STR(f->text));
    j->broken_at = f->at;
}

static void hear(void *ctx, Pickle *p, PickleFact *f)
{
    Judge *j = ctx;
    switch (f->kind) {
    case PICKLE_IMPORT: on_import(j, p, f); break;
    case PICKLE_CALL: on_call(j, p, f); break;
    case PICKLE_BUILD: on_build(j, p, f); break;
    case PICKLE_PUT_INTO: on_put_into(j, p, f); break;
    case PICKLE_PERSISTENT: on_persistent(j, p, f); break;
    case PICKLE_BROKEN: on_broken(j, f); break;
    case PICKLE_DYNAMIC: judge_hit(j, RULE_PICKLE_DYNAMIC, f->at, "imports a name that is computed while loading"); break;
    case PICKLE_EXTENSION: judge_hit(j, RULE_PICKLE_EXTENSION, f->at, "imports extension code %" PRIu64 ", whose name only the loading program knows", f->with.at); break;
    case PICKLE_BUFFER: judge_hit(j, RULE_PICKLE_BUFFER, f->at, "takes a buffer from outside the file"); break;
    case PICKLE_SPARSE: judge_hit(j, RULE_PICKLE_MEMORY, f->at, "writes memo slot %" PRIu64 ", for which CPython allocates all slots below", f->with.at); break;
    case PICKLE_UNFOLDS: judge_hit(j, RULE_PICKLE_MEMORY, f->at, "unfolds to far more values than the file has bytes"); break;
    case PICKLE_FRAMES: judge_hit(j, RULE_PICKLE_FRAMES, f->at, "%.*s: unpicklers disagree on what follows", STR(f->text)); break;
    case PICKLE_LIMIT: judge_hit(j, RULE_PICKLE_LIMIT, f->at, "needs more memory for %.*s than a scan has", STR(f->text)); break;
    case PICKLE_CONSTANT: case PICKLE_STOP: break;
    }
}

/* ---- one pickle after another */

static const Str keys[KEEPS] = { { "shape", 5 }, { "dtype", 5 }, { "numpy_array_alignment_bytes", 27 } };

static void say_broken(Judge *j, PickleEnd end)
{
    if (end == PICKLE_OVER && j->verdict < SCAN_UNSCANNABLE)
        j->verdict = SCAN_UNSCANNABLE;
    if (j->broken == NULL)
        return;
    bool alone = gathered(j) < SCAN_SUSPICIOUS;        /* then being broken is a state and no finding */
    judge_hit(j, RULE_PICKLE_BROKEN, j->broken_at, "%s: a loader stops here", j->broken);
    if (alone && j->hit_count > 0)
        j->hits[j->hit_count - 1].severity = SEV_LOW;
    if (j->verdict < SCAN_BROKEN)
        j->verdict = SCAN_BROKEN;
}

/* Judges the pickle at `at` and says what was found.  True when another can follow it. */
static bool one(Judge *j, Pickle *p, uint64_t at)
{
    j->broken = NULL, j->said = j->hit_count = 0;
    PickleEnd end = pickle_run(p, at);
    if (j->streams > 0 && gathered(j) < SCAN_MALICIOUS && end != PICKLE_ENDED)
        return false;                                  /* bytes behind a pickle that are none */
    j->streams++;
    say_broken(j, end);
    say(j);
    return end == PICKLE_ENDED;
}

ScanVerdict scan_pickle(Arena *a, const ScanPickle *in, const ScanOut *out, uint64_t *end)
{
    Judge   j = { .a = a, .in = in, .out = out, .home = in->home, .hits = arena_get(a, PICKLE_HITS_MAX, sizeof(Hit)) };
    Pickle *p = pickle_new(in->bytes, keys, KEEPS, hear, &j);
    uint64_t at = 0;
    *end = 0;
    if (p == NULL || j.hits == NULL)
        return pickle_free(p), SCAN_UNSCANNABLE;
    while (at < in->bytes.n && j.streams < PICKLE_STREAMS_MAX && one(&j, p, at))
        at = pickle_at(p);
    *end = at;
    pickle_free(p);
    return j.verdict;
}
