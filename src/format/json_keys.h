/* json_keys.h - which keys the open objects have had: 64-bit keyed hashes on one stack, for the strict profile.
 *
 * An object's keys lie on top of its parent's, so closing it pops them.  Small stacks are searched in place; a larger
 * one has an index (open addressing) from which the newest entry is always removed first, which undoes exactly what
 * its insertion did: no tombstones.  A stranger cannot choose colliding keys (SipHash with a secret key), and a chance
 * collision, some 2^-33 for the largest text, only refuses. */
#ifndef JSON_KEYS_H
#define JSON_KEYS_H
#include "format/json.h"

typedef enum { KEY_NEW, KEY_TWICE, KEY_TOO_MANY, KEY_NO_ROOM } KeyVerdict;

/* `room` holds keys_room(room_keys) bytes; NULL: none. */
void       keys_begin(JsonKeys *k, const uint64_t *hash_key, void *room, uint32_t room_keys);
size_t     keys_room(uint32_t room_keys);
/* Adds a key to the object whose keys start at `mark`. */
KeyVerdict keys_add(JsonKeys *k, uint32_t mark, Str key, Arena *grow);
void       keys_pop(JsonKeys *k, uint32_t mark);       /* the object closed */

#endif
