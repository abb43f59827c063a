/* key_table.c - the signed file of keys: reading with every check, writing; see key.h.
 *
 *     0  "MOATKEY1"   8 u32 64   12 u32 128   16 u64 count   24 u64 generation   32 i64 built_at   40 u8[8] pepper id
 *    48  u64 heap_off 56 u64 heap_len
 *    64  records, 128 bytes each, sorted by id; one or two secrets of an id stand side by side
 *        heap: the tags of each record
 *   end  Ed25519 signature of all before it (64), first 8 bytes of the signing key's id */
#include "gate/key.h"
#include <arpa/inet.h>

enum { SIGNATURE = 64, SECRETS_MAX = 2, REC_ID = 0, REC_FLAGS = 72, REC_REST = 104 };

static const char magic[8] = "MOATKEY1";

/* ---- little-endian fields */

static uint64_t get(const char *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = bytes; i-- > 0;)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

static uint32_t get32(const char *p) { return (uint32_t)get(p, 4); }
static uint64_t get64(const char *p) { return get(p, 8); }

static const char *record_at(const KeyTable *t, uint64_t i)
{
    return t->bytes.p + KEYTABLE_HEADER + i * KEYTABLE_RECORD;
}

/* ---- tags */

bool tag_next(Str tags, size_t *at, KeyTag *kind, Str *value)
{
    if (tags.n < 2 || *at > tags.n - 2)
        return false;
    size_t n = (uint8_t)tags.p[*at + 1];
    if (n > tags.n - *at - 2)
        return false;
    *kind = (KeyTag)(uint8_t)tags.p[*at];
    *value = (Str){ tags.p + *at + 2, n };
    *at += 2 + n;
    return true;
}

Str tag_find(Str tags, KeyTag kind)
{
    size_t at = 0;
    KeyTag k;
    Str    v;
    while (tag_next(tags, &at, &k, &v))
        if (k == kind)
            return v;
    return (Str){ 0 };
}

bool tag_put(Buf *b, KeyTag kind, Str value)
{
    if (value.n > UINT8_MAX)
        return false;
    buf_byte(b, (uint8_t)kind);
    buf_byte(b, (uint8_t)value.n);
    buf_str(b, value);
    return true;
}

static bool tag_fits(KeyTag kind, Str v)
{
    switch (kind) {
    case TAG_NAME: case TAG_ORG: case TAG_SCOPE: case TAG_MODEL: case TAG_ENV:
        return str_utf8(v);
    case TAG_CREATED:
        return v.n == 8;
    case TAG_CIDR:
        return (v.n == 5 && (uint8_t)v.p[0] <= 32) || (v.n == 17 && (uint8_t)v.p[0] <= 128);
    }
    return false;
}

static bool tags_fit(Str tags)
{
    size_t at = 0;
    KeyTag kind;
    Str    value;
    while (at < tags.n)
        if (!tag_next(tags, &at, &kind, &value) || !tag_fits(kind, value))
            return false;
    return true;
}

bool cidr_parse(Str text, uint8_t out[static 17], size_t *n)
{
    char     address[INET6_ADDRSTRLEN];
    Str      host, bits;
    uint64_t prefix;
    bool     given = str_cut(text, '/', &host, &bits);
    if (host.n >= sizeof address || memchr(host.p, '\0', host.n) != NULL)
        return false;
    memcpy(address, host.p, host.n), address[host.n] = '\0';
    size_t len = inet_pton(AF_INET, address, out + 1) == 1 ? 4 : inet_pton(AF_INET6, address, out + 1) == 1 ? 16 : 0;
    if (len == 0 || (given && !str_u64(bits, &prefix)))
        return false;
    if (!given)
        prefix = len * 8;
    if (prefix > len * 8)
        return false;
    out[0] = (uint8_t)prefix, *n = 1 + len;
    return true;
}

size_t cidr_text(Str value, char out[static 64])
{
    char address[INET6_ADDRSTRLEN];
    if (value.n != 5 && value.n != 17)
        return 0;
    if (inet_ntop(value.n == 5 ? AF_INET : AF_INET6, value.p + 1, address, sizeof address) == NULL)
        return 0;
    return (size_t)snprintf(out, 64, "%s/%u", address, (unsigned)(uint8_t)value.p[0]);
}

/* ---- reading */

