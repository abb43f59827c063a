/* secret.h - the two things every secret needs. */
#ifndef SECRET_H
#define SECRET_H
#include "base/base.h"

bool ct_eq(const void *a, const void *b, size_t n);    /* time depends on n alone */
void wipe(void *p, size_t n);                          /* the compiler cannot leave it out */

#endif
