/* jsonwalk.h - moving about in a JSON text that has been checked already, without a tree.
 *
 * Positions are offsets into the text.  Every function relies on the strict parser having accepted the whole text;
 * none reads past its end all the same. */
#ifndef JSONWALK_H
#define JSONWALK_H
#include "base/base.h"

size_t walk_blank(Str t, size_t at);                   /* the next byte that is no white space           */
size_t walk_end(Str t, size_t at);                     /* behind the value that starts at `at`           */
static inline char walk_byte(Str t, size_t at) { return at < t.n ? t.p[at] : '\0'; }
static inline bool walk_is_number(Str t, size_t at)
{
    char c = walk_byte(t, at);
    return c == '-' || (c >= '0' && c <= '9');
}

/* Steps through an array's elements or an object's members.  `at` starts at the bracket; walk_next() sets it (and `key`,
 * with its quotes) to the next value, walk_past() moves behind that value.  False at the closing bracket. */
typedef struct Walk {
    Str    t, key;
    size_t at;
    bool   object, inside;
} Walk;
Walk walk_of(Str t, size_t at);
bool walk_next(Walk *w);
static inline void walk_past(Walk *w) { w->at = walk_end(w->t, w->at); }

/* A quoted string, escapes read, against an ASCII word. */
bool walk_text_is(Str quoted, const char *word);
/* The member's value in the object at `at`; false when there is none. */
bool walk_member(Str t, size_t at, const char *key, size_t *value);

#endif
