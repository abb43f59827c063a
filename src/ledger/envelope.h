/* envelope.h - a signed statement as people pass it on: a DSSE envelope in JSON.
 *
 *     { "payloadType": TYPE, "payload": BASE64, "signatures": [ { "keyid": ID, "sig": BASE64 } ] }
 *
 * The digest of a statement is that of its body alone, so adding a signature does not change its name.  The key id
 * only helps to find a key; it is never believed.  As DSSE asks, unknown members are ignored (they are not signed, so nothing
 * may hang on them) and both base64 alphabets are read.
 *
 * Trusted: the key the caller brings.  Not trusted: every byte of the envelope until envelope_signed_by() said true. */
#ifndef ENVELOPE_H
#define ENVELOPE_H
#include "crypto/dsse.h"
#include "format/json.h"

#define INTOTO_TYPE "application/vnd.in-toto+json"

enum { ENVELOPE_SIGNATURES_MAX = 16, ENVELOPE_BYTES_MAX = 64 << 20 };

typedef struct EnvelopeSig {
    Str keyid, sig;                                    /* keyid may be empty; sig is raw bytes */
} EnvelopeSig;

typedef struct Envelope {
    Str         type, body;                            /* body: the exact bytes that were signed */
    EnvelopeSig signatures[ENVELOPE_SIGNATURES_MAX];
    size_t      count;
} Envelope;

/* Appends a new envelope with one signature. */
bool envelope_write(Buf *out, Str type, Str body, const Key *signer, Err *e);
/* Reads the text of one; everything lives in the arena. */
bool envelope_parse(Arena *a, Str text, Envelope *out, Err *e);
/* The same from a member of a larger document, such as a Sigstore bundle. */
bool envelope_read(Arena *a, const Json *object, Envelope *out, Err *e);
/* Whether one of its signatures is this key's. */
bool envelope_signed_by(const Envelope *v, const Key *k);

#endif
