/* Any bytes: facts lie inside what was read; a pickle that ends says the same whatever follows it; the judge comes to a
 * verdict in every kind of file, and its findings lie in the bytes too. */
#include "model/scan.h"
#include "format/pickle.h"

typedef struct Trace {
    Str      bytes;
    uint64_t hash, facts;
} Trace;

static void mix(Trace *t, uint64_t v) { t->hash = (t->hash ^ v) * 0x9E3779B97F4A7C15u; }

static void mix_value(Trace *t, Pickle *p, PickleValue v)
{
    char                room[64];
    Str                 s;
    const PickleGlobal *g = pickle_global(p, v);
    mix(t, v.kind), mix(t, v.form), mix(t, v.weight);
    if (pickle_text(p, v, room, sizeof room, &s))
        assert((s.p == room && s.n <= sizeof room) || (s.p >= t->bytes.p && s.p + s.n <= t->bytes.p + t->bytes.n)), mix(t, s.n);
    if (g != NULL)
        assert(g->module.n <= PICKLE_NAME_MAX && g->name.n <= PICKLE_NAME_MAX), mix(t, g->number);
    for (size_t i = 0; pickle_items(p, v) != NULL && i < v.n; i++)
        mix(t, pickle_item(p, v, i).kind);
}

static void hear(void *ctx, Pickle *p, PickleFact *f)
{
    Trace *t = ctx;
    assert(f->at <= t->bytes.n && pickle_at(p) <= t->bytes.n && pickle_at(p) >= f->at);
    assert(f->kind == PICKLE_BROKEN || f->kind == PICKLE_LIMIT || pickle_opcode_name(f->op) != NULL);
    mix(t, f->kind), mix(t, f->op), mix(t, f->at), mix(t, f->text.n);
    mix_value(t, p, f->on), mix_value(t, p, f->with), mix_value(t, p, f->result);
    t->facts++;
}

static const Str keep[] = { { "shape", 5 }, { "dtype", 5 } };

static PickleEnd follow(Str bytes, Trace *t, uint64_t *end)
{
    *t = (Trace){ .bytes = bytes };
    Pickle   *p = pickle_new(bytes, keep, 2, hear, t);
    PickleEnd e = pickle_run(p, 0);
    *end = pickle_at(p);
    assert(*end <= bytes.n);
    pickle_free(p);
    return e;
}

static void same_whatever_follows(Str s)
{
    Trace    one, two;
    uint64_t end, again;
    bool     imports;
    if (follow(s, &one, &end) != PICKLE_ENDED)
        return;
    assert(pickle_walk(s, &imports) == end);
    char *cut = malloc(end);
    memcpy(cut, s.p, end);
    assert(follow((Str){ cut, end }, &two, &again) == PICKLE_ENDED && again == end);
    free(cut);
    /* a frame may end behind STOP: then the cut shows it, as it should */
    assert(memchr(s.p, 0x95, end) != NULL || (one.hash == two.hash && one.facts == two.facts));
}

static void hear_hit(void *ctx, const ScanHit *h)
{
    assert(h->byte <= *(size_t *)ctx + 1 && h->message.n > 0);
}

static bool storage(void *ctx, Str key, uint64_t *bytes)
{
    (void)ctx;
    *bytes = key.n;
    return key.n != 3;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Str s = { (const char *)data, n };
    same_whatever_follows(s);
    for (PickleHome home = PICKLE_PLAIN; home <= PICKLE_NUMPY; home++) {
        Arena     *a = arena_new(256 << 20);
        ScanOut    out = { &n, hear_hit, NULL };
        ScanPickle in = { .bytes = s, .home = home, .storage = home == PICKLE_TORCH_ZIP ? storage : NULL };
        uint64_t   end;
        ScanVerdict v = scan_pickle(a, &in, &out, &end);
        assert(end <= n && v <= SCAN_MALICIOUS);
        arena_free(a);
    }
    return 0;
}