uint64_t gate_keys_generation(Str header)
{
    return header.n >= 32 && memcmp(header.p, magic, sizeof magic) == 0 ? get64(header.p + 24) : 0;
}

static bool check_bounds(KeyTable *t, Err *e)
{
    Str b = t->bytes;
    if (b.n < KEYTABLE_HEADER + KEYTABLE_TAIL)
        return err_at(e, b.n, "key table is cut short");
    if (memcmp(b.p, magic, sizeof magic) != 0)
        return err_at(e, 0, "not a key table");
    if (get32(b.p + 8) != KEYTABLE_HEADER || get32(b.p + 12) != KEYTABLE_RECORD)
        return err_at(e, 8, "key table: header or record length of another version");
    t->count = get64(b.p + 16);
    if (t->count > KEYTABLE_MAX)
        return err_at(e, 16, "key table: %" PRIu64 " keys; the limit is %d", t->count, KEYTABLE_MAX);
    uint64_t heap = get64(b.p + 48), heap_len = get64(b.p + 56), room = b.n - KEYTABLE_TAIL;
    if (heap != KEYTABLE_HEADER + t->count * KEYTABLE_RECORD)
        return err_at(e, 48, "key table: the heap does not follow the records");
    if (heap > room || heap_len != room - heap)
        return err_at(e, 56, "key table: the lengths do not add up to the file's %zu bytes", b.n);
    t->heap = (Str){ b.p + heap, heap_len };
    t->generation = get64(b.p + 24);
    t->built_at = (int64_t)get64(b.p + 32);
    memcpy(t->pepper_id, b.p + 40, sizeof t->pepper_id);
    return true;
}

static bool key_id_short(const Key *k, char out[static 8])
{
    char    hex[DIGEST_HEX];
    Digest  d;
    key_id(k, hex);
    if (!digest_parse(str(hex), &d))
        return false;
    memcpy(out, d.b, 8);
    return true;
}

static bool check_signature(const KeyTable *t, const Key *signer, Err *e)
{
    char id[8];
    Str  b = t->bytes, signed_part = { b.p, b.n - KEYTABLE_TAIL }, signature = { b.p + signed_part.n, SIGNATURE };
    if (key_kind(signer) != KEY_ED25519 || !key_id_short(signer, id))
        return err_set(e, E_CRYPTO, "key tables are signed with Ed25519 keys");
    if (memcmp(id, signature.p + SIGNATURE, sizeof id) != 0)
        return err_set(e, E_CRYPTO, "key table: signed by another key");
    return key_verify(signer, signed_part, signature) || err_set(e, E_CRYPTO, "key table: the signature is wrong");
}

static bool check_record(const KeyTable *t, uint64_t i, Err *e)
{
    KeyRecord   r;
    const char *p = record_at(t, i);
    uint64_t    at = (uint64_t)(p - t->bytes.p);
    if (i > 0 && memcmp(p - KEYTABLE_RECORD, p, TOKEN_ID) > 0)
        return err_at(e, at, "key table: not sorted");
    if (i >= SECRETS_MAX && memcmp(p - SECRETS_MAX * KEYTABLE_RECORD, p, TOKEN_ID) == 0)
        return err_at(e, at, "key table: more than %d secrets of one id", SECRETS_MAX);
    if (get32(p + REC_FLAGS) & ~(uint32_t)(KEY_REVOKED | KEY_EXACT | KEY_TEST))
        return err_at(e, at + REC_FLAGS, "key table: unknown flags");
    for (unsigned k = REC_REST; k < KEYTABLE_RECORD; k++)
        if (p[k] != 0)
            return err_at(e, at + k, "key table: spare bytes are not zero");
    if (!keytable_at(t, i, &r) || !tags_fit(r.tags))
        return err_at(e, at, "key table: a record's tags are outside the heap or malformed");
    return true;
}

bool keytable_open(KeyTable *t, Str bytes, const Key *signer, uint64_t least, Err *e)
{
    *t = (KeyTable){ .bytes = bytes };
    if (!check_bounds(t, e) || !check_signature(t, signer, e))
        return false;
    if (t->generation < least)
        return err_set(e, E_DENIED, "key table: generation %" PRIu64 " is older than %" PRIu64 ", which is in force",
                       t->generation, least);
    for (uint64_t i = 0; i < t->count; i++)
        if (!check_record(t, i, e))
            return false;
    return true;
}

