/* age_own.h - what the files of age share; nobody else needs it. */
#ifndef AGE_OWN_H
#define AGE_OWN_H
#include "crypto/age.h"
#include "crypto/digest.h"
#include "crypto/secret.h"

enum { FILE_KEY = 16, WRAPPED = 32, NONCE = 16, TAG = 16, CHUNK = 65536, SEALED_CHUNK = CHUNK + TAG, HEADER_MAX = 1 << 20,
       STANZAS_MAX = 1024, ARGS_MAX = 16, ARMORED_MAX = 256 << 20 };

typedef struct Stanza {
    Str    args[ARGS_MAX];                             /* the type first */
    size_t arg_count;
    Str    body;
} Stanza;

typedef struct AgeHeader {
    Stanza *v;
    size_t  n;
    Str     covered;                                   /* what the MAC is over: up to and with "---" */
    uint8_t mac[SHA256_SIZE];
} AgeHeader;

/* ---- age_header.c */
#define AGE_VERSION "age-encryption.org/v1\n"
bool header_parse(Arena *a, Str text, AgeHeader *out, Err *e);
void header_stanza(Buf *b, const Str *args, size_t n, Str body);
void header_end(Buf *b, const uint8_t file_key[static FILE_KEY]);
void header_mac(Str covered, const uint8_t file_key[static FILE_KEY], uint8_t out[static SHA256_SIZE]);
void base64_bare_put(Buf *b, Str bytes);               /* no padding; anything but the canonical form is refused */
bool base64_bare_get(Buf *b, Str text);

/* ---- age_wrap.c */
void hkdf(Str ikm, Str salt, Str info, uint8_t out[static AGE_KEY]);
bool wrap_x25519(Buf *header, const AgeRecipient *r, const uint8_t file_key[static FILE_KEY], Err *e);
bool wrap_passphrase(Buf *header, Str passphrase, unsigned work, const uint8_t file_key[static FILE_KEY], Err *e);
/* Every stanza of a kind we know has its exact form; before anything is tried. */
bool stanzas_formed(const AgeHeader *h, Err *e);
AgeFault unwrap(const AgeHeader *h, const AgeOpen *o, uint8_t file_key[static FILE_KEY], Err *e);

/* ---- age_stream.c */
typedef struct Aead Aead;                              /* ChaCha20-Poly1305 under one key */
Aead *aead_new(const uint8_t key[static AGE_KEY]);
void  aead_free(Aead *c);
/* out holds n + TAG, or n - TAG bytes; nonce is 12 bytes.  Any number of threads at once. */
bool aead_seal(const Aead *c, const uint8_t *nonce, const uint8_t *in, size_t n, uint8_t *out);
bool aead_open(const Aead *c, const uint8_t *nonce, const uint8_t *in, size_t n, uint8_t *out);

typedef struct Source {                                /* bytes already read, then those of a descriptor */
    Buf    ahead;
    size_t at;
    int    fd;                                         /* -1: there are no others */
} Source;
/* Up to n bytes; fewer only at the end. */
bool source_read(Source *s, void *to, size_t n, size_t *got, Err *e);
bool     stream_seal(const uint8_t key[static AGE_KEY], Source *in, int out, Pool *pool, Err *e);
AgeFault stream_open(const uint8_t key[static AGE_KEY], Source *in, int out, Pool *pool, Err *e);
/* The payload lies in bytes [at, end) of fd, behind its nonce. */
AgeFault stream_range(const uint8_t key[static AGE_KEY], int fd, uint64_t at, uint64_t end, uint64_t from, uint64_t n, int out, Err *e);

/* ---- age_armor.c */
bool armor_looks(Str start);                           /* the file begins as an armored one does */
bool armor_get(Str text, Buf *out, Err *e);
void armor_put(Buf *b, Str bytes);

#endif
