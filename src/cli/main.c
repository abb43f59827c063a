/* main.c - finds the command in the nouns' tables, reads its options, runs it. */
#include "cli/cli.h"

static const Noun *const nouns[] = {
    &noun_init,
    &noun_map,
    &noun_check,
    &noun_up,
    &noun_report,
    &noun_help,
    &noun_key,
    &noun_model,
    &noun_data,
    &noun_privacy,
    &noun_gate,
    &noun_watch,
    &noun_ledger,
};

static const Opt common_opts[] = {
    { "help", 'h', OPT_FLAG, NULL, NULL, "show this help" },
    { "json", 'j', OPT_FLAG, &common.json, NULL, "print one JSON object instead of text" },
    { "config", 'c', OPT_TEXT, &common.config, "FILE", "the pipeline; default: moat.yaml here or above" },
    { "fail-on", 0, OPT_TEXT, &common.fail_on, "SEVERITY", "exit 1 from this severity on: info low medium high critical" },
};

enum { OPTS_MAX = 32 };

void cli_help(FILE *f)
{
    fputs("moat secures an AI system from its training data to its deployed endpoint.\n\n"
          "usage: moat COMMAND [VERB] [OPTIONS] [ARGS]\n\n", f);
    for (size_t i = 0; i < len_of(nouns); i++)
        fprintf(f, "  %-10s %s\n", nouns[i]->name, nouns[i]->help);
    fputs("\n`moat COMMAND --help` explains one command.\n", f);
}

static void help_noun(FILE *f, const Noun *n)
{
    fprintf(f, "%s\n\n", n->help);
    for (size_t i = 0; i < n->cmd_count; i++) {
        const char *verb = n->cmds[i].verb;
        const char *args = n->cmds[i].args ? n->cmds[i].args : "";
        fprintf(f, "  moat %s%s%s%s%s\n      %s\n", n->name, verb ? " " : "", verb ? verb : "", *args ? " " : "", args, n->cmds[i].help);
    }
    fprintf(f, "\n`moat %s VERB --help` explains one verb.\n", n->name);
}

static void help_cmd(const Noun *n, const Cmd *c, const Opt *opts, size_t count)
{
    const char *args = c->args ? c->args : "";
    printf("usage: moat %s%s%s [OPTIONS]%s%s\n\n%s\n\n", n->name, c->verb ? " " : "", c->verb ? c->verb : "", *args ? " " : "", args, c->help);
    if (c->more != NULL)
        printf("%s\n\n", c->more);
    opt_help(stdout, opts, count);
}

static int unknown(const char *what, const char *word, const char *const *names, size_t n, const char *prefix)
{
    Err         e = { 0 };
    const char *guess = nearest_word(str(word), names, n);
    err_set(&e, E_USAGE, "'%s' is not a %s", word, what);
    if (guess)
        err_hint(&e, "did you mean '%s%s'?", prefix, guess);
    else
        err_hint(&e, "%s--help", *prefix ? prefix : "moat ");
    return die(&e);
}

static int run(const Noun *n, const Cmd *c, int argc, char **argv)
{
    Err      e = { 0 };
    bool     want_help = false;
    Opt      opts[OPTS_MAX];
    Severity s;
    size_t   count = len_of(common_opts);
    assert(c->opt_count + count <= OPTS_MAX);
    memcpy(opts, common_opts, sizeof common_opts);
    opts[0].to = &want_help;
    if (c->opt_count)
        memcpy(opts + count, c->opts, c->opt_count * sizeof *opts);
    count += c->opt_count;
    if (!opt_parse(opts, count, &argc, argv, &e)) {
        if (!*e.hint)
            err_hint(&e, "moat %s%s%s --help", n->name, c->verb ? " " : "", c->verb ? c->verb : "");
        return die(&e);
    }
    if (want_help)
        return help_cmd(n, c, opts, count), EXIT_CLEAN;
    if (common.fail_on != NULL && !severity_parse(str(common.fail_on), &s))
        return usage("--fail-on wants info, low, medium, high or critical, not '%s'", common.fail_on);
    return c->run(argc, argv);
}

static bool is_help(const char *a) { return strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0; }

static int run_noun(const Noun *n, int argc, char **argv)
{
    const char *names[OPTS_MAX], *verb = argc > 0 ? argv[0] : "";
    char        prefix[64];
    if (n->cmd_count == 1 && n->cmds[0].verb == NULL)
        return run(n, &n->cmds[0], argc, argv);
    bool bare = n->cmds[0].verb == NULL;               /* a form without a verb stands first: moat report */
    if ((argc == 0 && !bare) || is_help(verb))
        return help_noun(argc ? stdout : stderr, n), argc ? EXIT_CLEAN : EXIT_USAGE;
    for (size_t i = 0; i < n->cmd_count; i++) {
        names[i] = n->cmds[i].verb ? n->cmds[i].verb : "";
        if (strcmp(verb, names[i]) == 0)
            return run(n, &n->cmds[i], argc - 1, argv + 1);
    }
    if (bare)
        return run(n, &n->cmds[0], argc, argv);
    snprintf(prefix, sizeof prefix, "moat %s ", n->name);
    return unknown("verb of this command", verb, names, n->cmd_count, prefix);
}

int main(int argc, char **argv)
{
    const char *names[len_of(nouns)];
    if (argc < 2 || is_help(argv[1]))
        return cli_help(argc < 2 ? stderr : stdout), argc < 2 ? EXIT_USAGE : EXIT_CLEAN;
    if (strcmp(argv[1], "--version") == 0)
        return puts("moat " MOAT_VERSION) < 0;
    for (size_t i = 0; i < len_of(nouns); i++) {
        names[i] = nouns[i]->name;
        if (strcmp(argv[1], names[i]) == 0)
            return run_noun(nouns[i], argc - 2, argv + 2);
    }
    return unknown("moat command", argv[1], names, len_of(nouns), "moat ");
}
