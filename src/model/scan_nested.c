/* scan_nested.c - pickles where none should be: in a text of another, plain or encoded, and behind other bytes. */
#include "model/scan_pickle.h"

/* ---- does it look like one? */

/* PROTO and then an opcode; or opcodes up to a STOP that import something on their way. */
static bool looks(Str s)
{
    bool imports;
    if (s.n < PICKLE_CONSTANT_MIN)
        return false;
    if ((uint8_t)s.p[0] == 0x80)
        return (uint8_t)s.p[1] <= 5 && pickle_opcode_name((uint8_t)s.p[2]) != NULL;
    return pickle_walk(s, &imports) > 0 && imports;
}

/* ---- encodings */

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

typedef struct Encoding {
    const char *name;
    int       (*digit)(char c);
    unsigned    bits;                                  /* of a digit                                            */
} Encoding;
static const Encoding encodings[] = { { "base64", base64_digit, 6 }, { "hexadecimal", hex_digit, 4 } };

/* Up to `size` bytes; line ends between digits and padding at the end are passed over.  False: other characters. */
static bool decode(const Encoding *e, Str s, char *to, size_t size, Str *out)
{
    uint32_t acc = 0;
    unsigned have = 0;
    size_t   n = 0, i = 0;
    for (; i < s.n && n < size; i++) {
        int d = e->digit(s.p[i]);
        if (d < 0 && (s.p[i] == '\n' || s.p[i] == '\r'))
            continue;
        if (d < 0)
            break;
        acc = acc << e->bits | (uint32_t)d, have += e->bits;
        if (have >= 8)
            have -= 8, to[n++] = (char)(acc >> have);
    }
    while (i < s.n && n < size && (s.p[i] == '=' || s.p[i] == '\n' || s.p[i] == '\r'))
        i++;
    *out = (Str){ to, n };
    return n > 0 && (i == s.n || n == size);
}

/* A text that holds bytes as characters below 256. */
static Str latin1(Arena *a, Str s)
{
    char  *to = arena_get(a, s.n, 1);
    size_t n = 0;
    for (size_t i = 0; to != NULL && i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        if (c >= 0x80 && ((c & 0xFE) != 0xC2 || i + 1 == s.n))
            return (Str){ "", 0 };
        to[n++] = (char)(c < 0x80 ? c : (uint8_t)((c & 3) << 6 | ((uint8_t)s.p[++i] & 63)));
    }
    return (Str){ to, to ? n : 0 };
}

/* ---- judging what was found */

typedef struct Inner {
    ScanVerdict worst;
    char        first[200];
    Arena      *a;
} Inner;

static void hear_inner(void *ctx, const ScanHit *h)
{
    Inner *in = ctx;
    if (in->first[0] == 0 || h->severity >= SEV_CRITICAL)
        snprintf(in->first, sizeof in->first, "%.*s", STR(h->message));
}

static void judge_text(Judge *j, uint64_t at, Str s, const char *how)
{
    Inner       in = { .a = j->a };
    uint64_t    end;
    defer_arena Arena *a = arena_new(32 << 20);
    if (a == NULL || s.n > j->nested_left || j->nested_count >= NESTED_MAX)
        return;
    j->nested_left -= s.n, j->nested_count++;
    ScanPickle  inner = { .bytes = s, .home = PICKLE_PLAIN, .depth = j->in->depth + 1 };
    ScanOut     out = { &in, hear_inner, NULL };
    ScanVerdict v = scan_pickle(a, &inner, &out, &end);
    bool        ends = end > 0 && s.p[end - 1] == '.';
    if (v < SCAN_SUSPICIOUS || (!ends && v < SCAN_MALICIOUS))
        return;
    judge_hit(j, how ? RULE_PICKLE_ENCODED : RULE_PICKLE_NESTED, at, "a text holds a pickle%s%s: %s", how ? " in " : "", how ? how : "", in.first);
    if (how != NULL && v < SCAN_MALICIOUS && j->hit_count > 0)
        j->hits[j->hit_count - 1].severity = SEV_HIGH;
}

static void judge_encoded(Judge *j, uint64_t at, Str s, const Encoding *e)
{
    char start[3];
    Str  head, all;
    if (!decode(e, (Str){ s.p, 8 }, start, sizeof start, &head) || pickle_opcode_name((uint8_t)start[0]) == NULL)
        return;
    defer_arena Arena *a = arena_new(64 << 20);
    char *to = a ? arena_get(a, s.n, 1) : NULL;
    if (to != NULL && decode(e, s, to, s.n, &all) && looks(all))
        judge_text(j, at, all, e->name);
}

/* Bytes that went through a text: each a character below 256. */
static void judge_latin1(Judge *j, uint64_t at, Str s)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Str bytes = a ? latin1(a, s) : (Str){ 0 };
    if (looks(bytes))
        judge_text(j, at, bytes, NULL);
}

enum { ENCODED_MIN = 16 };

void nested_constant(Judge *j, const PickleFact *f)
{
    Str s = f->text;
    if (j->in->depth >= PICKLE_DEPTH_MAX || s.n > j->nested_left)
        return;
    if (looks(s))
        judge_text(j, f->at, s, NULL);
    if ((uint8_t)s.p[0] == 0xC2 && (uint8_t)s.p[1] == 0x80)
        judge_latin1(j, f->at, s);
    for (size_t i = 0; s.n >= ENCODED_MIN && i < len_of(encodings); i++)
        judge_encoded(j, f->at, s, &encodings[i]);
}
