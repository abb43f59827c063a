/* scan_walk.h - how the worker goes through one file: what is it, what is in it, and the same again for each member.
 *
 *     scan_walk.c    what it is, by its content; one row for each; pickles        scan_zip.c     zip: torch, npz, TorchScript, others
 *     scan_known.c   formats that are known and not judged yet                    scan_tar.c     tar, and compressed single files
 *     scan_plain.c   safetensors, npy, JSON and text
 *
 * A file is judged for every reader that would take it: all kinds that match are followed and the worst counts.  What no kind
 * matches is never clean, but for the bytes of tensors that a container declares as such, and plain text.
 *
 * Limits: SCAN_DEPTH_MAX containers in each other, SCAN_MEMBERS_MAX members, SCAN_LIVE_MAX unpacked bytes at one time and
 * SCAN_TOTAL_MAX in all.  Beyond one of them the rest is unscannable and said to be.
 *
 * How to add one more format: a row in `kinds` (scan_walk.c) with a function that judges it. */
#ifndef SCAN_WALK_H
#define SCAN_WALK_H
#include "model/rules.h"
#include "model/scan.h"

enum {
    SCAN_DEPTH_MAX = 5, SCAN_MEMBERS_MAX = 100000, SCAN_RATIO_MAX = 1000, SCAN_WHY = 200,
    SCAN_LIVE_MAX = 256 << 20,
    SCAN_TOTAL_MAX = 1 << 30,
    SCAN_PEEK = 64 << 10,                              /* of a packed member, to see what it is                  */
    SCAN_WHOLE = 1 << 20,                              /* a packed member up to this size is unpacked whatever it is */
    SCAN_BOMB_MIN = 1 << 20,                           /* below this no ratio hurts anybody                      */
    SCAN_ARENA = 512 << 20
};

typedef struct Walk {
    const ScanOut *out;
    bool           deep;
    uint64_t       members, live, total;
} Walk;

typedef struct TorchZip TorchZip;                      /* what a pickle in a torch archive refers to (scan_zip.c) */

typedef struct Item {
    Str             bytes;                             /* all of it, or its beginning                   */
    uint64_t        size;                              /* of all of it                                  */
    Str             inner, name;                       /* where it is; its last part                    */
    unsigned        depth;                             /* containers around it                          */
    bool            tensor;                            /* its container says it is a tensor's bytes     */
    bool            code;                              /* ... TorchScript source                        */
    const TorchZip *torch;                             /* the archive it is in, or NULL                 */
} Item;

typedef struct Judged {
    ScanVerdict verdict;
    const char *format;
    char        why[SCAN_WHY];                         /* of the verdict, for people; may be empty      */
} Judged;

/* Judges it with all that is in it and says its row. */
ScanVerdict walk_scan_item(Walk *w, const Item *it);
/* One member: counts it, says no row when a limit is reached (the container's row says so). */
void walk_scan_member(Walk *w, Judged *j, const Item *it);
/* Whether it must be seen whole to be judged; `it` holds its beginning. */
bool walk_wants_all(const Item *it);

/* Raises the verdict and keeps the first reason for it. */
void rate(Judged *j, ScanVerdict v, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Says a finding; medium makes it suspicious, critical malicious.  byte: 1 + offset, 0 unknown. */
void walk_hit(Walk *w, Judged *j, const Item *it, unsigned rule, uint64_t byte, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* "a/b" from "a" and "b"; or just "b". */
Str inner_path(Arena *a, Str inner, Str name);
Str last_part(Str path);
bool any_end(Str name, const char *const *ends, size_t n);
/* The pickle at `from` of an item, to its end. */
void walk_pickle(Walk *w, Judged *j, const Item *it, uint64_t from, PickleHome home);

/* The kinds: each may raise the verdict, name a closer format and follow members. */
void judge_zip(Walk *w, const Item *it, Judged *j);
void judge_tar(Walk *w, const Item *it, Judged *j);
void judge_gzip(Walk *w, const Item *it, Judged *j);
void judge_bzip2(Walk *w, const Item *it, Judged *j);
void judge_xz(Walk *w, const Item *it, Judged *j);
void judge_lzma(Walk *w, const Item *it, Judged *j);
void judge_zlib(Walk *w, const Item *it, Judged *j);
void judge_zstd(Walk *w, const Item *it, Judged *j);
void judge_npy(Walk *w, const Item *it, Judged *j);
void judge_safetensors(Walk *w, const Item *it, Judged *j);
void judge_text(Walk *w, const Item *it, Judged *j);
void judge_code(Walk *w, const Item *it, Judged *j);
bool is_text(Str s);
bool is_zlib(const Item *it);
bool is_lzma(const Item *it);
bool is_safetensors(const Item *it);
/* The name of a format that is not judged yet, or NULL. */
const char *known_format(Str bytes);

/* torch archives (scan_zip.c): is there a storage KEY, and how long. */
bool torch_storage(void *ctx, Str key, uint64_t *bytes);

/* All of it: the whole of one file, judged. */
ScanVerdict scan_bytes(Str bytes, Str name, bool deep, const ScanOut *out);

#endif
