/* Public keys: what is accepted prints as one PEM, that reads back as the same key, and no random signature verifies. */
#include "crypto/key.h"

static void judge(const Key *k, Str in)
{
    defer_buf Buf pem = { 0 }, der = { 0 };
    char          a[DIGEST_HEX], b[DIGEST_HEX];
    if (!key_public_pem(k, &pem) || !key_public_der(k, &der))
        abort();
    defer_key Key *again = key_parse_public(buf_view(&pem), NULL), *other = key_of_der(buf_view(&der), NULL);
    if (again == NULL || other == NULL || key_kind(again) != key_kind(k) || key_has_private(again))
        abort();
    key_id(k, a), key_id(again, b);
    if (strcmp(a, b) != 0 || key_verify(k, in, in))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str in = { (const char *)data, size };
    Err e = { 0 };
    defer_key Key *k = key_parse_public(in, &e), *d = key_of_der(in, NULL), *r = size == 32 ? key_of_raw(data, NULL) : NULL;
    if (k == NULL && e.message[0] == '\0')
        abort();
    for (size_t i = 0; i < 3; i++) {
        Key *one = (Key *[]){ k, d, r }[i];
        if (one != NULL)
            judge(one, in);
    }
    return 0;
}
