/* stream.c - see stream.h. */
#include "crypto/stream.h"
#include "crypto/secret.h"
#include <openssl/evp.h>

/* OpenSSL's 16 bytes are the block counter, then the nonce, little-endian words. */
void stream_begin(Stream *s, const uint8_t key[static STREAM_KEY], uint32_t purpose, uint32_t step, uint32_t place, size_t room)
{
    uint32_t word[4] = { 0, purpose, step, place };
    uint8_t  iv[16];
    for (size_t i = 0; i < sizeof iv; i++)
        iv[i] = (uint8_t)(word[i / 4] >> 8 * (i % 4));
    assert(room >= 64 && room <= STREAM_ROOM && room % 64 == 0);
    s->cipher = EVP_CIPHER_CTX_new();
    s->at = s->filled = room / 8;
    if (s->cipher == NULL || EVP_EncryptInit_ex(s->cipher, EVP_chacha20(), NULL, key, iv) != 1)
        abort();
}

void stream_end(Stream *s)
{
    EVP_CIPHER_CTX_free(s->cipher);
    wipe(s, sizeof *s);
}

void stream_more(Stream *s)
{
    int n = (int)(s->filled * 8), made;
    memset(s->word, 0, (size_t)n);
    if (EVP_EncryptUpdate(s->cipher, (uint8_t *)s->word, &made, (uint8_t *)s->word, n) != 1 || made != n)
        abort();
    s->at = 0;
}
