/* predicate.h - which rows a filter keeps: a condition over the columns, small enough to be understood at a glance.
 *
 *     price >= 10 and (country = 'DE' or country in ('AT', 'CH')) and not "first name" is empty
 *
 *     or := and { "or" and }     and := not { "and" not }     not := "not" not | "(" or ")" | test
 *     test := COLUMN ( = | != | < | <= | > | >= ) VALUE | COLUMN ~ TEXT | COLUMN "in" ( VALUE { , VALUE } ) | COLUMN "is" [ "not" ] "empty"
 *
 * A column is a word or stands in double quotes; a text stands in single quotes, one in it is doubled.  Against a number a cell
 * counts as the number it says, and a cell that says none is not equal to any: only != holds.  Texts compare by their
 * bytes.  ~ asks whether the cell holds the text.
 *
 * Not trusted: the condition; its depth and size have limits. */
#ifndef PREDICATE_H
#define PREDICATE_H
#include "base/base.h"

enum { PREDICATE_BYTES = 64 << 10, PREDICATE_DEPTH = 64 };

typedef struct Predicate Predicate;                    /* lives in the arena */
/* NULL with *e naming the byte. */
Predicate *predicate_parse(Arena *a, Str text, const Str *column, size_t columns, Err *e);
bool       predicate_holds(const Predicate *p, const Str *cell);

#endif
