/* hcl.h - Terraform's configuration language, as far as finding things in it needs: blocks, their labels, and attributes
 * as written.
 *
 * A tolerant scanner, not an evaluator: expressions are kept as text, a plain string without ${...} is also decoded.
 * What does not look like a block or an attribute is skipped to the end of its line and counted, so one odd line
 * does not hide the rest of a file.  Only nesting beyond HCL_DEPTH, an unclosed block, string, comment or
 * heredoc is an error, with its line.
 *
 * Grammar read: HCL native syntax specification (blocks, attributes, quoted templates, heredocs, three comment forms). */
#ifndef HCL_H
#define HCL_H
#include "base/base.h"

enum { HCL_DEPTH = 32, HCL_LABELS = 4 };

typedef struct HclAttr {
    Str      name;
    Str      raw;                                      /* the expression as written, trimmed           */
    Str      text;                                     /* decoded when it is a plain string, else p NULL */
    uint64_t line;
    struct HclAttr *next;
} HclAttr;

typedef struct HclBlock {
    Str      type;                                     /* "resource"; empty for the file itself */
    Str      labels[HCL_LABELS];                       /* further ones are dropped */
    size_t   label_count;
    uint64_t line;
    HclAttr *attrs;
    struct HclBlock *blocks, *next;                    /* inner blocks; sibling */
    size_t   skipped;                                  /* lines of its body that were not understood */
} HclBlock;

/* The whole file as a block without type.  Texts borrow from `text` or live in the arena.  NULL with the line in *e. */
HclBlock *hcl_parse(Arena *a, Str text, Err *e);

const HclAttr  *hcl_attr(const HclBlock *b, const char *name);        /* NULL when absent */
const HclBlock *hcl_block(const HclBlock *b, const char *type);       /* the first inner block of that type */

#endif
