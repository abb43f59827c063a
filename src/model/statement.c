/* statement.c - see statement.h. */
#include "model/statement.h"

/* ---- names and digests */

bool resource_name_ok(Str name, bool dot)
{
    if (dot && str_is(name, "."))
        return true;
    if (name.n == 0 || !str_utf8(name) || memchr(name.p, '\0', name.n) != NULL)
        return false;
    Str step, rest = name;
    for (bool more = true; more;) {
        more = str_cut(rest, '/', &step, &rest);
        if (step.n == 0 || str_is(step, ".") || str_is(step, ".."))
            return false;
    }
    return true;
}

Digest statement_root(HashKind hash, const Resource *v, size_t n)
{
    Sha256 *h = sha256_begin();
    if (h == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        sha256_add(h, (Str){ (const char *)v[i].digest, hash_size(hash) });
    return sha256_end(h);
}

/* hash_size(hash) bytes; lower case only. */
static bool digest_read(Str hex, HashKind hash, uint8_t *out)
{
    defer_buf Buf raw = { 0 };
    for (size_t i = 0; i < hex.n; i++)
        if (hex.p[i] >= 'A' && hex.p[i] <= 'F')
            return false;
    if (hex.n != 2 * hash_size(hash) || !hex_get(&raw, hex) || raw.n != hash_size(hash))
        return false;
    memcpy(out, raw.p, raw.n);
    return true;
}

/* ---- reading */

typedef struct Reader {
    Arena     *a;
    Statement *s;
    Err       *e;
} Reader;

static const Json *want(const Reader *r, const Json *object, const char *key, JsonType type)
{
    const Json *v = json_get(object, key);
    if (v != NULL && v->type == type)
        return v;
    err_set(r->e, E_FORMAT, "statement: '%s' is missing or of another type", key);
    return NULL;
}

/* Integers may be spelled 1000 or 1000.0: some bundles went through a float. */
static bool whole_number(const Json *v, uint64_t *out)
{
    double d = json_num(v, -1);
    *out = d >= 1 && d <= 9007199254740992.0 ? (uint64_t)d : 0;
    return *out != 0 && (double)*out == d;
}

/* "path:start:end": the path is everything before the last two numbers, since names may hold colons. */
static bool shard_name(Str text, Resource *r)
{
    size_t colon[2], found = 0;
    for (size_t i = text.n; i > 0 && found < 2; i--)
        if (text.p[i - 1] == ':')
            colon[found++] = i - 1;
    if (found < 2)
        return false;
    Str from = { text.p + colon[1] + 1, colon[0] - colon[1] - 1 };
    r->name = (Str){ text.p, colon[1] };
    return str_u64(from, &r->from) && str_u64(str_from(text, colon[0] + 1), &r->to) && r->from < r->to &&
           r->to <= INT64_MAX;
}

/* "sha256", or "sha256-sharded-1000" as the reference writes for shards. */
static bool algorithm_ok(const Statement *s, Str text)
{
    const char *name = hash_name(s->hash);
    uint64_t    size;
    if (str_is(text, name))
        return true;
    if (s->shard_size == 0 || !str_starts(text, str(name)))
        return false;
    Str rest = str_from(text, strlen(name));
    if (!str_starts(rest, S("-sharded-")))
        return false;
    rest = str_from(rest, strlen("-sharded-"));
    if (str_ends(rest, S(".0")))
        rest.n -= 2;
    return str_u64(rest, &size) && size == s->shard_size;
}

static bool read_resource(const Reader *r, const Json *v, Resource *out)
{
    Str name = json_text(json_get(v, "name"), (Str){ 0 });
    *out = (Resource){ .name = name, .to = UINT64_MAX };
    if (r->s->shard_size != 0 && !shard_name(name, out))
        return err_set(r->e, E_FORMAT, "statement: '%.*s' is no shard's name (path:start:end)", STR(name));
    if (!resource_name_ok(out->name, true))
        return err_set(r->e, E_FORMAT, "statement: '%.*s' is not a relative path in its one spelling", STR(name));
    if (!algorithm_ok(r->s, json_text(json_get(v, "algorithm"), (Str){ 0 })))
        return err_set(r->e, E_FORMAT, "statement: '%.*s': its algorithm is not the statement's", STR(name));
    if (!digest_read(json_text(json_get(v, "digest"), (Str){ 0 }), r->s->hash, out->digest))
        return err_set(r->e, E_FORMAT, "statement: '%.*s': not a digest in lower-case hex", STR(name));
    return true;
}

static int by_place(const void *a, const void *b)
{
    const Resource *x = *(Resource *const *)a, *y = *(Resource *const *)b;
    int             c = str_cmp(x->name, y->name);
    return c ? c : (x->from > y->from) - (x->from < y->from);
}

/* Names are unique; the shards of a file tile it from 0 on, and each but the last is as long as declared. */
static bool whole_files(const Reader *r)
{
    const Statement *s = r->s;
    const Resource **order = arena_get(r->a, s->n, sizeof *order), *before = NULL;
    if (order == NULL)
        return err_nomem(r->e);
    for (size_t i = 0; i < s->n; i++)
        order[i] = &s->v[i];
    qsort(order, s->n, sizeof *order, by_place);
    for (size_t i = 0; i < s->n; before = order[i++]) {
        const Resource *v = order[i];
        bool            first = before == NULL || !str_eq(before->name, v->name);
        if (s->shard_size == 0 && !first)
            return err_set(r->e, E_FORMAT, "statement: '%.*s' is listed twice", STR(v->name));
        if (s->shard_size == 0)
            continue;
        if (v->from != (first ? 0 : before->to) || v->to - v->from > s->shard_size ||
            (!first && before->to - before->from != s->shard_size))
            return err_set(r->e, E_FORMAT, "statement: the shards of '%.*s' overlap or leave a hole", STR(v->name));
    }
    return true;
}

static bool read_resources(const Reader *r, const Json *list)
{
    Statement *s = r->s;
    s->v = arena_get(r->a, list->count, sizeof *s->v);
    if (s->v == NULL)
        return err_nomem(r->e);
    for (const Json *it = list->first; it != NULL; it = it->next)
        if (!read_resource(r, it, &s->v[s->n++]))
            return false;
    return whole_files(r);
}

static bool read_ignore(const Reader *r, const Json *list)
{
    Statement *s = r->s;
    if (list == NULL)
        return true;
    if (list->type != JSON_ARRAY || list->count > STATEMENT_IGNORE_MAX)
        return err_set(r->e, E_FORMAT, "statement: 'ignore_paths' is no list, or longer than %d", STATEMENT_IGNORE_MAX);
    s->ignore = arena_get(r->a, list->count ? list->count : 1, sizeof *s->ignore);
    if (s->ignore == NULL)
        return err_nomem(r->e);
    for (const Json *it = list->first; it != NULL; it = it->next) {
        if (it->type != JSON_STRING || it->text.n == 0)
            return err_set(r->e, E_FORMAT, "statement: 'ignore_paths' holds something that is no path");
        s->ignore[s->ignore_count++] = it->text;
    }
    return true;
}

static bool read_method(const Reader *r, const Json *v)
{
    const Json *method = want(r, v, "method", JSON_STRING), *size = json_get(v, "shard_size");
    if (method == NULL)
        return false;
    if (str_is(method->text, "files"))
        return size == NULL || err_set(r->e, E_FORMAT, "statement: a shard_size, but the method is files");
    if (!str_is(method->text, "shards"))
        return err_set(r->e, E_CRYPTO, "statement: the method '%.*s' is not known", STR(method->text));
    return whole_number(size, &r->s->shard_size) || err_set(r->e, E_FORMAT, "statement: shards without a whole shard_size");
}

static bool read_serialization(const Reader *r, const Json *predicate)
{
    const Json *v = want(r, predicate, "serialization", JSON_OBJECT);
    const Json *hash = v ? want(r, v, "hash_type", JSON_STRING) : NULL;
    if (hash == NULL || !read_method(r, v) || !read_ignore(r, json_get(v, "ignore_paths")))
        return false;
    const Json *links = json_get(v, "allow_symlinks");
    if (links == NULL || (links->type != JSON_TRUE && links->type != JSON_FALSE))
        return err_set(r->e, E_FORMAT, "statement: 'allow_symlinks' is missing or no truth value");
    r->s->allow_symlinks = links->type == JSON_TRUE;
    return hash_parse(hash->text, &r->s->hash) ||
           err_set(r->e, E_CRYPTO, "statement: the hash '%.*s' is not known", STR(hash->text));
}

static bool read_current(const Reader *r, const Json *root, const Json *subjects)
{
    const Json *predicate = want(r, root, "predicate", JSON_OBJECT);
    const Json *list = predicate && read_serialization(r, predicate) ? want(r, predicate, "resources", JSON_ARRAY) : NULL;
    if (list == NULL)
        return false;
    if (list->count == 0)
        return err_set(r->e, E_FORMAT, "statement: lists no file");
    if (subjects->count != 1)
        return err_set(r->e, E_FORMAT, "statement: %zu subjects; one model is signed at a time", subjects->count);
    const Json *subject = subjects->first;
    Digest      said;
    r->s->subject = json_text(json_get(subject, "name"), (Str){ 0 });
    if (!digest_read(json_text(json_get(json_get(subject, "digest"), "sha256"), (Str){ 0 }), HASH_SHA256, said.b))
        return err_set(r->e, E_FORMAT, "statement: the subject has no sha256 digest");
    if (!read_resources(r, list))
        return false;
    r->s->root = statement_root(r->s->hash, r->s->v, r->s->n);
    return digest_eq(&said, &r->s->root) ||
           err_set(r->e, E_FORMAT, "statement: the root digest is not that of the files it lists");
}

/* model-transparency 0.2: every subject is a file, always SHA-256. */
static bool read_old(const Reader *r, const Json *subjects)
{
    Statement *s = r->s;
    s->old = true;
    s->v = arena_get(r->a, subjects->count, sizeof *s->v);
    if (s->v == NULL)
        return err_nomem(r->e);
    for (const Json *it = subjects->first; it != NULL; it = it->next) {
        Resource *v = &s->v[s->n++];
        *v = (Resource){ .name = json_text(json_get(it, "name"), (Str){ 0 }), .to = UINT64_MAX };
        Str hex = json_text(json_get(json_get(it, "digest"), "sha256"), (Str){ 0 });
        if (!resource_name_ok(v->name, true) || !digest_read(hex, s->hash, v->digest))
            return err_set(r->e, E_FORMAT, "statement: subject %zu is no file with a sha256", s->n);
    }
    s->root = statement_root(s->hash, s->v, s->n);
    return whole_files(r);
}

bool statement_parse(Arena *a, Str payload, Statement *out, Err *e)
{
    Reader r = { a, out, e };
    Json  *root = json_parse(a, payload, JSON_STRICT, e);
    *out = (Statement){ 0 };
    if (root == NULL)
        return err_in(e, "statement");
    const Json *type = want(&r, root, "_type", JSON_STRING), *subjects = want(&r, root, "subject", JSON_ARRAY);
    const Json *predicate = want(&r, root, "predicateType", JSON_STRING);
    if (type == NULL || subjects == NULL || predicate == NULL)
        return false;
    if (!str_is(type->text, OMS_STATEMENT))
        return err_set(e, E_FORMAT, "statement: type '%.*s' is not %s", STR(type->text), OMS_STATEMENT);
    if (subjects->count == 0)
        return err_set(e, E_FORMAT, "statement: no subject");
    if (str_is(predicate->text, OMS_PREDICATE_OLD))
        return read_old(&r, subjects);
    if (!str_is(predicate->text, OMS_PREDICATE))
        return err_set(e, E_FORMAT, "statement: '%.*s' says nothing about a model's files", STR(predicate->text));
    return read_current(&r, root, subjects);
}

/* ---- writing */

static void put_hex(JsonOut *w, const uint8_t *p, size_t n)
{
    defer_buf Buf hex = { 0 };
    hex_put(&hex, (Str){ (const char *)p, n });
    json_put_str(w, buf_view(&hex));
    w->b->bad |= hex.bad;
}

static void put_resource(JsonOut *w, const Statement *s, const Resource *r, bool reference)
{
    defer_buf Buf name = { 0 }, algorithm = { 0 };
    buf_str(&name, r->name);
    buf_z(&algorithm, hash_name(s->hash));
    if (s->shard_size != 0)
        buf_printf(&name, ":%" PRIu64 ":%" PRIu64, r->from, r->to);
    if (s->shard_size != 0 && reference)
        buf_printf(&algorithm, "-sharded-%" PRIu64, s->shard_size);
    json_open(w, '{');
    json_key(w, "name"), json_put_str(w, buf_view(&name));
    json_key(w, "digest"), put_hex(w, r->digest, hash_size(s->hash));
    json_key(w, "algorithm"), json_put_str(w, buf_view(&algorithm));
    json_close(w, '}');
    w->b->bad |= name.bad || algorithm.bad;
}

static void put_serialization(JsonOut *w, const Statement *s)
{
    json_open(w, '{');
    json_key(w, "method"), json_put_z(w, s->shard_size ? "shards" : "files");
    json_key(w, "hash_type"), json_put_z(w, hash_name(s->hash));
    json_key(w, "allow_symlinks"), json_put_bool(w, s->allow_symlinks);
    if (s->shard_size != 0)
        json_key(w, "shard_size"), json_put_u64(w, s->shard_size);
    if (s->ignore_count > 0) {
        json_key(w, "ignore_paths"), json_open(w, '[');
        for (size_t i = 0; i < s->ignore_count; i++)
            json_put_str(w, s->ignore[i]);
        json_close(w, ']');
    }
    json_close(w, '}');
}

static void put_subject(JsonOut *w, const Statement *s)
{
    json_open(w, '['), json_open(w, '{');
    json_key(w, "name"), json_put_str(w, s->subject);
    json_key(w, "digest"), json_open(w, '{');
    json_key(w, "sha256"), put_hex(w, s->root.b, sizeof s->root.b);
    json_close(w, '}');
    json_close(w, '}'), json_close(w, ']');
}

void statement_write(const Statement *s, bool reference, Buf *out)
{
    JsonOut w = json_out(out);
    json_open(&w, '{');
    json_key(&w, "_type"), json_put_z(&w, OMS_STATEMENT);
    json_key(&w, "subject"), put_subject(&w, s);
    json_key(&w, "predicateType"), json_put_z(&w, OMS_PREDICATE);
    json_key(&w, "predicate"), json_open(&w, '{');
    json_key(&w, "resources"), json_open(&w, '[');
    for (size_t i = 0; i < s->n; i++)
        put_resource(&w, s, &s->v[i], reference);
    json_close(&w, ']');
    json_key(&w, "serialization"), put_serialization(&w, s);
    json_close(&w, '}');
    json_close(&w, '}');
}
