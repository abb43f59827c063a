/* npy_layout.h - how the elements of an .npy array are laid out, for those who want no numbers but to know what is inside.
 *
 * npy.h reads arrays of plain numbers.  This takes any type NumPy writes (structured, subarrays, texts, times) and says how long an
 * element is and whether Python objects are in it: then what follows the header is a pickle.
 *
 * Trusted: nothing. */
#ifndef NPY_LAYOUT_H
#define NPY_LAYOUT_H
#include "base/base.h"

enum { NPY_TYPE_DEPTH = 8 };

typedef struct NpyLayout {
    bool     objects;
    uint64_t item, count;                              /* bytes of an element; elements */
    uint64_t data_at;                                  /* where the header ends         */
} NpyLayout;

/* `start` is the file's beginning with the whole header. */
bool npy_layout(Str start, NpyLayout *out, Err *e);

#endif
