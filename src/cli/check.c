/* check.c - `moat check` and `moat report`: the posture of a pipeline, and the exit code that CI believes. */
#include "check/check.h"
#include "cli/cli.h"
#include "base/file.h"
#include "report/report.h"

enum { ARENA = 1 << 30 };

static bool record_flag;

typedef struct Run {
    Arena    *arena;
    Pool     *pool;
    Pipeline *pipeline;
    Ledger   *ledger;
    Posture   posture;
} Run;

static void run_drop(Run *r)
{
    ledger_close(r->ledger);
    pool_free(r->pool);
    arena_free(r->arena);
}

/* Only reads: without a ledger there is none, and none is made. */
static bool run_begin(Run *r, int argc, Err *e)
{
    if (argc > 0)
        return err_set(e, E_USAGE, "takes no arguments"), err_hint(e, "moat check --config FILE");
    r->arena = arena_new(ARENA);
    r->pool = pool_new(0);
    if (r->arena == NULL || r->pool == NULL)
        return err_nomem(e);
    r->pipeline = cli_pipeline(r->arena, e);
    if (r->pipeline == NULL)
        return false;
    const char *db = pipeline_state(r->pipeline, "ledger.db");
    if (file_exists(db) && (r->ledger = ledger_open_read(db, e)) == NULL)
        return false;
    CheckJob job = { r->pipeline, r->ledger, clock_system(), r->pool };
    return check_run(r->arena, &job, &r->posture, e);
}

/* Evidence for later: what this run found, in the ledger.  The reader's handle is closed first; writing wants its own. */
static bool record(Run *r, Err *e)
{
    char          who[32];
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_open(&w, '{');
    json_key(&w, "score"), json_put_f64(&w, r->posture.score);
    json_key(&w, "coverage"), json_put_f64(&w, r->posture.coverage);
    json_key(&w, "findings"), json_put_u64(&w, findings_count(r->posture.findings));
    json_close(&w, '}');
    if (b.bad)
        return err_nomem(e);
    ledger_close(r->ledger);
    r->ledger = cli_ledger(r->pipeline, e);
    return r->ledger != NULL && ledger_append(r->ledger, clock_system(), RECORD_CHECK, actor_text(who), NULL, buf_view(&b), NULL, e);
}

static int cmd_check(int argc, char **argv)
{
    __attribute__((cleanup(run_drop))) Run r = { 0 };
    Err e = { 0 };
    (void)argv;
    if (!run_begin(&r, argc, &e) || (record_flag && !record(&r, &e)))
        return die(&e);
    if (common.json) {
        defer_buf Buf b = { 0 };
        JsonOut       w = json_out(&b);
        json_begin(&w, "moat.check/1", r.posture.findings);
        check_json(&r.posture, &w);
        if (!json_finish(&w))
            return EXIT_BROKEN;
    } else {
        check_text(&r.posture, stdout, colour_on(stdout));
    }
    return exit_of(r.posture.findings, SEV_HIGH, r.posture.unjudged);
}

static int cmd_report(int argc, char **argv)
{
    __attribute__((cleanup(run_drop))) Run r = { 0 };
    Err e = { 0 };
    (void)argv;
    if (!run_begin(&r, argc, &e))
        return die(&e);
    if (common.json) {
        defer_buf Buf b = { 0 };
        JsonOut       w = json_out(&b);
        json_begin(&w, "moat.report/1", r.posture.findings);
        if (!report_json(r.pipeline, r.ledger, &r.posture, &w, &e))
            return die(&e);
        return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
    }
    return report_text(r.pipeline, r.ledger, &r.posture, stdout, colour_on(stdout), &e) ? EXIT_CLEAN : die(&e);
}

static const Opt check_opts[] = {
    { "record", 0, OPT_FLAG, &record_flag, NULL, "append the result to the ledger" },
};
static const Cmd check_cmds[] = {
    { NULL, "", "run every check over the pipeline; exit 1 on findings",
      "Reads moat.yaml, the data, the models and the ledger; without --record it changes nothing.", check_opts, len_of(check_opts),
      cmd_check },
};
const Noun noun_check = { "check", "run every check; the exit code is for CI", check_cmds, len_of(check_cmds) };

static const Cmd report_cmds[] = {
    { NULL, "", "the pipeline, its evidence and its posture as one report", "Exits 0 whatever it finds; `moat check` is the gate.", NULL, 0,
      cmd_report },
};
const Noun noun_report = { "report", "what an auditor reads: parts, evidence, posture", report_cmds, len_of(report_cmds) };
