/* yaml.h - YAML (libyaml) into the same tree as JSON, with line numbers.
 *
 * Only what a reader can be sure of: one document, mappings with plain scalar keys, the core schema's null, booleans
 * and numbers; no tags, no anchors used as bombs (aliases are refused), no duplicate keys.  Anything else is an error
 * with its line. */
#ifndef YAML_H
#define YAML_H
#include "format/json.h"

/* Owned by the arena.  NULL with the line in *e.  An empty document is an empty object. */
Json *yaml_parse(Arena *a, Str text, Err *e);
/* Several documents in one file (Kubernetes): an array of them. */
Json *yaml_parse_all(Arena *a, Str text, Err *e);

#endif
