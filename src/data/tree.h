/* tree.h - what one version holds: files, folders and links by name, each file as the list of its chunks.
 *
 *     "MOATTR01", u32 entries, then by ascending name (bytewise):
 *     u16 name length, name, u8 type, u16 mode (& 0111), u64 size
 *       file:    sha256, u8 rows known, u64 rows, row root, chunk roots' id, u32 chunks, their ids
 *       link:    u16 target length, target           (size is that length)
 *       folder:  nothing                              (size is 0)
 *
 * The dataset's path is the entry "data", a file or a folder with "data/..." below it; labels in a file of their own
 * are "labels".  So a tree does not know where it lives, and restoring never asks it.  Every name's folder is itself an
 * entry and a folder, so no name leads through a link.  There is one way to write a tree: its digest is its name.
 *
 * Trusted: nothing; trees are read before anything is known about them but their digest. */
#ifndef TREE_H
#define TREE_H
#include "crypto/digest.h"

typedef enum { TREE_FILE = 1, TREE_FOLDER = 2, TREE_LINK = 3 } TreeType;

enum { TREE_NAME_MAX = 4095, TREE_PART_MAX = 255, TREE_ENTRIES_MAX = 1 << 24 };

typedef struct TreeEntry {
    Str           name;
    TreeType      type;
    uint16_t      mode;
    uint64_t      size;
    Digest        sha256;
    bool          has_rows;
    uint64_t      rows;
    Digest        row_root, roots;                     /* roots: object with the chunk roots; zero up to one chunk */
    const Digest *chunk;
    uint32_t      chunks;
    Str           target;
} TreeEntry;

typedef struct Tree {
    TreeEntry *entry;
    size_t     count;
} Tree;

/* NULL, or why this cannot be a name: "leaves its folder", ... */
const char *tree_name_flaw(Str name);
void        tree_sort(Tree *t);
/* Appends the object; entries sorted and their names checked before. */
void tree_put(Buf *out, const Tree *t);
/* Names, chunk ids and targets are borrowed from `bytes`. */
bool tree_parse(Arena *a, Str bytes, Tree *out, Err *e);
const TreeEntry *tree_find(const Tree *t, Str name);   /* NULL when absent */

/* What a version says of itself, counted from its tree. */
typedef struct TreeSum {
    uint64_t rows, bytes, files;
    Digest   root;
    bool     has_labels;
    uint64_t labels_rows;
    Digest   labels_root;
} TreeSum;
/* The root is that of the rows when the data is one file that has them; else of the members, each a row.  Then `rows` counts
 * the rows inside the members, or the members when they have none.  False when out of memory. */
bool tree_sum(const Tree *t, TreeSum *out);

#endif
