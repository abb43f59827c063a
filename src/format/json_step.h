/* json_step.h - what the two halves of the push parser share: json_push.c has structure, numbers and words, json_text.c
 * strings and keys.  A step is one function for one kind of place the text can be cut at. */
#ifndef JSON_STEP_H
#define JSON_STEP_H
#include "format/json_keys.h"
#include "format/json_scan.h"

/* What the next byte may be.  Up to AT_END it is between two tokens. */
enum { AT_VALUE, AT_FIRST_ITEM, AT_FIRST_KEY, AT_KEY, AT_COLON, AT_NEXT, AT_END, IN_STRING, IN_ESCAPE, IN_HEX, IN_NUMBER, IN_WORD };

typedef struct In {                                    /* this feed */
    const char *base, *p, *end;
    Err        *e;
} In;

static inline uint64_t here(const JsonPush *p, const In *in) { return p->fed + (uint64_t)(in->p - in->base); }
static inline bool     strict(const JsonPush *p) { return p->conf.profile == JSON_STRICT; }
static inline bool     emit(JsonPush *p, const JsonEvent *ev) { return p->conf.fn == NULL || p->conf.fn(p->conf.ctx, ev); }
static inline void     value_done(JsonPush *p) { p->state = p->depth > 0 ? AT_NEXT : AT_END; }

/* Keeps the part of a key or number that this feed brought. */
bool step_carry(JsonPush *p, Str s, Err *e);
/* Joins what was carried with the last part; without a carry the part itself is the token. */
bool step_whole(JsonPush *p, Str last, Str *out, Err *e);
bool step_no_room(const JsonPush *p, Err *e);

bool step_string(JsonPush *p, In *in);
bool step_escape(JsonPush *p, In *in);
bool step_hex(JsonPush *p, In *in);

#endif
