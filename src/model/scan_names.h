/* scan_names.h - whether a member's name, or a link's target, leads out of the folder it is unpacked into. */
#ifndef SCAN_NAMES_H
#define SCAN_NAMES_H
#include "base/base.h"

/* What is wrong ("is absolute"), or NULL.  Both slashes part names, as on some systems. */
const char *name_leaves(Str name);
/* The same for a link called `name`, from the folder it lies in. */
const char *link_leaves(Str name, Str target);

#endif