bool keytable_at(const KeyTable *t, uint64_t i, KeyRecord *out)
{
    if (i >= t->count)
        return false;
    const char *p = record_at(t, i);
    uint32_t    off = get32(p + 76), len = get32(p + 80);
    *out = (KeyRecord){
        .not_before = (int64_t)get64(p + 40), .not_after = (int64_t)get64(p + 48), .org = get32(p + 56), .tier = get32(p + 60),
        .scope_bits = get64(p + 64), .flags = get32(p + REC_FLAGS), .max_cost = get32(p + 84), .t_ns = get64(p + 88),
        .tau_ns = get64(p + 96),
    };
    memcpy(out->id, p + REC_ID, TOKEN_ID);
    memcpy(out->mac, p + 8, sizeof out->mac);
    if (off > t->heap.n || len > t->heap.n - off)
        return false;
    out->tags = (Str){ t->heap.p + off, len };
    return true;
}

/* ---- writing */

static int by_id(const void *a, const void *b)
{
    const KeyRecord *x = a, *y = b;
    int c = memcmp(x->id, y->id, TOKEN_ID);
    return c ? c : memcmp(x->mac, y->mac, sizeof x->mac);
}

static void put_record(Buf *b, const KeyRecord *r, uint64_t heap_at)
{
    buf_put(b, r->id, TOKEN_ID);
    buf_put(b, r->mac, sizeof r->mac);
    buf_u64(b, (uint64_t)r->not_before);
    buf_u64(b, (uint64_t)r->not_after);
    buf_u32(b, r->org);
    buf_u32(b, r->tier);
    buf_u64(b, r->scope_bits);
    buf_u32(b, r->flags);
    buf_u32(b, (uint32_t)heap_at);
    buf_u32(b, (uint32_t)r->tags.n);
    buf_u32(b, r->max_cost);
    buf_u64(b, r->t_ns);
    buf_u64(b, r->tau_ns);
    buf_put(b, (char[KEYTABLE_RECORD - REC_REST]){ 0 }, KEYTABLE_RECORD - REC_REST);
}

static void put_header(Buf *b, uint64_t count, uint64_t generation, int64_t built_at, Str pepper, uint64_t heap_len)
{
    Digest d = sha256(pepper);
    buf_put(b, magic, sizeof magic);
    buf_u32(b, KEYTABLE_HEADER);
    buf_u32(b, KEYTABLE_RECORD);
    buf_u64(b, count);
    buf_u64(b, generation);
    buf_u64(b, (uint64_t)built_at);
    buf_put(b, d.b, 8);
    buf_u64(b, KEYTABLE_HEADER + count * KEYTABLE_RECORD);
    buf_u64(b, heap_len);
}

static bool put_signature(Buf *b, const Key *signer, Err *e)
{
    defer_buf Buf signature = { 0 };
    char id[8];
    if (b->bad)
        return err_nomem(e);
    if (!key_sign(signer, buf_view(b), &signature, e))
        return false;
    if (signature.n != SIGNATURE || !key_id_short(signer, id))
        return err_set(e, E_CRYPTO, "key tables are signed with Ed25519 keys");
    buf_str(b, buf_view(&signature));
    buf_put(b, id, sizeof id);
    return !b->bad || err_nomem(e);
}

bool keytable_write(const KeyRecord *records, size_t n, uint64_t generation, int64_t built_at, Str pepper, const Key *signer,
                    Buf *out, Err *e)
{
    uint64_t heap = 0;
    defer_arena Arena *a = arena_new(SIZE_MAX);
    KeyRecord *sorted = a ? arena_get(a, n + 1, sizeof *sorted) : NULL;
    if (sorted == NULL)
        return err_nomem(e);
    if (n > KEYTABLE_MAX)
        return err_set(e, E_LIMIT, "%zu keys; the limit is %d", n, KEYTABLE_MAX);
    if (n > 0)
        memcpy(sorted, records, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_id);
    for (size_t i = 0; i < n; i++)
        heap += sorted[i].tags.n;
    if (heap > UINT32_MAX)
        return err_set(e, E_LIMIT, "the keys' names and scopes need more than 4 GiB");
    put_header(out, n, generation, built_at, pepper, heap);
    heap = 0;
    for (size_t i = 0; i < n; heap += sorted[i++].tags.n)
        put_record(out, &sorted[i], heap);
    for (size_t i = 0; i < n; i++)
        buf_str(out, sorted[i].tags);
    return put_signature(out, signer, e);
}
