/* safetensors.c - see safetensors.h. */
#include "format/safetensors.h"
#include "base/dict.h"

/* In the order of the reference's enum: its writer puts the last ones first. */
static const struct {
    const char *name;
    Scalar      type;
} types[] = {
    { "BOOL", SCALAR_BOOL },   { "F4", SCALAR_F4 },   { "F6_E2M3", SCALAR_F6 }, { "F6_E3M2", SCALAR_F6 }, { "U8", SCALAR_U8 },
    { "I8", SCALAR_I8 },       { "F8_E5M2", SCALAR_F8 }, { "F8_E4M3", SCALAR_F8 }, { "F8_E8M0", SCALAR_F8 },
    { "F8_E4M3FNUZ", SCALAR_F8 }, { "F8_E5M2FNUZ", SCALAR_F8 }, { "I16", SCALAR_I16 }, { "U16", SCALAR_U16 },
    { "F16", SCALAR_F16 },     { "BF16", SCALAR_BF16 }, { "I32", SCALAR_I32 }, { "U32", SCALAR_U32 }, { "F32", SCALAR_F32 },
    { "C64", SCALAR_C64 },     { "F64", SCALAR_F64 }, { "I64", SCALAR_I64 },   { "U64", SCALAR_U64 },
};

/* What a reader carries along: header offsets in the tree count from the header's first byte. */
typedef struct Reader {
    Arena *a;
    Str    data;
    size_t header_at, data_at;
    Err   *e;
} Reader;

static bool bad(Reader *r, const Json *v, const char *what)
{
    Str name = v->key.n < 80 ? v->key : (Str){ v->key.p, 80 };
    return err_at(r->e, r->header_at + v->at, "safetensors: '%.*s': %s", STR(name), what);
}

/* shape times type must be the bytes, to the bit (F4 and F6 fill them only in groups). */
static bool fits(const SafeTensor *t)
{
    uint64_t bits = scalar_bits(t->type);
    for (unsigned d = 0; d < t->dims; d++)
        if (__builtin_mul_overflow(bits, t->shape[d], &bits))
            return false;
    return bits % 8 == 0 && bits / 8 == t->data.n;
}

/* ---- one tensor */

/* Digits only: 2.0 and 2e0 are sizes to some readers. */
static bool whole(const Json *v, uint64_t *out) { return v->type == JSON_NUMBER && str_u64(v->text, out); }

static bool read_type(Reader *r, const Json *v, SafeTensor *t)
{
    t->type_name = json_text(v, S(""));
    for (size_t i = 0; i < len_of(types); i++)
        if (v->type == JSON_STRING && str_is(v->text, types[i].name))
            t->type = types[i].type;
    return t->type != SCALAR_NONE || bad(r, v, "is no type we know");
}

static bool read_shape(Reader *r, const Json *v, SafeTensor *t)
{
    if (v->type != JSON_ARRAY)
        return bad(r, v, "is not a list of sizes");
    if (v->count > SAFETENSORS_DIMS)
        return bad(r, v, "has more than 16 dimensions");
    for (const Json *d = v->first; d != NULL; d = d->next)
        if (!whole(d, &t->shape[t->dims++]))
            return bad(r, v, "holds a size that is no whole number");
    return true;
}

static bool read_offsets(Reader *r, const Json *v, SafeTensor *t)
{
    uint64_t begin, end;
    if (v->type != JSON_ARRAY || v->count != 2 || !whole(v->first, &begin) || !whole(v->first->next, &end))
        return bad(r, v, "is not two offsets");
    if (begin > end || end > r->data.n)
        return bad(r, v, "lies outside the data");
    t->at = r->data_at + begin;
    t->data = (Str){ r->data.p + begin, end - begin };
    return true;
}

static bool read_tensor(Reader *r, const Json *v, SafeTensor *t)
{
    static const struct {
        const char *key;
        bool (*read)(Reader *r, const Json *v, SafeTensor *t);
    } rows[] = { { "dtype", read_type }, { "shape", read_shape }, { "data_offsets", read_offsets } };
    unsigned seen = 0;
    t->name = v->key;
    for (const Json *m = v->first; m != NULL && v->type == JSON_OBJECT; m = m->next) {
        unsigned i = 0;
        while (i < len_of(rows) && !str_is(m->key, rows[i].key))
            i++;
        if (i == len_of(rows) || seen & 1u << i)
            return bad(r, m, "is here twice or is no key of a tensor");
        seen |= 1u << i;
        if (!rows[i].read(r, m, t))
            return err_in(r->e, "tensor '%.*s'", (int)(t->name.n < 80 ? t->name.n : 80), t->name.p);
    }
    if (seen != 7)
        return bad(r, v, "lacks dtype, shape or data_offsets");
    return fits(t) || bad(r, v, "shape and dtype do not make the bytes it claims");
}

