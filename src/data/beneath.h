/* beneath.h - opening, making and removing by name below a folder, never through a symbolic link.
 *
 * Each part of a name is opened by itself with O_NOFOLLOW, so whoever swaps a folder for a link while we walk gets an
 * error and not our bytes.  Names have passed tree_name_flaw(). */
#ifndef BENEATH_H
#define BENEATH_H
#include "base/base.h"

/* The descriptor, or -1 with errno.  O_NOFOLLOW and O_CLOEXEC are added; an empty name is the folder itself. */
int beneath_open(int dir, Str name, int flags, unsigned mode);
/* The folder that holds `name`, as a descriptor; *last is its last part.  -1 with errno. */
int beneath_parent(int dir, Str name, Str *last);
/* The same, making the folders that are missing. */
int beneath_make(int dir, Str name, Str *last);
/* Removes `name` in `dir`, a folder with all below it; links are removed, not followed.  Absent is fine. */
bool beneath_remove(int dir, const char *name, Err *e);

#endif
