/* dict.h - names to values, kept in the order they came; lookups by keyed hash, so hostile names cost nothing. */
#ifndef DICT_H
#define DICT_H
#include "base/base.h"

typedef struct Dict Dict;
typedef struct DictItem {
    Str   key;
    void *value;
} DictItem;

Dict *dict_new(Arena *a);                              /* lives in the arena; NULL past its limit      */
void *dict_get(const Dict *d, Str key);                /* NULL when absent                             */
/* Adds or replaces; the key is borrowed for the life of the arena.  False past the arena's limit. */
bool            dict_put(Dict *d, Str key, void *value);
size_t          dict_count(const Dict *d);
const DictItem *dict_items(const Dict *d);             /* in insertion order; valid until the next put */

#endif
