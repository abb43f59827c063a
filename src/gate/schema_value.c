/* schema_value.c - values that enum and const compare: exact for scalars, by keyed hash for arrays and objects. */
#include "base/rng.h"
#include "gate/schema_node.h"

int literal_cmp(const Literal *a, const Literal *b)
{
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    switch (a->type) {
    case JSON_NUMBER: return decimal_cmp(&a->number, &b->number);
    case JSON_STRING: return str_cmp(a->text, b->text);
    case JSON_ARRAY:
    case JSON_OBJECT: return memcmp(&a->hash, &b->hash, sizeof a->hash);
    default:          return 0;
    }
}

static int by_value(const void *a, const void *b) { return literal_cmp(a, b); }

bool values_have(const Values *v, const Literal *probe)
{
    return bsearch(probe, v->v, v->n, sizeof *v->v, by_value) != NULL;
}

/* ---- hashes: SipHash twice, under keys that differ by what is hashed, so that no two kinds meet */

static Hash128 hash(const uint64_t key[static 4], char tag, Str s)
{
    uint64_t t = (uint8_t)tag, one[2] = { key[0] ^ t, key[1] }, two[2] = { key[2] ^ t, key[3] };
    return (Hash128){ siphash(one, s), siphash(two, s) };
}

/* Sign, significant digits without the point, exponent: the same for 1, 1.0 and 10e-1. */
static Hash128 hash_number(const uint64_t key[static 4], const Decimal *d)
{
    char          text[JSON_NUMBER_MAX + 32];
    DecimalDigits digits = { d->digits, 0 };
    size_t        n = 0;
    text[n++] = d->minus && d->digits.n ? '-' : '+';
    while (digits.at < d->digits.n && n < JSON_NUMBER_MAX)
        text[n++] = (char)('0' + decimal_next(&digits));
    n += (size_t)snprintf(text + n, sizeof text - n, "e%" PRId64, d->digits.n ? d->exponent : 0);
    return hash(key, 'n', (Str){ text, n });
}

Hash128 hash_scalar(const uint64_t key[static 4], const Literal *v)
{
    switch (v->type) {
    case JSON_NUMBER: return hash_number(key, &v->number);
    case JSON_STRING: return hash(key, 's', v->text);
    default:          return hash(key, (char)('0' + v->type), S(""));
    }
}

Hash128 hash_too_long(const uint64_t key[static 4]) { return hash(key, 'l', S("")); }
Hash128 hash_key(const uint64_t key[static 4], Str name) { return hash(key, 'k', name); }

void hash_item(const uint64_t key[static 4], Hash128 *array, Hash128 item)
{
    Hash128 both[2] = { *array, item };
    *array = hash(key, 'i', (Str){ (const char *)both, sizeof both });
}

void hash_member(const uint64_t key[static 4], Hash128 *object, Hash128 name, Hash128 value)
{
    Hash128 both[2] = { name, value }, h = hash(key, 'm', (Str){ (const char *)both, sizeof both });
    object->a += h.a, object->b += h.b;
}

Hash128 hash_composite(const uint64_t key[static 4], JsonType type, Hash128 parts, uint64_t count)
{
    const uint64_t all[3] = { parts.a, parts.b, count };
    return hash(key, type == JSON_ARRAY ? 'a' : 'o', (Str){ (const char *)all, sizeof all });
}

static Hash128 hash_tree(const uint64_t key[static 4], const Json *v)
{
    Literal l = literal_of(key, v);
    return l.type == JSON_ARRAY || l.type == JSON_OBJECT ? l.hash : hash_scalar(key, &l);
}

Literal literal_of(const uint64_t key[static 4], const Json *v)
{
    Literal l = { .type = v->type, .text = v->text };
    Hash128 parts = { 0 };
    if (v->type == JSON_NUMBER)
        decimal_of(v->text, &l.number);
    for (const Json *c = v->first; c != NULL; c = c->next) {
        if (v->type == JSON_ARRAY)
            hash_item(key, &parts, hash_tree(key, c));
        else
            hash_member(key, &parts, hash_key(key, c->key), hash_tree(key, c));
    }
    if (v->type == JSON_ARRAY || v->type == JSON_OBJECT)
        l.hash = hash_composite(key, v->type, parts, v->count);
    return l;
}
