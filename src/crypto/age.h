/* age.h - files that only the holder of a key can read: age v1 (C2SP age.md), X25519 and passphrase recipients.
 *
 *     age.c          seal and open: header, file key, payload            age_header.c   stanzas, read and written
 *     age_wrap.c     a file key for a recipient, and back                age_stream.c   the payload, 64 KiB a chunk
 *     age_armor.c    the ASCII form                                      bech32.h       keys as text
 *
 * A file key of 16 random bytes is wrapped for each recipient in a stanza of the header, the header is authenticated
 * with it, and the payload is ChaCha20-Poly1305 chunk by chunk, so any part can be read without the rest.  No byte is released
 * before its tag has verified.  Stanzas of other kinds are stepped over; those we know must be right to the letter
 * before anything is tried.
 *
 * Trusted: the key or passphrase.  Not trusted: every byte of a sealed file, its length included. */
#ifndef AGE_H
#define AGE_H
#include "base/file.h"
#include "base/pool.h"

/* The ways in which a file does not open, as C2SP's test vectors name them. */
typedef enum { AGE_FINE, AGE_NO_MATCH, AGE_BAD_HEADER, AGE_BAD_HMAC, AGE_BAD_PAYLOAD, AGE_BAD_ARMOR, AGE_OTHER, AGE_FAULTS } AgeFault;
const char *age_fault_name(AgeFault f);                /* "no match", "header failure" ...; AGE_OTHER is ours: disk, memory */

enum { AGE_KEY = 32, AGE_TEXT = 80, AGE_RECIPIENTS_MAX = 256, AGE_WORK = 18, AGE_WORK_MAX = 22 };

typedef struct AgeRecipient { uint8_t point[AGE_KEY]; } AgeRecipient;
typedef struct AgeIdentity { uint8_t scalar[AGE_KEY]; } AgeIdentity;      /* secret: wipe() when done */

AgeIdentity age_identity_new(void);                    /* from the CSPRNG */
bool age_recipient_of(const AgeIdentity *id, AgeRecipient *out, Err *e);
/* "age1...", "AGE-SECRET-KEY-1...". */
bool age_recipient_parse(Str text, AgeRecipient *out, Err *e);
bool age_identity_parse(Str text, AgeIdentity *out, Err *e);
void age_recipient_text(const AgeRecipient *r, char out[static AGE_TEXT]);
void age_identity_text(const AgeIdentity *id, char out[static AGE_TEXT]);

/* An identity file as age-keygen writes it: comments and one key a line.  Refused when group or world may read it. */
typedef struct AgeIdentities {
    AgeIdentity *v;                                    /* owned: age_identities_free(), which wipes */
    size_t       n;
} AgeIdentities;
bool age_identities_load(const char *path, AgeIdentities *out, Err *e);
void age_identities_free(AgeIdentities *ids);
/* A new identity file (0600, never over an existing one); its recipient. */
bool age_identity_save(const char *path, const char *created, AgeRecipient *out, Err *e);
/* One recipient a line, # comments. */
bool age_recipients_load(Arena *a, const char *path, AgeRecipient **v, size_t *n, Err *e);

typedef struct AgeSeal {
    const AgeRecipient *recipients;
    size_t              count;                         /* 0: the passphrase */
    Str                 passphrase;
    unsigned            work;                          /* log2 of scrypt's N; 0: AGE_WORK */
    bool                armor;
} AgeSeal;
/* All of `in` sealed to `out`.  A NULL pool works here. */
bool age_seal(const AgeSeal *s, int in, int out, Pool *pool, Err *e);

typedef struct AgeOpen {
    const AgeIdentity *identities;
    size_t             count;
    Str                passphrase;
} AgeOpen;
/* All of `in` opened to `out`, which holds only bytes that verified, also when false returns. */
AgeFault age_open(const AgeOpen *o, int in, int out, Pool *pool, Err *e);
/* Bytes [from, from + n) of the plaintext, cut at its end.  `in` is a regular file, not armored.  That it is whole is checked
 * first, by its last chunk. */
AgeFault age_open_range(const AgeOpen *o, int in, uint64_t from, uint64_t n, int out, Err *e);

#endif
