/* json.h - JSON, read by one parser for everyone: gateway bodies that arrive in pieces, policies, bundles, reports.
 *
 * Two ways in.  The *push* parser takes bytes cut anywhere and calls back with events; it keeps a fixed state and
 * never sees the whole text.  The *tree* keeps everything in an arena; it is built on the push parser, so both accept
 * the same language.  Two profiles: GRAMMAR is RFC 8259 as written; STRICT also refuses what two readers could
 * understand differently (duplicate keys, huge integers, lone surrogates, deep nesting: see the table in json.c).
 *
 * Trusted: nothing.  The text comes from strangers; every depth, length and count meets a named limit. */
#ifndef JSON_H
#define JSON_H
#include "base/base.h"

typedef enum { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } JsonType;
typedef enum { JSON_GRAMMAR, JSON_STRICT } JsonProfile;

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
enum { NUMBER_TEXT = 32 };
/* Shortest text that reads back as the same double; plain notation for exponents -5..16.  Finite values only. */
size_t number_text(double v, char out[static NUMBER_TEXT]);

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

#endif
