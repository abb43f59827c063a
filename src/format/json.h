/* json.h - JSON, read by one parser for everyone: gateway bodies that arrive in pieces, policies, bundles, reports.
 *
 * Two ways in.  The *push* parser takes bytes cut anywhere and calls back with events; it keeps a fixed state and
 * never sees the whole text.  The *tree* keeps everything in an arena; it is built on the push parser, so both accept
 * the same language.  Two profiles: GRAMMAR is RFC 8259 as written; STRICT also refuses what two readers could
 * understand differently (duplicate keys, huge integers, lone surrogates, deep nesting: the limits are named below).
 * Neither accepts what RFC 8259 has no word for: comments, NaN, single quotes, a byte order mark, bytes that are not
 * UTF-8, anything behind the document.
 *
 * Trusted: nothing.  The text comes from strangers; every depth, length and count meets a named limit. */
#ifndef JSON_H
#define JSON_H
#include "base/base.h"

typedef enum { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } JsonType;
typedef enum { JSON_GRAMMAR, JSON_STRICT } JsonProfile;

/* ---- limits */

enum {
    JSON_DEPTH_GRAMMAR = 512,                         /* open brackets; the RFC lets a parser set a limit (s9)      */
    JSON_DEPTH_STRICT = 64,
    JSON_NUMBER_MAX = 128,                            /* strict: bytes of a number                                  */
    JSON_INTEGER_MAX = 40,                            /* strict: bytes of one without fraction and exponent, which
                                                         also must lie in [-2^63, 2^64-1]; others must be finite    */
    JSON_KEY_MAX = 1024,                              /* strict: bytes of an unescaped key                          */
    JSON_KEYS_MAX = 4096,                             /* strict: keys of one object                                 */
    JSON_KEYS_OPEN_MAX = 65535,                       /* strict: keys of all objects that are open at one time      */
    JSON_PUSH_GROW = 4 << 20,                         /* an arena of this limit is enough for any strict text       */
};

/* ---- the push parser: bytes in, events out; the same events, verdict and offsets however the input was cut.
 *
 * Keys and numbers come whole.  A string value comes in pieces that join to its decoded text: the first has `first`
 * set, the last has not `more` (a short string is one piece with `first` and without `more`); where the pieces
 * part depends on the cut, and a piece may end inside a character.  A lone surrogate, which only GRAMMAR lets pass,
 * reads as U+FFFD.  `text` is borrowed until the callback returns. */

typedef enum { JSON_VALUE, JSON_OPEN, JSON_CLOSE, JSON_KEY } JsonStep;

typedef struct JsonEvent {
    JsonStep step;                                    /* VALUE: a scalar; OPEN, CLOSE: of an array or object       */
    JsonType type;                                    /* of the value; of a KEY: JSON_STRING                       */
    bool     first, more;
    bool     fraction;                                /* number: has a fraction or exponent                        */
    uint32_t digits;                                  /* number: before the point; 0 for a lone 0, UINT32_MAX with
                                                         an exponent                                                */
    unsigned depth;                                   /* brackets open around the value or key: 0 at the root      */
    uint64_t at, end;                                 /* first byte of the token; behind its (piece's) last byte   */
    Str      text;                                    /* key, string: decoded; number: the literal                 */
} JsonEvent;

/* Returns false to stop: the feed returns false too and leaves *e to the callback. */
typedef bool JsonFn(void *ctx, const JsonEvent *ev);

typedef struct JsonPushConf {
    JsonProfile     profile;
    JsonFn         *fn;                               /* NULL: only the verdict                                    */
    void           *ctx;
    Arena          *grow;                             /* for keys cut in two and objects of many keys; may be NULL:
                                                         then such a text is refused with E_LIMIT                  */
    const uint64_t *hash_key;                         /* two secret words for the set of keys; NULL: fresh ones    */
    uint64_t        string_max;                       /* bytes of a decoded string value; 0: no limit              */
    uint32_t        key_max;                          /* bytes of an unescaped key; 0: JSON_KEY_MAX when strict    */
    void           *room;                             /* fixed memory for callers without an arena: as many bytes  */
    uint32_t        room_keys;                        /* as json_push_room() says for this many open keys          */
} JsonPushConf;

/* The set of keys seen in the open objects; all of JsonPush is private. */
enum { JSON_KEYS_SMALL = 16, JSON_CARRY_SMALL = 128 };
typedef struct JsonKeys {
    uint64_t  key[2], small[JSON_KEYS_SMALL];
    uint64_t *hash;                                   /* a stack: the keys of the outermost object come first      */
    uint32_t *slot;                                   /* index over it, once it left `small`                       */
    void     *room;                                   /* where it goes first                                       */
    uint32_t  n, cap, slots, room_keys;
} JsonKeys;

