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
    if (j->hit_count == PICKLE_HITS_MAX) {             /* a flood of small findings does not hide a worse one */
        if (model_rules[rule].severity <= j->hits[PICKLE_HITS_MAX - 1].severity)
            return;
        j->hit_count--;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_clean(&clean, str(text));
    Hit *h = &j->hits[j->hit_count++];
    *h = (Hit){ rule, model_rules[rule].severity, at + 1, arena_printf(j->a, "%.*s", STR(buf_view(&clean))) };
}

static void say(Judge *j)
{
    for (size_t i = 0; i < j->hit_count; i++) {
        const Hit *h = &j->hits[i];
        ScanHit    out = { h->rule, h->severity, j->in->inner, h->byte, str(h->message) };
        if (verdict_of(h->severity) > j->verdict)
            j->verdict = verdict_of(h->severity);
        j->out->hit(j->out->ctx, &out);
    }
    j->hit_count = 0;
}

/* The worst of what was gathered and not yet said. */
static ScanVerdict gathered(const Judge *j)
{
    ScanVerdict worst = SCAN_CLEAN;
    for (size_t i = 0; i < j->hit_count; i++)
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
static bool first(const Judge *j, PickleGlobal *g, uint32_t bit)
{
    if (g->seen >> 8 != j->epoch)
        g->seen = j->epoch << 8;
    bool is = !(g->seen & bit);
    g->seen |= bit;
    return is;
}

#define NAME(g) STR((g)->module), STR((g)->name)

static void on_import(Judge *j, Pickle *p, PickleFact *f)
{
    PickleGlobal        *g = pickle_global(p, f->on);
    const GlobalVerdict *v = judge_global(j, g);
    if (v->tier < TIER_UNKNOWN || !first(j, g, SEEN_IMPORT))
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
    if (!first(j, g, SEEN_CALL))
        return;
    if (v->tier == TIER_DENY)
        judge_hit(j, RULE_PICKLE_RUNS, f->at, "calls %.*s.%.*s on load", NAME(g));
    else if (v->acts)
        judge_hit(j, RULE_PICKLE_ACTS, f->at, "calls %.*s.%.*s on load, which by its name runs, opens or loads something", NAME(g));
    else
        judge_hit(j, RULE_PICKLE_UNKNOWN_CALL, f->at, "calls %.*s.%.*s on load, which nobody has reviewed", NAME(g));
}

static void fitting_call(Judge *j, Pickle *p, Shape shape, PickleFact *f)
{
    f->result = args_result(j, p, shape, f);
    if (shape == SHAPE_DTYPE)
        array_dtype(j, p, f);
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
        if (first(j, g, SEEN_ARGS))
            judge_hit(j, RULE_PICKLE_ARGS, f->at, "calls the class %.*s.%.*s, which is safe only when it is made without its __init__", NAME(g));
    } else if (v->tier == TIER_ARGS) {
        if (args_fit(j, p, v->row->shape, f, &why))
            fitting_call(j, p, v->row->shape, f);
        else if (first(j, g, SEEN_ARGS))
            judge_hit(j, RULE_PICKLE_ARGS, f->at, "calls %.*s.%.*s with other arguments than %s", NAME(g), why);
    }
}

/* ---- state, items, persistent ids */

/* joblib.load reads an array here, pickle.load the next opcode: the caller asks for each by j->home. */
static void on_array(Judge *j, Pickle *p, PickleFact *f)
{
    if (j->home == PICKLE_JOBLIB)
        array_follows(j, p, f);
    else if (first(j, pickle_global(p, f->on), SEEN_BUILD))
        judge_hit(j, RULE_PICKLE_ARRAY, f->at, "has an array of joblib, whose bytes pickle.load takes for opcodes");
}

