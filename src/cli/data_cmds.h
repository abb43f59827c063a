/* data_cmds.h - the verbs of `moat data`, and what they share.
 *
 * How to add one more: declare the function and its options here, and a row in data.c. */
#ifndef DATA_CMDS_H
#define DATA_CMDS_H
#include "cli/cli.h"
#include "data/data.h"

/* Each in the file of its name: data_commit.c ... */
int data_commit_cmd(int argc, char **argv);
int data_verify_cmd(int argc, char **argv);
int data_log_cmd(int argc, char **argv);
int data_restore_cmd(int argc, char **argv);
int data_scan_cmd(int argc, char **argv);
int data_access_cmd(int argc, char **argv);

enum {
    DATA_COMMIT_OPTS = 5,
    DATA_VERIFY_OPTS = 3,
    DATA_LOG_OPTS = 1,
    DATA_RESTORE_OPTS = 6,
    DATA_SCAN_OPTS = 19,
    DATA_ACCESS_OPTS = 3,
};
extern const Opt data_commit_opts[DATA_COMMIT_OPTS];
extern const Opt data_verify_opts[DATA_VERIFY_OPTS];
extern const Opt data_log_opts[DATA_LOG_OPTS];
extern const Opt data_restore_opts[DATA_RESTORE_OPTS];
extern const Opt data_scan_opts[DATA_SCAN_OPTS];
extern const Opt data_access_opts[DATA_ACCESS_OPTS];

#define DATA_ARENA ((size_t)16 << 30)                  /* a limit, not a size: about 1 KiB a file, 100 bytes a chunk */

/* dataset, version, root, rows, bytes, files, statement, ... of an open object. */
void data_version_json(const DataVersion *v, Str dataset, JsonOut *w);
/* "1.2 GB" */
enum { SIZE_TEXT = 16 };
void size_text(uint64_t bytes, char out[static SIZE_TEXT]);

#endif
