/* key.c - may this token do this?  See key.h. */
#include "gate/key.h"
#include "crypto/secret.h"

GateMethod gate_method(Str name)
{
    static const char *const names[] = { [METHOD_GET] = "GET", [METHOD_HEAD] = "HEAD", [METHOD_POST] = "POST",
                                         [METHOD_PUT] = "PUT", [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE" };
    for (size_t i = METHOD_GET; i < len_of(names); i++)
        if (str_is(name, names[i]))
            return (GateMethod)i;
    return METHOD_OTHER;
}

/* Index of the first record whose id is not below `id`. */
static uint64_t lower_bound(const KeyTable *t, const char *id)
{
    uint64_t low = 0, high = t->count;
    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        if (memcmp(t->bytes.p + KEYTABLE_HEADER + mid * KEYTABLE_RECORD, id, TOKEN_ID) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Always two comparisons, against dummies where there is no secret, so that time does not tell which ids exist. */
static GateReason find_secret(const KeyTable *t, Str id, const Digest *mac, KeyRecord *out)
{
    KeyRecord r[2] = { 0 };
    bool      known[2], same[2];
    uint64_t  at = lower_bound(t, id.p);
    for (size_t i = 0; i < len_of(r); i++) {
        known[i] = keytable_at(t, at + i, &r[i]) && memcmp(r[i].id, id.p, TOKEN_ID) == 0;
        same[i] = ct_eq(r[i].mac, mac->b, sizeof mac->b);
    }
    *out = r[known[1] && same[1]];
    if ((known[0] && same[0]) || (known[1] && same[1]))
        return GATE_OK;
    return known[0] ? GATE_KEY_WRONG : GATE_KEY_UNKNOWN;
}

static GateReason check_time(const KeyRecord *r, int64_t now_s)
{
    if (r->flags & KEY_REVOKED)
        return GATE_KEY_REVOKED;
    if (now_s < r->not_before)
        return GATE_KEY_EARLY;
    return r->not_after != 0 && now_s >= r->not_after ? GATE_KEY_EXPIRED : GATE_OK;
}

/* An IPv4 address that came as IPv6 (::ffff:a.b.c.d) is the IPv4 one. */
static Str plain_address(const uint8_t *p, size_t n)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    if (n == 16 && memcmp(p, mapped, sizeof mapped) == 0)
        return (Str){ (const char *)p + sizeof mapped, 4 };
    return (Str){ (const char *)p, n };
}

static bool within(Str cidr, Str address)
{
    if (address.n != cidr.n - 1)
        return false;
    unsigned bits = (uint8_t)cidr.p[0], whole = bits / 8;
    uint8_t  mask = (uint8_t)(0xff00 >> bits % 8);
    if (memcmp(cidr.p + 1, address.p, whole) != 0)
        return false;
    return mask == 0 || (((uint8_t)cidr.p[1 + whole] ^ (uint8_t)address.p[whole]) & mask) == 0;
}

typedef struct Grants {                                /* what the tags say about this use */
    bool scope, model, model_listed, address, address_listed;
} Grants;

static Grants read_grants(Str tags, const KeyUse *use)
{
    Grants g = { 0 };
    size_t at = 0;
    KeyTag kind;
    Str    v, address = plain_address(use->address, use->address_len);
    while (tag_next(tags, &at, &kind, &v)) {
        if (kind == TAG_SCOPE)
            g.scope |= str_is(v, "*") || str_eq(v, use->scope);
        else if (kind == TAG_MODEL)
            g.model_listed = true, g.model |= str_eq(v, use->model);
        else if (kind == TAG_CIDR)
            g.address_listed = true, g.address |= within(v, address);
    }
    return g;
}

static GateReason check_grants(const KeyRecord *r, const KeyUse *use)
{
    Grants g = read_grants(r->tags, use);
    if (!g.scope)
        return GATE_KEY_SCOPE;
    if (g.model_listed && !g.model)
        return GATE_KEY_MODEL;
    if (r->scope_bits != 0 && !(r->scope_bits >> use->method & 1))
        return GATE_KEY_METHOD;
    return g.address_listed && !g.address ? GATE_KEY_ADDRESS : GATE_OK;
}

GateReason gate_key_check(const GateKeys *k, Str token, const KeyUse *use, KeyRecord *out)
{
    Token t;
    *out = (KeyRecord){ 0 };
    if (!token_parse(token, &t))
        return GATE_KEY_SHAPE;
    wipe(t.secret, sizeof t.secret);
    Digest     mac = hmac_sha256((Str){ (const char *)k->pepper, PEPPER_SIZE }, token);
    GateReason r = find_secret(&k->table, t.id, &mac, out);
    memcpy(out->id, t.id.p, TOKEN_ID);
    wipe(&mac, sizeof mac);
    if (r == GATE_OK)
        r = check_time(out, use->now_s);
    return r == GATE_OK ? check_grants(out, use) : r;
}
