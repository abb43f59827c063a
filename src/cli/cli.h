/* cli.h - what the nouns share: the command table, exit codes, and the one way to speak. */
#ifndef CLI_H
#define CLI_H
#include "cli/opt.h"
#include "finding/finding.h"
#include "ledger/ledger.h"
#include "pipeline/pipeline.h"

/* Exit codes are part of the interface: design.md, "Commands". */
enum { EXIT_CLEAN = 0, EXIT_FINDINGS = 1, EXIT_USAGE = 2, EXIT_BROKEN = 3 };

typedef struct Cmd {
    const char *verb;                                  /* "commit"; NULL: the noun itself (moat check) */
    const char *args;                                  /* "DATASET [FILE...]"                          */
    const char *help;                                  /* one line                                     */
    const char *more;                                  /* a paragraph and examples, may be NULL        */
    const Opt  *opts;
    size_t      opt_count;
    int (*run)(int argc, char **argv);                 /* positionals only; returns the exit code      */
} Cmd;

typedef struct Noun {
    const char *name;                                  /* "data" */
    const char *help;                                  /* one line */
    const Cmd  *cmds;
    size_t      cmd_count;
} Noun;

/* One per file of cli/; the list is in main.c. */
extern const Noun noun_init, noun_map, noun_check, noun_up, noun_report, noun_help, noun_key, noun_model, noun_data, noun_privacy,
    noun_gate, noun_watch, noun_ledger;

/* Options every command has; filled before run() is called. */
typedef struct Common {
    bool        json;                                  /* --json       one object on stdout */
    const char *config;                                /* --config FILE: moat.yaml to use; NULL: find it */
    const char *fail_on;                               /* --fail-on SEVERITY */
} Common;
extern Common common;

void cli_help(FILE *f);                                /* all commands, one line each */
bool colour_on(FILE *f);                               /* a terminal, and NO_COLOR is not set */
/* Prints "moat: error: ..." with place and hint; returns the exit code: 2 for E_USAGE, else 3. */
int die(const Err *e);
/* A usage error with a hint of the command's own form. */
int usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The exit code of a list of findings under --fail-on (`fallback` when it was not given); `unjudged` anything that
 * could not be judged. */
int exit_of(const Findings *l, Severity fallback, bool unjudged);
/* Starts {"schema": SCHEMA, findings, counts} on a writer; the caller adds its fields and closes it. */
void json_begin(JsonOut *w, const char *schema, const Findings *l);
/* Closes the object, prints it and a newline to stdout.  False (and a message) when stdout cannot be written. */
bool json_finish(JsonOut *w);
/* "uid:1000": the actor written into records made by a person's command. */
Str actor_text(char out[static 32]);
/* The pipeline of --config or the nearest moat.yaml, and its ledger. */
Pipeline *cli_pipeline(Arena *a, Err *e);
Ledger   *cli_ledger(const Pipeline *p, Err *e);
/* True without a pipeline (*p NULL) when none was named and no moat.yaml is near; false when there is one and it is broken. */
bool cli_pipeline_if_any(Arena *a, Pipeline **p, Err *e);
/* The signing key: `given`, else $XDG_CONFIG_HOME/moat/key or ~/.config/moat/key.  NULL with *e set. */
char *cli_key_path(Arena *a, const char *given, Err *e);

/* Rules of what only commands judge: key files and the ledger (MOAT-K, MOAT-L). */
extern const Rule   key_rules[], ledger_rules[];
extern const size_t key_rules_len, ledger_rules_len;

#endif
