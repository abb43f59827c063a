/* dsse.h - a signature over bytes *and* over what they are (DSSE v1.0.2, "pre-authentication encoding").
 *
 * The type is inside what is signed, so a signature made for one kind of statement cannot be shown as another; the two
 * lengths keep type and body from borrowing bytes of each other.  The JSON clothes of an envelope are ledger/envelope.h. */
#ifndef DSSE_H
#define DSSE_H
#include "crypto/key.h"

/* "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body, appended to *out. */
void dsse_pae(Buf *out, Str type, Str body);
/* Appends the raw signature. */
bool dsse_sign(const Key *k, Str type, Str body, Buf *signature, Err *e);
bool dsse_verify(const Key *k, Str type, Str body, Str signature);

#endif