typedef struct JsonPush {
    JsonPushConf conf;
    JsonKeys     keys;
    char        *carry;                               /* the part of a key or number that earlier feeds brought    */
    size_t       carry_n, carry_cap;
    uint64_t     fed, token, escape, length;          /* offsets: of this feed, token, \\u; bytes of this string   */
    uint64_t     objects[JSON_DEPTH_GRAMMAR / 64];    /* one bit for each open bracket                             */
    uint16_t     marks[JSON_DEPTH_STRICT];            /* keys.n when that bracket opened                           */
    uint32_t     depth;
    uint16_t     high, unit;                          /* pending high surrogate; the \\u being read                */
    uint8_t      state, number, literal, done, hex, need, low, top;
    bool         is_key, first, failed;
    char         carry_small[JSON_CARRY_SMALL];
} JsonPush;
_Static_assert(sizeof(JsonPush) <= 1024, "a gateway holds one for each request");

/* Bytes of 8-byte aligned memory for conf.room. */
size_t json_push_room(uint32_t room_keys, uint32_t key_max);
/* No memory beyond *p, the room and conf.grow is ever used, so there is nothing to free; *p must not be moved. */
void json_push_begin(JsonPush *p, const JsonPushConf *conf);
/* False once the text is refused (it stays so); the place is in *e. */
bool json_push_feed(JsonPush *p, Str bytes, Err *e);
/* True when the text was one whole document. */
bool json_push_end(JsonPush *p, Err *e);

/* ---- the tree; every node and text lives in the arena it was parsed into (YAML fills the same tree) */

typedef struct Json Json;
struct Json {
    JsonType type;
    uint32_t line;                                    /* 1-based line of the value's first byte               */
    uint64_t at;                                      /* byte offset of it                                    */
    Str      key;                                     /* the member's name when the parent is an object       */
    Str      text;                                    /* string: decoded value; number: the literal as written */
    double   num;                                     /* number: correctly rounded                            */
    size_t   count;                                   /* array, object: children                              */
    Json    *first, *next;                            /* first child; next sibling                            */
};

/* Owned by the arena.  NULL with the byte and line in *e. */
Json *json_parse(Arena *a, Str text, JsonProfile profile, Err *e);

const Json *json_get(const Json *object, const char *key);      /* NULL when absent or not an object (or NULL) */
const Json *json_at(const Json *array, size_t i);               /* NULL past the end                           */
/* The value's text, number or truth when it has that type; otherwise the fallback. */
Str    json_text(const Json *v, Str fallback);
double json_num(const Json *v, double fallback);
bool   json_bool(const Json *v, bool fallback);
/* Whole number that fits; false when v is NULL, no number, has a fraction or is out of range. */
bool json_u64(const Json *v, uint64_t *out);
bool json_i64(const Json *v, int64_t *out);

/* ---- numbers (shared with csv) */

/* Correctly rounded to the target type (Eisel-Lemire, big integers where that is undecided).  The literal is
 * [+-]digits[.digits][e[+-]digits], also ".5" and "5."; false when it is anything else.  Overflow gives +-inf. */
bool number_f64(Str literal, double *out);
bool number_f32(Str literal, float *out);
/* The same, faster, for a literal inside a larger text that ends at `limit`: what lies between may be looked at. */
bool number_f64_in(Str literal, const char *limit, double *out);
bool number_f32_in(Str literal, const char *limit, float *out);
enum { NUMBER_TEXT = 32 };
/* Shortest text that reads back as the same double; plain notation for exponents -5..16.  Finite values only. */
size_t number_text(double v, char out[static NUMBER_TEXT]);
size_t number_text_f32(float v, char out[static NUMBER_TEXT]);     /* ... as the same float */

/* ---- the writer: JsonOut w = json_out(&buf); keys, commas and escapes come by themselves */

typedef struct JsonOut {
    Buf     *b;
    bool     pretty;                                  /* two-space indent, a newline after each member */
    bool     comma, keyed;
    unsigned depth;
} JsonOut;
JsonOut json_out(Buf *b);
void    json_open(JsonOut *w, char bracket);          /* '{' or '[' */
void    json_close(JsonOut *w, char bracket);         /* '}' or ']' */
void    json_key(JsonOut *w, const char *key);        /* then exactly one value */
void    json_key_str(JsonOut *w, Str key);
void    json_put_str(JsonOut *w, Str v);              /* invalid UTF-8 is written as U+FFFD */
void    json_put_z(JsonOut *w, const char *v);        /* NULL writes null */
void    json_put_u64(JsonOut *w, uint64_t v);
void    json_put_i64(JsonOut *w, int64_t v);
void    json_put_f64(JsonOut *w, double v);           /* not finite writes null */
void    json_put_bool(JsonOut *w, bool v);
void    json_put_null(JsonOut *w);
void    json_put_raw(JsonOut *w, Str json);           /* a value that is JSON already */
void    json_put_tree(JsonOut *w, const Json *v);
void    json_member(JsonOut *w, const char *key, Str v);       /* a key and its text in one  */
void    json_member_u64(JsonOut *w, const char *key, uint64_t v);

#endif