/* ---- the header */

static bool no_key_twice(Reader *r, const Json *object)
{
    Dict *seen = dict_new(r->a);
    if (seen == NULL)
        return err_nomem(r->e);
    for (Json *m = object->first; m != NULL; m = m->next) {
        if (dict_get(seen, m->key) != NULL)
            return bad(r, m, "is here twice");
        if (!dict_put(seen, m->key, m))
            return err_nomem(r->e);
    }
    return true;
}

static bool read_metadata(Reader *r, const Json *v)
{
    if (v->type != JSON_OBJECT)
        return bad(r, v, "is not an object of texts");
    for (const Json *m = v->first; m != NULL; m = m->next)
        if (m->type != JSON_STRING)
            return bad(r, m, "is metadata and not a text");
    return no_key_twice(r, v);
}

static int by_place(const void *x, const void *y)
{
    const SafeTensor *a = x, *b = y;
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return a->data.n != b->data.n ? (a->data.n < b->data.n ? -1 : 1) : str_cmp(a->name, b->name);
}

/* Each tensor starts where the one before it ends, the last one ends the file: no byte belongs to none or to two. */
static bool tiles(Reader *r, const Safetensors *s)
{
    uint64_t next = r->data_at;
    for (size_t i = 0; i < s->count; i++) {
        const SafeTensor *t = &s->tensor[i];
        if (t->at != next)
            return err_at(r->e, next, "safetensors: tensor '%.*s' %s", (int)(t->name.n < 80 ? t->name.n : 80), t->name.p,
                          t->at < next ? "overlaps another one" : "leaves a hole before it");
        next += t->data.n;
    }
    return next == r->data_at + r->data.n || err_at(r->e, next, "safetensors: bytes behind the last tensor");
}

static bool read_header(Reader *r, Safetensors *s)
{
    if (!no_key_twice(r, s->header))
        return false;
    s->tensor = arena_get(r->a, s->header->count, sizeof *s->tensor);
    if (s->tensor == NULL)
        return err_nomem(r->e);
    for (const Json *m = s->header->first; m != NULL; m = m->next) {
        bool is_metadata = str_is(m->key, "__metadata__");
        if (is_metadata)
            s->metadata = m;
        if (is_metadata ? !read_metadata(r, m) : !read_tensor(r, m, &s->tensor[s->count++]))
            return false;
    }
    if (s->count > 0)
        qsort(s->tensor, s->count, sizeof *s->tensor, by_place);
    return tiles(r, s);
}

/* The JSON text: it starts with its bracket and ends with it, but for blanks. */
static bool header_text(Str file, Str *out, Err *e)
{
    Cur      c = cur_of(file);
    uint64_t length = cur_u64(&c);
    if (c.bad)
        return err_at(e, file.n, "safetensors: the file is cut short");
    if (length > SAFETENSORS_HEADER_MAX)
        return err_at(e, 0, "safetensors: header of %" PRIu64 " bytes; the limit is %d", length, SAFETENSORS_HEADER_MAX);
    *out = cur_bytes(&c, length);
    if (c.bad)
        return err_at(e, file.n, "safetensors: header of %" PRIu64 " bytes is cut short", length);
    while (out->n > 0 && out->p[out->n - 1] == ' ')
        out->n--;
    if (out->n < 2 || out->p[0] != '{' || out->p[out->n - 1] != '}' || !str_utf8(*out))
        return err_at(e, 8, "safetensors: the header is no JSON object");
    return true;
}

bool safetensors_read(Arena *a, Str file, Safetensors *out, Err *e)
{
    Str text;
    *out = (Safetensors){ 0 };
    if (!header_text(file, &text, e))
        return false;
    Cur    c = cur_of(file);
    Reader r = { .a = a, .header_at = 8, .data_at = 8 + cur_u64(&c), .e = e };
    r.data = str_from(file, r.data_at);
    /* The strict profile's limit of keys is below what large models have; what it refuses is checked here. */
    out->header = json_parse(a, text, JSON_GRAMMAR, e);
    if (out->header != NULL)
        return read_header(&r, out);
    if (e != NULL && e->at != 0)
        e->at += r.header_at;
    return err_in(e, "safetensors header");
}

