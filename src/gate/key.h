/* key.h - API keys: what a token looks like, and the signed table that knows them.
 *
 * moat_<env>_<id>_<secret>_<crc>: the id is public, the secret is 160 random bits, the CRC lets anybody see a typo or a
 * leaked token without asking us.  The table keeps HMAC-SHA-256(pepper, token); a secret of 160 random bits needs no slow
 * hash.  The table file is written at once and signed; gateways map it and swap when its generation grows.
 *
 * Trusted: the pepper and the table's public key.  Not trusted: tokens, and every byte of the table until the signature
 * and then the structure have been checked. */
#ifndef GATE_KEY_H
#define GATE_KEY_H
#include "crypto/key.h"
#include "gate/verdict.h"

/* ---- tokens */

enum { TOKEN_ID = 8, TOKEN_SECRET = 20, TOKEN_MAX = 64, PEPPER_SIZE = 32 };

typedef struct Token {
    Str     env, id;                                   /* slices of the text */
    uint8_t secret[TOKEN_SECRET];
} Token;

/* Shape and CRC.  False is all a stranger learns. */
bool token_parse(Str text, Token *out);
/* Writes the token of an environment (2-8 of a-z), id and secret; its length, or 0 for a bad environment or id. */
size_t token_write(Str env, Str id, const uint8_t secret[static TOKEN_SECRET], char out[static TOKEN_MAX]);
/* A well-formed token anywhere in the (percent-encoded) text: a credential that should not be there. */
bool token_within(Str text);

/* ---- the table */

enum { KEY_REVOKED = 1, KEY_EXACT = 2, KEY_TEST = 4 };
enum { KEYTABLE_HEADER = 64, KEYTABLE_RECORD = 128, KEYTABLE_TAIL = 72, KEYTABLE_MAX = 1 << 22 };

typedef struct KeyTable {                              /* a view; the bytes are borrowed and must outlive it */
    Str      bytes, heap;
    uint64_t count, generation;
    int64_t  built_at;
    uint8_t  pepper_id[8];
} KeyTable;

/* Checks everything: bounds, order, signature, and that the generation is at least `least`.  On false the caller keeps
 * the table it has. */
bool keytable_open(KeyTable *t, Str bytes, const Key *signer, uint64_t least, Err *e);
/* The generation written in a header of at least 32 bytes, unchecked: 0 when it is not a table.  For polling. */
uint64_t gate_keys_generation(Str header);

typedef struct KeyRecord {                             /* one secret of one id */
    char     id[TOKEN_ID + 1];
    uint8_t  mac[32];
    int64_t  not_before, not_after;                    /* seconds; 0 none */
    uint32_t org, tier, flags, max_cost;
    uint64_t scope_bits;                               /* methods the key may use, 1 << GateMethod; 0: all */
    uint64_t t_ns, tau_ns;                             /* own rate for the first limit per key; 0: the endpoint's */
    Str      tags;                                     /* its slice of the heap */
} KeyRecord;
bool keytable_at(const KeyTable *t, uint64_t i, KeyRecord *out);

/* The heap is a run of tags: u8 kind, u8 length, bytes.  Those for people: name, created (i64 seconds), org, env. */
typedef enum { TAG_NAME = 1, TAG_CREATED, TAG_ORG, TAG_SCOPE, TAG_MODEL, TAG_CIDR, TAG_ENV } KeyTag;
/* Steps through them; *at starts at 0.  False at the end. */
bool tag_next(Str tags, size_t *at, KeyTag *kind, Str *value);
Str  tag_find(Str tags, KeyTag kind);                  /* the first of a kind; p NULL when there is none */
bool tag_put(Buf *b, KeyTag kind, Str value);          /* false when the value is longer than 255 bytes */
/* "10.0.0.0/8", "2001:db8::/32" or a bare address to its tag value: prefix length, then 4 or 16 bytes. */
bool cidr_parse(Str text, uint8_t out[static 17], size_t *n);
size_t cidr_text(Str value, char out[static 64]);

/* Writes the whole file: sorts the records, lays out the heap, signs.  `pepper` only names itself in the header. */
bool keytable_write(const KeyRecord *records, size_t n, uint64_t generation, int64_t built_at, Str pepper, const Key *signer,
                    Buf *out, Err *e);

/* ---- the decision */

typedef struct GateKeys {                              /* what a worker holds */
    KeyTable table;
    uint8_t  pepper[PEPPER_SIZE];
} GateKeys;

typedef enum { METHOD_OTHER, METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_PATCH, METHOD_DELETE } GateMethod;
GateMethod gate_method(Str name);

typedef struct KeyUse {                                /* what the request wants */
    Str        scope, model;
    GateMethod method;
    const uint8_t *address;
    size_t     address_len;                            /* 4, 16, or 0 when there is none */
    int64_t    now_s;
} KeyUse;
/* GATE_OK and the record, or a GATE_KEY_* reason.  An unknown id takes the same work as a wrong secret. */
GateReason gate_key_check(const GateKeys *k, Str token, const KeyUse *use, KeyRecord *out);

#endif