static void on_build(Judge *j, Pickle *p, PickleFact *f)
{
    const PickleGlobal *g = pickle_global(p, f->on);
    PickleValue         slots = pickle_item(p, f->with, 1);
    if (f->on.kind == PV_GLOBAL)
        judge_hit(j, RULE_PICKLE_PATCHES, f->at, "BUILD changes attributes of %.*s.%.*s itself", NAME(g));
    else if (f->with.kind == PV_TUPLE && f->with.n == 2 && (slots.kind == PV_DICT ? slots : f->with).form & PF_CALLS && slots.kind != PV_NONE)
        judge_hit(j, RULE_PICKLE_SLOTS, f->at, "BUILD sets slots of an object to imported names or results of calls");
    else if (global_is(g, "numpy", "dtype"))
        array_dtype_state(j, p, f);
    else if (global_is(g, "joblib.numpy_pickle", "NumpyArrayWrapper") && !j->inside)
        on_array(j, p, f);
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
    if (f->on.kind == PV_OPAQUE || (g != NULL && !first(j, g, SEEN_INTO)))
        return;
    if (g != NULL)
        judge_hit(j, RULE_PICKLE_CONFUSED, f->at, "%s puts items into %s%.*s.%.*s, which takes none", pickle_opcode_name(f->op),
                  f->on.kind == PV_GLOBAL ? "the name " : "a ", NAME(g));
    else
        judge_hit(j, RULE_PICKLE_CONFUSED, f->at, "%s puts items into a value that takes none", pickle_opcode_name(f->op));
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

static void on_stop(Judge *j, const PickleFact *f)
{
    if (j->streams == 0 && !j->inside)
        torch_first(j, f);
}

static void hear(void *ctx, Pickle *p, PickleFact *f)
{
    Judge *j = ctx;
    switch (f->kind) {
    case PICKLE_IMPORT: on_import(j, p, f); break;
    case PICKLE_CALL: on_call(j, p, f); break;
    case PICKLE_BUILD: on_build(j, p, f); break;
    case PICKLE_PUT_INTO: on_put_into(j, p, f); break;
    case PICKLE_PERSISTENT: torch_persistent(j, p, f); break;
    case PICKLE_BROKEN: on_broken(j, f); break;
    case PICKLE_DYNAMIC: judge_hit(j, RULE_PICKLE_DYNAMIC, f->at, "imports a name that is computed while loading"); break;
    case PICKLE_EXTENSION: judge_hit(j, RULE_PICKLE_EXTENSION, f->at, "imports extension code %" PRIu64 ", whose name only the loading program knows", f->with.at); break;
    case PICKLE_BUFFER: judge_hit(j, RULE_PICKLE_BUFFER, f->at, "takes a buffer from outside the file"); break;
    case PICKLE_SPARSE: judge_hit(j, RULE_PICKLE_MEMORY, f->at, "writes memo slot %" PRIu64 ", for which CPython allocates all slots below", f->with.at); break;
    case PICKLE_UNFOLDS: judge_hit(j, RULE_PICKLE_MEMORY, f->at, "unfolds to far more values than the file has bytes"); break;
    case PICKLE_FRAMES: judge_hit(j, RULE_PICKLE_FRAMES, f->at, "%.*s: unpicklers disagree on what follows", STR(f->text)); break;
    case PICKLE_LIMIT: judge_hit(j, RULE_PICKLE_LIMIT, f->at, "needs more memory for %.*s than a scan has", STR(f->text)); break;
    case PICKLE_UNNATURAL: judge_hit(j, RULE_PICKLE_UNNATURAL, f->at, "%s %.*s, as no pickler writes it", pickle_opcode_name(f->op), STR(f->text)); break;
    case PICKLE_CONSTANT: nested_constant(j, f); break;
    case PICKLE_STOP: on_stop(j, f); break;
    }
}

/* ---- one pickle after another */

enum { LEGACY_PICKLES = 5 };                           /* magic, version, system, object, keys of storages */
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

static PickleEnd run(Judge *j, Pickle *p, uint64_t at)
{
    j->broken = NULL, j->dtype_count = 0, j->last_array = 0;       /* nothing made in one pickle is known in another */
    return pickle_run(p, at);
}

/* Did it look up or call an unknown name before anything broke?  Chance bytes that run so far are rare. */
static bool reached(const Judge *j)
{
    for (size_t i = 0; i < j->hit_count; i++) {
        const Hit *h = &j->hits[i];
        bool       import = h->rule == RULE_PICKLE_UNKNOWN || h->rule == RULE_PICKLE_UNKNOWN_CALL || h->rule == RULE_PICKLE_ACTS;
        if (import && (j->broken == NULL || h->byte <= j->broken_at))
            return true;
    }
    return false;
}

/* Bytes behind a pickle that are none.  An old torch file has none such: its loader reads five pickles whatever comes of them. */
static bool no_pickle(const Judge *j, PickleEnd end)
{
    return j->streams > 0 && end != PICKLE_ENDED && end != PICKLE_OVER && j->home != PICKLE_TORCH_LEGACY && gathered(j) < SCAN_MALICIOUS && !reached(j);
}

/* Judges the pickle at `at` and says what was found.  True when another can follow it. */
static bool one(Judge *j, Pickle *p, uint64_t at)
{
    PickleEnd end = run(j, p, at);
    if (no_pickle(j, end)) {
        j->hit_count = 0, j->epoch++;
        return false;
    }
    j->streams++;
    say_broken(j, end);
    say(j);
    return end == PICKLE_ENDED;
}

uint64_t judge_hidden(Judge *j, Pickle *p, uint64_t at)
{
    PickleEnd   end = run(j, p, at);
    ScanVerdict worst = gathered(j);
    if (worst < SCAN_SUSPICIOUS || (worst < SCAN_MALICIOUS && end != PICKLE_ENDED)) {
        j->hit_count = 0, j->epoch++;
        return 0;
    }
    judge_hit(j, RULE_PICKLE_HIDDEN, at, "a pickle lies behind bytes that belong to none");
    say(j);
    return pickle_at(p) > at ? pickle_at(p) : at + 1;
}

uint64_t judge_inside(Judge *j, uint64_t at)
{
    Pickle   *p = pickle_new(j->in->bytes, NULL, 0, hear, j);
    PickleEnd end = PICKLE_OVER;
    j->inside = true;
    if (p != NULL)
        end = pickle_run(p, at);
    j->inside = false;
    uint64_t to = end == PICKLE_ENDED ? pickle_at(p) : j->in->bytes.n;
    pickle_free(p);
    return to;
}

static void all(Judge *j, Pickle *p, uint64_t *end)
{
    bool     more = true;
    uint64_t at = 0;
    while (at < j->in->bytes.n && more && j->streams < PICKLE_STREAMS_MAX && !(j->home == PICKLE_TORCH_LEGACY && j->streams == LEGACY_PICKLES)) {
        more = one(j, p, at);
        if (more)
            at = pickle_at(p);
    }
    if (j->home == PICKLE_TORCH_LEGACY && (!more || j->streams < LEGACY_PICKLES) && j->verdict < SCAN_BROKEN)
        j->verdict = SCAN_BROKEN;
    *end = j->home == PICKLE_TORCH_LEGACY && more ? torch_legacy_end(j, at) : at;
    say(j);
    if (j->in->depth == 0 && j->home != PICKLE_TORCH_LEGACY)
        search_hidden(j, p, at);
}

ScanVerdict scan_pickle(Arena *a, const ScanPickle *in, const ScanOut *out, uint64_t *end)
{
    Judge   j = { .a = a, .in = in, .out = out, .home = in->home, .nested_left = NESTED_BYTES_MAX, .hits = arena_get(a, PICKLE_HITS_MAX, sizeof(Hit)) };
    Pickle *p = pickle_new(in->bytes, keys, KEEPS, hear, &j);
    *end = 0;
    if (p == NULL || j.hits == NULL)
        return pickle_free(p), SCAN_UNSCANNABLE;
    all(&j, p, end);
    pickle_free(p);
    return j.verdict;
}
