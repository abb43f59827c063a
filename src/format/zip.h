/* zip.h - what a zip archive holds, as every reader would see it.
 *
 * Readers disagree: most believe the directory at the end, some the header in front of each member, recovery tools only the
 * headers; some look for the end record from behind, some allow bytes in front.  So this reads all of it: every end record that
 * points to a directory, every entry of those, and every local header that no directory lists.  Where two descriptions of one
 * member differ, both stay and `odd` says in what.  Nothing is unpacked here and nothing refused for being odd.
 *
 *     unlisted local headers are looked for between members, before the first and behind the last; where the directory covers
 *     all bytes, as in an archive that nobody tampered with, no byte of a member's data is touched.
 *
 * Trusted: nothing.  Entries have a limit; a Zip is a view and lives as long as the bytes and the arena. */
#ifndef ZIP_H
#define ZIP_H
#include "base/base.h"

enum { ZIP_ENTRIES_MAX = 100000, ZIP_ENDS_MAX = 8, ZIP_GAP_MAX = 16 << 20 };

enum {                                                 /* ZipEntry.odd */
    ZIP_NAMES_DIFFER = 1, ZIP_SIZES_DIFFER = 2, ZIP_METHODS_DIFFER = 4, ZIP_FLAGS_DIFFER = 8, ZIP_CRCS_DIFFER = 16,
    ZIP_OVERLAPS = 32,                                 /* with the member before it                 */
    ZIP_UNLISTED = 64,                                 /* a local header that no directory names    */
    ZIP_NO_HEADER = 128,                               /* the directory points to no local header   */
    ZIP_OUTSIDE = 256                                  /* its data end past the file                */
};
enum { ZIP_FLAG_ENCRYPTED = 1, ZIP_FLAG_DESCRIPTOR = 8, ZIP_FLAG_PATCH = 0x20, ZIP_FLAG_STRONG = 0x40, ZIP_FLAG_MASKED = 0x2000 };
enum { ZIP_STORED = 0, ZIP_DEFLATE = 8, ZIP_BZIP2 = 12, ZIP_LZMA = 14, ZIP_ZSTD = 93, ZIP_XZ = 95, ZIP_AES = 99 };

typedef struct ZipView {                               /* one description of a member */
    Str      name;
    uint16_t flags, method;
    uint32_t crc;
    uint64_t packed, size;
    Str      data;                                     /* the packed bytes, cut at the end of the file */
} ZipView;

typedef struct ZipEntry {
    ZipView  listed, local;                            /* of the directory; of the header in front of it */
    uint64_t at;                                       /* of the local header                            */
    uint32_t mode;                                     /* of Unix, 0: not known                          */
    unsigned odd;
} ZipEntry;

typedef struct Zip {
    ZipEntry *v;                                       /* in the order of their place in the file        */
    size_t    n, cap;
    unsigned  ends;                                    /* end records with a directory of their own      */
    bool      no_end, too_many, zip64, missing;        /* `missing`: a directory ends before its count   */
    bool      cut;                                     /* a gap was too large to be searched to its end  */
    uint64_t  front;                                   /* bytes before the first member                  */
    uint64_t  gap_at, gaps;                            /* bytes between members, or before the directory, that belong to none */
    uint64_t  directory;                               /* where the first one begins; 0: there is none   */
    uint64_t  end;                                     /* behind the last end record and its comment     */
    Str       comment;
} Zip;

/* Whether there is an end record in the last 64 KiB. */
bool zip_ends(Str file);
/* E_FORMAT when there is neither an end record nor a local header, E_LIMIT when the arena is too small. */
bool zip_read(Arena *a, Str file, Zip *out, Err *e);

#endif
