/* base.h - the ground floor: slices, errors, buffers, arenas and the sticky cursor.
 *
 * Everything above is written in these few words.  Text and bytes travel as `Str`, failures as `Err`
 * on the caller's stack, results of one job live in one `Arena`, output grows in a `Buf`, and bytes from
 * strangers are read through a `Cur`.  The rest of the floor has a header each:
 *
 *     dict.h   names to values, in the order they came      file.h   whole files, atomic replacement, mmap
 *     pool.h   threads whose results land in slot order     rng.h    the documented seeded generator; secrets
 *     clock.h  time, always handed in
 *
 * Trusted: the caller.  Not trusted: any byte, count or length that reaches us inside a Str. */
#ifndef BASE_H
#define BASE_H
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOAT_VERSION "0.1.0"

#define len_of(a) (sizeof(a) / sizeof *(a))

/* ---- slices: a borrowed run of bytes; whoever made it keeps the memory alive */

typedef struct Str {
    const char *p;
    size_t      n;
} Str;

#define S(lit) ((Str){ "" lit, sizeof(lit) - 1 })
/* printf("%.*s", STR(s)) */
#define STR(s) (int)(s).n, (s).p

Str  str(const char *z);                              /* of a C string; NULL gives an empty Str    */
bool str_eq(Str a, Str b);
bool str_is(Str a, const char *z);
int  str_cmp(Str a, Str b);                           /* bytewise, shorter first                   */
bool str_starts(Str s, Str prefix);
bool str_ends(Str s, Str suffix);
Str  str_from(Str s, size_t at);                      /* the rest from `at`; empty past the end    */
Str  str_trim(Str s);                                 /* blanks, tabs and line ends off both sides */
/* Splits at the first `sep`: *head before it, *tail after it.  Without one, *head is all and false returns. */
bool str_cut(Str s, char sep, Str *head, Str *tail);
/* Whole unsigned decimal, nothing else; false on overflow, sign, blank or an empty Str. */
bool str_u64(Str s, uint64_t *out);
/* "64KiB", "10 MiB", "1G", "100": bytes.  Powers of 1024 for Ki/Mi/Gi, of 1000 for k/M/G. */
bool str_size(Str s, uint64_t *out);
bool str_utf8(Str s);                                 /* well-formed UTF-8 (RFC 3629)              */

/* ---- errors: the caller owns one Err and passes it down; nothing is allocated */

enum ErrCode { E_OK, E_USAGE, E_IO, E_FORMAT, E_LIMIT, E_DENIED, E_CRYPTO, E_NOMEM };

typedef struct Err {
    enum ErrCode code;
    uint64_t     at;                                  /* 1 + byte where a parser stopped; 0: nowhere */
    uint64_t     line;                                /* 1-based line; 0: none                       */
    char         message[480];                        /* "model.gguf: tensor 'wte': shape overflows" */
    char         hint[200];                           /* something to type; may be empty             */
} Err;

/* All return false, so that `return err_set(...)` reads well.  e may be NULL. */
bool err_set(Err *e, enum ErrCode code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool err_at(Err *e, uint64_t offset, const char *fmt, ...) __attribute__((format(printf, 3, 4)));   /* E_FORMAT */
bool err_line(Err *e, uint64_t line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));   /* E_FORMAT */
bool err_in(Err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));   /* puts "fmt: " in front */
bool err_hint(Err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool err_nomem(Err *e);

/* ---- arenas: everything made for one job, freed at once */

typedef struct Arena Arena;
Arena *arena_new(size_t limit_bytes);                 /* NULL only when out of memory                    */
void  *arena_get(Arena *a, size_t count, size_t size);/* zeroed, aligned; NULL past the limit or overflow */
void   arena_free(Arena *a);                          /* NULL is fine                                    */
Str    arena_str(Arena *a, Str s);                    /* a copy, NUL-terminated behind n; p NULL on failure */
char  *arena_printf(Arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline void arena_drop(Arena **a) { arena_free(*a); }
#define defer_arena __attribute__((cleanup(arena_drop)))

/* ---- buffers: output that grows; the first failed growth sticks in `bad` */

typedef struct Buf {
    char  *p;
    size_t n, cap;
    bool   bad;
} Buf;
void buf_put(Buf *b, const void *p, size_t n);
void buf_str(Buf *b, Str s);
void buf_z(Buf *b, const char *z);
void buf_byte(Buf *b, uint8_t c);
void buf_u16(Buf *b, uint16_t v);                     /* little-endian */
void buf_u32(Buf *b, uint32_t v);
void buf_u64(Buf *b, uint64_t v);
void buf_varint(Buf *b, uint64_t v);                  /* LEB128: 7 bits a byte, least first */
void buf_printf(Buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* For a terminal: control characters, and bytes of what is not UTF-8, as \xNN.  For text that came from outside. */
void buf_clean(Buf *b, Str s);
void buf_free(Buf *b);                                /* leaves an empty, usable Buf */
static inline Str buf_view(const Buf *b) { return (Str){ b->p ? b->p : "", b->n }; }
#define defer_buf __attribute__((cleanup(buf_free)))

/* ---- cursor: reads fields in order; the first short read sticks and every later one gives 0 */

typedef struct Cur {
    const uint8_t *p;
    size_t         n, at;
    bool           bad;
} Cur;
Cur      cur_of(Str s);
uint8_t  cur_u8(Cur *c);
uint16_t cur_u16(Cur *c);                             /* little-endian */
uint32_t cur_u32(Cur *c);
uint64_t cur_u64(Cur *c);
uint16_t cur_be16(Cur *c);                            /* big-endian    */
uint32_t cur_be32(Cur *c);
uint64_t cur_be64(Cur *c);
Str      cur_bytes(Cur *c, uint64_t n);
bool     cur_skip(Cur *c, uint64_t n);
static inline size_t cur_left(const Cur *c) { return c->bad ? 0 : c->n - c->at; }

/* The closest of `words` within two edits of `word`, or NULL; for "did you mean". */
const char *nearest_word(Str word, const char *const *words, size_t n);

#endif
