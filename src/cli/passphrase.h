/* passphrase.h - a secret that a person types, or keeps in a file that only they can read. */
#ifndef PASSPHRASE_H
#define PASSPHRASE_H
#include "base/base.h"

/* The first line of FILE ("-": standard input); refused when group or world may read it.  Wipe it when done. */
bool passphrase_read(Arena *a, const char *path, Str *out, Err *e);
/* Asked for at the terminal without showing it; `twice` for one that will be needed again. */
bool passphrase_ask(Arena *a, bool twice, Str *out, Err *e);

#endif
