/* yaml.h - YAML (libyaml) into the same tree as JSON, with line numbers.
 *
 * Only what a reader can be sure of: one document, mappings with plain scalar keys, the core schema's null, booleans
 * and numbers (`no`, `yes` and `on` are texts); no tags, no anchors, aliases or merge keys, no duplicate keys.
 * Anything else is an error with its line.  A number's text is rewritten as JSON would have it: 0x1F is "31". */
#ifndef FORMAT_YAML_H
#define FORMAT_YAML_H                                 /* YAML_H is the guard of libyaml's own yaml.h */
#include "format/json.h"

enum { YAML_BYTES_MAX = 64 << 20, YAML_NODES_MAX = 200000, YAML_DEPTH_MAX = 100 };

/* Owned by the arena.  NULL with the line in *e.  An empty document is an empty object. */
Json *yaml_parse(Arena *a, Str text, Err *e);
/* Several documents in one file (Kubernetes): an array of them. */
Json *yaml_parse_all(Arena *a, Str text, Err *e);

#endif
