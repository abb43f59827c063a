/* cli.c - see cli.h. */
#include "cli/cli.h"
#include <unistd.h>

Common common;

bool colour_on(FILE *f)
{
    const char *no = getenv("NO_COLOR");
    return isatty(fileno(f)) && !(no && *no);
}

/* Messages and hints name other people's files. */
static void put_clean(const char *text)
{
    defer_buf Buf b = { 0 };
    buf_clean(&b, str(text));
    if (b.n > 0)
        fwrite(b.p, 1, b.n, stderr);
}

int die(const Err *e)
{
    bool c = colour_on(stderr);
    fflush(stdout);
    fprintf(stderr, "moat: %serror:%s ", c ? "\033[31m" : "", c ? "\033[0m" : "");
    put_clean(e->message);
    if (e->line != 0)
        fprintf(stderr, " (line %" PRIu64 ")", e->line);
    else if (e->at != 0)
        fprintf(stderr, " (byte %" PRIu64 ")", e->at - 1);
    fputc('\n', stderr);
    if (*e->hint) {
        fputs("moat: hint: ", stderr);
        put_clean(e->hint);
        fputc('\n', stderr);
    }
    return e->code == E_USAGE ? EXIT_USAGE : EXIT_BROKEN;
}

int usage(const char *fmt, ...)
{
    va_list ap;
    fputs("moat: error: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return EXIT_USAGE;
}

int exit_of(const Findings *l, Severity fallback, bool unjudged)
{
    Severity limit = fallback;
    if (common.fail_on != NULL)
        severity_parse(str(common.fail_on), &limit);   /* main.c has checked the word */
    if (findings_at_or_above(l, limit) > 0)
        return EXIT_FINDINGS;
    return unjudged ? EXIT_BROKEN : EXIT_CLEAN;
}

void json_begin(JsonOut *w, const char *schema, const Findings *l)
{
    json_open(w, '{');
    json_key(w, "schema");
    json_put_z(w, schema);
    findings_json(l, w);
}

bool json_finish(JsonOut *w)
{
    json_close(w, '}');
    buf_byte(w->b, '\n');
    Err e = { 0 };
    if (w->b->bad)
        err_nomem(&e);
    else if (fwrite(w->b->p, 1, w->b->n, stdout) != w->b->n || fflush(stdout) != 0)
        err_set(&e, E_IO, "standard output: %m");
    else
        return true;
    return die(&e), false;
}

Str actor_text(char out[static 32])
{
    int n = snprintf(out, 32, "uid:%u", (unsigned)getuid());
    return (Str){ out, (size_t)n };
}

Pipeline *cli_pipeline(Arena *a, Err *e) { return pipeline_find(a, common.config, e); }

Ledger *cli_ledger(const Pipeline *p, Err *e)
{
    return pipeline_state_make(p, e) ? ledger_open(pipeline_state(p, "ledger.db"), e) : NULL;
}

bool cli_pipeline_if_any(Arena *a, Pipeline **p, Err *e)
{
    *p = cli_pipeline(a, e);
    if (*p != NULL)
        return true;
    if (common.config != NULL || strcmp(e->hint, "moat init") != 0)
        return false;
    *e = (Err){ 0 };
    return true;
}

char *cli_key_path(Arena *a, const char *given, Err *e)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char       *path = NULL;
    if (given != NULL)
        path = arena_printf(a, "%s", given);
    else if (config != NULL && config[0] == '/')       /* the XDG specification ignores relative ones */
        path = arena_printf(a, "%s/moat/key", config);
    else if (home != NULL && home[0] == '/')
        path = arena_printf(a, "%s/.config/moat/key", home);
    else
        return err_set(e, E_USAGE, "neither HOME nor a key is given"), NULL;
    if (path == NULL)
        err_nomem(e);
    return path;
}
