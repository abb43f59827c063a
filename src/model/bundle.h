/* bundle.h - the clothes of a model signature: a sigstore bundle v0.3 around a DSSE envelope.
 *
 * Read strictly: no member that the format does not have, exactly one signature, the types spelt exactly.  Reading says
 * nothing about who signed; bundle_signed_by() does, over the raw payload, before anybody parses it.
 *
 * Trusted: nothing. */
#ifndef BUNDLE_H
#define BUNDLE_H
#include "format/json.h"
#include "ledger/envelope.h"

#define BUNDLE_TYPE "application/vnd.dev.sigstore.bundle.v0.3+json"

enum { BUNDLE_BYTES_MAX = ENVELOPE_BYTES_MAX };

typedef enum { BUNDLE_KEY, BUNDLE_CERTIFICATE, BUNDLE_SIGSTORE } BundleMethod;

typedef struct Bundle {
    BundleMethod method;
    Str          hint;                                 /* key id that it names; may be empty          */
    Str          pem;                                  /* before v1.1.0: the public key; may be empty */
    Str          payload, signature;                   /* raw bytes                                   */
} Bundle;

const char *bundle_method_name(BundleMethod m);        /* "key", "certificate", "sigstore keyless" */

/* Lives in the arena.  E_FORMAT when it is no such bundle. */
bool bundle_parse(Arena *a, Str text, Bundle *out, Err *e);
/* Whether the signature is this key's: over the DSSE encoding, or (*old) over that of model-transparency 0.2. */
bool bundle_signed_by(const Bundle *b, const Key *k, bool *old);
bool bundle_write(Buf *out, Str payload, const Key *signer, Err *e);

/* What model-transparency 0.2 signed instead of DSSE: a capital V, and Python's repr() of the payload. */
void bundle_old_pae(Buf *out, Str type, Str body);

#endif
