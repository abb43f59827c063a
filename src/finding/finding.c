/* finding.c - see finding.h. */
#include "finding/finding.h"
#include "crypto/digest.h"

enum { ID_BYTES = 16 };

struct Findings {
    Arena   *arena;
    Finding *v;
    size_t   n, cap;
};

static const char *const names[SEVERITIES] = { "info", "low", "medium", "high", "critical" };

const char *severity_name(Severity s) { return names[s]; }

bool severity_parse(Str s, Severity *out)
{
    for (size_t i = 0; i < SEVERITIES; i++)
        if (str_is(s, names[i]))
            return *out = (Severity)i, true;
    return false;
}

Findings *findings_new(Arena *a)
{
    Findings *l = arena_get(a, 1, sizeof *l);
    if (l != NULL)
        l->arena = a;
    return l;
}

Finding finding_of(const Rule *r, Str part, Str subject)
{
    return (Finding){ .rule = r, .severity = r->severity, .part = part, .subject = subject, .message = str(r->title), .fix = str(r->fix) };
}

/* Lengths go in front, or ("ab", "c") and ("a", "bc") would be one finding. */
static void put_sized(Buf *b, Str s)
{
    buf_u64(b, s.n);
    buf_str(b, s);
}

static bool name_it(Finding *f)
{
    defer_buf Buf b = { 0 };
    put_sized(&b, str(f->rule->id));
    put_sized(&b, f->part);
    put_sized(&b, f->subject);
    put_sized(&b, f->at.inner);
    buf_u64(&b, f->at.byte), buf_u64(&b, f->at.line), buf_u64(&b, f->at.column), buf_u64(&b, f->at.row);
    if (b.bad)
        return false;
    Digest d = sha256(buf_view(&b));
    char   hex[DIGEST_HEX];
    digest_hex(&d, hex);
    memcpy(f->id, hex, 2 * ID_BYTES);
    f->id[2 * ID_BYTES] = '\0';
    return true;
}

static bool copy(Arena *a, Str *s)
{
    *s = arena_str(a, s->p ? *s : S(""));
    return s->p != NULL;
}

static bool grow(Findings *l)
{
    if (l->n < l->cap)
        return true;
    size_t   cap = l->cap ? 2 * l->cap : 16;
    Finding *v = arena_get(l->arena, cap, sizeof *v);
    if (v == NULL)
        return false;
    if (l->n)
        memcpy(v, l->v, l->n * sizeof *v);
    l->v = v, l->cap = cap;
    return true;
}

bool finding_add(Findings *l, Finding f)
{
    Arena *a = l->arena;
    if (!copy(a, &f.part) || !copy(a, &f.subject) || !copy(a, &f.at.inner) || !copy(a, &f.message) || !copy(a, &f.fix) || !copy(a, &f.evidence))
        return false;
    if (!name_it(&f) || !grow(l))
        return false;
    l->v[l->n++] = f;
    return true;
}

size_t         findings_count(const Findings *l) { return l->n; }
const Finding *findings_at(const Findings *l, size_t i) { return i < l->n ? &l->v[i] : NULL; }

size_t findings_at_or_above(const Findings *l, Severity s)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        n += l->v[i].state == STATE_FAIL && l->v[i].severity >= s;
    return n;
}

/* ---- order */

static int cmp_u64(uint64_t a, uint64_t b) { return (a > b) - (a < b); }

static int cmp_place(const Place *a, const Place *b)
{
    int c = str_cmp(a->inner, b->inner);
    c = c ? c : cmp_u64(a->row, b->row);
    c = c ? c : cmp_u64(a->line, b->line);
    c = c ? c : cmp_u64(a->column, b->column);
    return c ? c : cmp_u64(a->byte, b->byte);
}

static int cmp_finding(const void *pa, const void *pb)
{
    const Finding *a = pa, *b = pb;
    int            c = (int)b->severity - (int)a->severity;
    c = c ? c : str_cmp(a->part, b->part);
    c = c ? c : str_cmp(a->subject, b->subject);
    c = c ? c : cmp_place(&a->at, &b->at);
    c = c ? c : strcmp(a->id, b->id);
    return c ? c : str_cmp(a->message, b->message);    /* twins: two sentences about one place */
}

void findings_sort(Findings *l)
{
    if (l->n)
        qsort(l->v, l->n, sizeof *l->v, cmp_finding);
}

/* ---- for programs */

/* byte counts from 0 as debuggers do; line, column and row from 1 as editors do. */
static void place_json(const Place *at, JsonOut *w)
{
    json_open(w, '{');
    if (at->inner.n)
        json_member(w, "inner", at->inner);
    if (at->byte)
        json_member_u64(w, "byte", at->byte - 1);
    if (at->line)
        json_member_u64(w, "line", at->line);
    if (at->column)
        json_member_u64(w, "column", at->column);
    if (at->row)
        json_member_u64(w, "row", at->row);
    json_close(w, '}');
}

static void finding_json(const Finding *f, JsonOut *w)
{
    json_open(w, '{');
    json_member(w, "id", str(f->id));
    json_member(w, "rule", str(f->rule->id));
    json_member(w, "severity", str(names[f->severity]));
    json_member(w, "state", f->state == STATE_FAIL ? S("fail") : S("unknown"));
    json_member(w, "part", f->part);
    json_member(w, "subject", f->subject);
    json_key(w, "at");
    place_json(&f->at, w);
    json_member(w, "message", f->message);
    json_member(w, "fix", f->fix);
    json_key(w, "evidence");
    json_put_raw(w, f->evidence.n ? f->evidence : S("{}"));
    json_close(w, '}');
}

void findings_json(const Findings *l, JsonOut *w)
{
    uint64_t fail[SEVERITIES] = { 0 }, unknown = 0;
    json_key(w, "findings");
    json_open(w, '[');
    for (size_t i = 0; i < l->n; i++) {
        finding_json(&l->v[i], w);
        *(l->v[i].state == STATE_FAIL ? &fail[l->v[i].severity] : &unknown) += 1;
    }
    json_close(w, ']');
    json_key(w, "counts");
    json_open(w, '{');
    for (size_t s = SEVERITIES; s-- > 0;)
        json_member_u64(w, names[s], fail[s]);
    json_member_u64(w, "unknown", unknown);
    json_close(w, '}');
}
