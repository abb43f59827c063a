/* bech32.h - Bech32 (BIP 173) without its length limit, as age spells its keys. */
#ifndef BECH32_H
#define BECH32_H
#include "base/base.h"

/* Appends `hrp`1DATA; upper case when asked.  `hrp` in lower case. */
void bech32_put(Buf *b, Str hrp, Str bytes, bool upper);
/* Exactly `n` bytes under that prefix, checksum and padding right, one case throughout. */
bool bech32_get(Str text, Str hrp, uint8_t *out, size_t n);

#endif