const SafeTensor *safetensors_find(const Safetensors *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (str_is(s->tensor[i].name, name))
            return &s->tensor[i];
    return NULL;
}

/* ---- the writer */

static int rank_of(const SafeTensor *t)
{
    for (size_t i = 0; i < len_of(types); i++)
        if (types[i].type == t->type)
            return (int)i;
    return -1;
}

static int by_name(const void *x, const void *y)
{
    const SafeTensor *a = *(SafeTensor *const *)x, *b = *(SafeTensor *const *)y;
    return str_cmp(a->name, b->name);
}

static int by_rank(const void *x, const void *y)
{
    const SafeTensor *a = *(SafeTensor *const *)x, *b = *(SafeTensor *const *)y;
    int               ra = rank_of(a), rb = rank_of(b);
    return ra != rb ? rb - ra : by_name(x, y);
}

static bool writable(const SafeTensor *const *t, size_t count, Err *e)
{
    for (size_t i = 0; i < count; i++) {
        Str name = t[i]->name;
        if (i > 0 && str_eq(name, t[i - 1]->name))
            return err_set(e, E_USAGE, "two tensors are named '%.*s'", STR(name));
        if (str_is(name, "__metadata__") || !str_utf8(name))
            return err_set(e, E_USAGE, "a tensor cannot be named '%.*s'", STR(name));
        if (t[i]->type == SCALAR_NONE || t[i]->type > SCALAR_F64 || t[i]->dims > SAFETENSORS_DIMS || !fits(t[i]))
            return err_set(e, E_USAGE, "tensor '%.*s': shape and type do not make its %zu bytes", STR(name), t[i]->data.n);
    }
    return true;
}

static bool put_metadata(JsonOut *w, const Str (*metadata)[2], size_t pairs, Err *e)
{
    json_key(w, "__metadata__");
    json_open(w, '{');
    for (size_t i = 0; i < pairs; i++) {
        for (size_t k = 0; k < i; k++)
            if (str_eq(metadata[i][0], metadata[k][0]))
                return err_set(e, E_USAGE, "metadata '%.*s' is given twice", STR(metadata[i][0]));
        json_key_str(w, metadata[i][0]);
        json_put_str(w, metadata[i][1]);
    }
    json_close(w, '}');
    return true;
}

static void put_tensor(JsonOut *w, const SafeTensor *t, uint64_t at)
{
    json_key_str(w, t->name);
    json_open(w, '{');
    json_key(w, "dtype");
    json_put_z(w, types[rank_of(t)].name);
    json_key(w, "shape");
    json_open(w, '[');
    for (unsigned d = 0; d < t->dims; d++)
        json_put_u64(w, t->shape[d]);
    json_close(w, ']');
    json_key(w, "data_offsets");
    json_open(w, '[');
    json_put_u64(w, at);
    json_put_u64(w, at + t->data.n);
    json_close(w, ']');
    json_close(w, '}');
}

static bool write_sorted(Buf *out, const SafeTensor **t, size_t count, const Str (*metadata)[2], size_t pairs, Err *e)
{
    defer_buf Buf header = { 0 };
    JsonOut       w = json_out(&header);
    uint64_t      at = 0;
    json_open(&w, '{');
    if (pairs > 0 && !put_metadata(&w, metadata, pairs, e))
        return false;
    for (size_t i = 0; i < count; at += t[i++]->data.n)
        put_tensor(&w, t[i], at);
    json_close(&w, '}');
    while (header.n % 8 != 0)
        buf_byte(&header, ' ');
    buf_u64(out, header.n);
    buf_str(out, buf_view(&header));
    for (size_t i = 0; i < count; i++)
        buf_str(out, t[i]->data);
    return !(out->bad |= header.bad) || err_nomem(e);
}

bool safetensors_write(Buf *out, const SafeTensor *tensor, size_t count, const Str (*metadata)[2], size_t pairs, Err *e)
{
    const SafeTensor **t = calloc(count + 1, sizeof *t);
    if (t == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < count; i++)
        t[i] = &tensor[i];
    qsort(t, count, sizeof *t, by_name);
    bool ok = writable(t, count, e);
    if (ok) {
        qsort(t, count, sizeof *t, by_rank);
        ok = write_sorted(out, t, count, metadata, pairs, e);
    }
    free(t);
    return ok;
}
