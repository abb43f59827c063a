/* Bytes without our signature never open.  The same bytes as records and heap of a table that we do sign open only when
 * they are in order, and then every record is found by its id, every tag lies in the heap, and no made-up token passes. */
#include "gate/key.h"

static Key *signer;

static void put_tail(Buf *b)
{
    defer_buf Buf signature = { 0 };
    char   hex[DIGEST_HEX];
    Digest id;
    key_id(signer, hex);
    if (!key_sign(signer, buf_view(b), &signature, NULL) || !digest_parse(str(hex), &id))
        abort();
    buf_str(b, buf_view(&signature));
    buf_put(b, id.b, 8);
}

/* First byte: the count.  Then so many records, then the heap. */
static void put_table(Buf *b, const uint8_t *data, size_t n)
{
    uint64_t count = data[0] % 8, heap = KEYTABLE_HEADER + count * KEYTABLE_RECORD;
    buf_z(b, "MOATKEY1");
    buf_u32(b, KEYTABLE_HEADER);
    buf_u32(b, KEYTABLE_RECORD);
    buf_u64(b, count);
    buf_u64(b, 1);
    buf_u64(b, 1);
    buf_u64(b, 0);
    buf_u64(b, heap);
    buf_u64(b, n - 1 >= count * KEYTABLE_RECORD ? n - 1 - count * KEYTABLE_RECORD : 0);
    buf_put(b, data + 1, n - 1);
    put_tail(b);
}

static void check_records(const GateKeys *k)
{
    KeyRecord r, found;
    char      token[TOKEN_MAX];
    KeyUse    use = { .scope = S("*"), .now_s = 10 };
    for (uint64_t i = 0; i < k->table.count; i++) {
        size_t at = 0, steps = 0;
        KeyTag kind;
        Str    v;
        if (!keytable_at(&k->table, i, &r))
            abort();
        while (tag_next(r.tags, &at, &kind, &v))
            if (v.p < k->table.heap.p || v.p + v.n > k->table.heap.p + k->table.heap.n || ++steps > r.tags.n)
                abort();
        size_t n = token_write(S("test"), (Str){ r.id, TOKEN_ID }, r.mac, token);
        if (n > 0 && gate_key_check(k, (Str){ token, n }, &use, &found) != GATE_KEY_WRONG)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    GateKeys k = { 0 };
    defer_buf Buf table = { 0 };
    if (signer == NULL)
        signer = key_new(KEY_ED25519, NULL);
    if (signer == NULL || keytable_open(&k.table, (Str){ (const char *)data, n }, signer, 0, NULL))
        abort();
    gate_keys_generation((Str){ (const char *)data, n });
    if (n == 0)
        return 0;
    put_table(&table, data, n);
    if (keytable_open(&k.table, buf_view(&table), signer, 0, NULL))
        check_records(&k);
    return 0;
}
