/* data_cmds.h - the verbs of `moat data`, and what they share.
 *
 * How to add one more: declare the function and its options here, and a row in data.c. */
#ifndef DATA_CMDS_H
#define DATA_CMDS_H
#include "cli/cli.h"
#include "data/data.h"

/* Each in the file of its name: data_commit.c ...; sample and split in data_filter.c, who-uses and revoke in data_uses.c. */
int data_commit_cmd(int argc, char **argv);
int data_verify_cmd(int argc, char **argv);
int data_log_cmd(int argc, char **argv);
int data_restore_cmd(int argc, char **argv);
int data_scan_cmd(int argc, char **argv);
int data_access_cmd(int argc, char **argv);
int data_run_cmd(int argc, char **argv);
int data_import_cmd(int argc, char **argv);
int data_filter_cmd(int argc, char **argv);
int data_sample_cmd(int argc, char **argv);
int data_split_cmd(int argc, char **argv);
int data_trace_cmd(int argc, char **argv);
int data_lineage_cmd(int argc, char **argv);
int data_who_uses_cmd(int argc, char **argv);
int data_revoke_cmd(int argc, char **argv);
int data_prove_cmd(int argc, char **argv);

enum {
    DATA_COMMIT_OPTS = 5,
    DATA_VERIFY_OPTS = 3,
    DATA_LOG_OPTS = 1,
    DATA_RESTORE_OPTS = 6,
    DATA_SCAN_OPTS = 19,
    DATA_ACCESS_OPTS = 3,
    DATA_RUN_OPTS = 9,
    DATA_IMPORT_OPTS = 3,
    DATA_FILTER_OPTS = 3,
    DATA_SAMPLE_OPTS = 5,
    DATA_SPLIT_OPTS = 4,
    DATA_LINEAGE_OPTS = 1,
    DATA_WHO_USES_OPTS = 1,
    DATA_REVOKE_OPTS = 2,
    DATA_PROVE_OPTS = 2,
};
extern const Opt data_commit_opts[DATA_COMMIT_OPTS];
extern const Opt data_verify_opts[DATA_VERIFY_OPTS];
extern const Opt data_log_opts[DATA_LOG_OPTS];
extern const Opt data_restore_opts[DATA_RESTORE_OPTS];
extern const Opt data_scan_opts[DATA_SCAN_OPTS];
extern const Opt data_access_opts[DATA_ACCESS_OPTS];
extern const Opt data_run_opts[DATA_RUN_OPTS];
extern const Opt data_import_opts[DATA_IMPORT_OPTS];
extern const Opt data_filter_opts[DATA_FILTER_OPTS];
extern const Opt data_sample_opts[DATA_SAMPLE_OPTS];
extern const Opt data_split_opts[DATA_SPLIT_OPTS];
extern const Opt data_lineage_opts[DATA_LINEAGE_OPTS];
extern const Opt data_who_uses_opts[DATA_WHO_USES_OPTS];
extern const Opt data_revoke_opts[DATA_REVOKE_OPTS];
extern const Opt data_prove_opts[DATA_PROVE_OPTS];

#define DATA_ARENA ((size_t)16 << 30)                  /* a limit, not a size: about 1 KiB a file, 100 bytes a chunk */

/* dataset, version, root, rows, bytes, files, statement, ... of an open object. */
void data_version_json(const DataVersion *v, Str dataset, JsonOut *w);
/* "1.2 GB" */
enum { SIZE_TEXT = 16 };
void size_text(uint64_t bytes, char out[static SIZE_TEXT]);

#endif
