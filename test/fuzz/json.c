/* The same verdict, place and events for the whole text and for its cuts; places within the text; what the writer
 * writes of a tree reads back as the same tree. */
#include "base/rng.h"
#include "format/json.h"

typedef struct Trace {
    uint64_t hash, size;                               /* of everything the events said, pieces joined */
} Trace;

static void mix(Trace *t, uint64_t v) { t->hash = (t->hash ^ v) * 0x9E3779B97F4A7C15u; }

static bool trace(void *ctx, const JsonEvent *ev)
{
    Trace *t = ctx;
    if (ev->first || ev->step != JSON_VALUE)
        mix(t, ev->at), mix(t, (uint64_t)ev->step << 40 | (uint64_t)ev->type << 32 | ev->depth);
    for (size_t i = 0; i < ev->text.n; i++)
        mix(t, (uint8_t)ev->text.p[i]);
    if (!ev->more)
        mix(t, ev->end);
    if (ev->at >= ev->end || ev->end > t->size)
        abort();
    return true;
}

/* Pieces of at most `most` bytes, drawn from the seed. */
static void run(Str text, JsonProfile profile, size_t most, uint64_t seed, Trace *t)
{
    static const uint64_t key[2] = { 1, 2 };
    Rng                   rng = rng_of(seed);
    defer_arena Arena    *a = arena_new(JSON_PUSH_GROW + 4 * text.n);
    JsonPush              p;
    Err                   e = { 0 };
    bool                  ok = true;
    *t = (Trace){ .size = text.n };
    json_push_begin(&p, &(JsonPushConf){ .profile = profile, .fn = trace, .ctx = t, .grow = a, .hash_key = key });
    while (ok && text.n > 0) {
        size_t n = most >= text.n ? text.n : 1 + rng_below(&rng, most);
        Str    piece = { text.p, n < text.n ? n : text.n };
        char  *exact = malloc(piece.n);                /* so that a read past the piece is seen */
        memcpy(exact, piece.p, piece.n);
        ok = json_push_feed(&p, (Str){ exact, piece.n }, &e);
        free(exact);
        text = str_from(text, piece.n);
    }
    ok = ok && json_push_end(&p, &e);
    if (ok != (e.at == 0) || (!ok && e.at > t->size + 1))
        abort();
    mix(t, ok), mix(t, e.at);
    for (const char *m = e.message; *m; m++)
        mix(t, (uint8_t)*m);
}

static bool same(const Json *a, const Json *b)
{
    if (a->type != b->type || a->count != b->count || !str_eq(a->text, b->text) || !str_eq(a->key, b->key))
        return false;
    for (a = a->first, b = b->first; a != NULL; a = a->next, b = b->next)
        if (!same(a, b))
            return false;
    return true;
}

static void round_trip(Str text, JsonProfile profile, bool pretty)
{
    defer_arena Arena *a = arena_new(256 << 20);
    defer_buf Buf      b = { 0 };
    Err                e = { 0 };
    JsonOut            w = json_out(&b);
    const Json        *v = json_parse(a, text, profile, &e), *back;
    if (v == NULL) {
        if (e.message[0] == '\0' || e.at > text.n + 1)
            abort();
        return;
    }
    w.pretty = pretty;
    json_put_tree(&w, v);
    back = json_parse(a, buf_view(&b), profile, &e);
    if (back == NULL || !same(v, back))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    JsonProfile profile = data[0] & 1 ? JSON_STRICT : JSON_GRAMMAR;
    Str         text = { (const char *)data + 1, size - 1 };
    Trace       whole, bytes, some;
    run(text, profile, size, 0, &whole);
    run(text, profile, 1, 0, &bytes);
    run(text, profile, 1 + data[0] / 2, data[0], &some);
    if (whole.hash != bytes.hash || whole.hash != some.hash)
        abort();
    round_trip(text, profile, data[0] & 2);
    return 0;
}
