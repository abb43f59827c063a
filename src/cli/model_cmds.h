/* model_cmds.h - the verbs of `moat model`, and what they share: a model named by its part or by its path.
 *
 * How to add one more: declare the function and its options here, and a row in model.c. */
#ifndef MODEL_CMDS_H
#define MODEL_CMDS_H
#include "cli/cli.h"
#include "model/model.h"

int model_sign_cmd(int argc, char **argv);             /* model_sign.c   */
int model_verify_cmd(int argc, char **argv);           /* model_verify.c */
int model_scan_cmd(int argc, char **argv);               /* model_scan.c   */
int model_serve_cmd(int argc, char **argv);            /* model_serve.c  */
int model_seal_cmd(int argc, char **argv);             /* model_seal.c   */
int model_open_cmd(int argc, char **argv);
extern const Opt model_seal_opts[6], model_open_opts[6], model_scan_opts[3];
extern const Opt model_sign_opts[7], model_verify_opts[5], model_serve_opts[8];

typedef struct ModelTarget {
    Pipeline    *p;                                    /* NULL: no moat.yaml here or above     */
    const Model *m;                                    /* NULL: no part of it                  */
    ModelCheck   c;                                    /* what moat.yaml says, else the path alone */
} ModelTarget;

enum { MODEL_ARENA = 1 << 30 };                        /* a folder of 300 000 files fits */

/* The model called `arg` in moat.yaml, else the one whose path it is, else just the path. */
bool model_target(Arena *a, const char *arg, ModelTarget *out, Err *e);
/* Options over what moat.yaml says (NULL: not given); E_USAGE when then nobody says who must have signed. */
bool model_proof(ModelTarget *t, const char *signature, const char *key, const char *sha256, Err *e);
/* Appends to the pipeline's ledger; nothing to do without one. */
bool model_note(const ModelTarget *t, RecordKind kind, const ModelVerdict *v, Str serve, Err *e);
/* digest, signer, files ... of an open object. */
void model_verdict_json(const ModelVerdict *v, JsonOut *w);

#endif
