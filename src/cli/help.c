/* help.c - `moat help`: what the tables say, for people and editors. */
#include "check/check.h"
#include "cli/cli.h"
#include "data/access.h"
#include "gate/rules.h"
#include "model/model.h"
#include "posture/posture.h"
#include "privacy/attack.h"
#include "privacy/events.h"
#include "spool/event.h"
#include "watch/watch.h"

/* Every trade's rules; a new family is a line here. */
static const struct { const Rule *rules; const size_t *n; } families[] = {
    { access_rules, &access_rules_len },
    { attack_rules, &attack_rules_len },
    { check_rules, &check_rules_len },
    { claim_rules, &claim_rules_len },
    { data_rules, &data_rules_len },
    { exposure_rules, &exposure_rules_len },
    { gate_rules, &gate_rules_len },
    { key_rules, &key_rules_len },
    { ledger_rules, &ledger_rules_len },
    { model_rules, &model_rules_len },
    { watch_rules, &watch_rules_len },
};

static int print_buf(Buf *b)
{
    Err e = { 0 };
    if (b->bad)
        err_nomem(&e);
    else if (fwrite(b->p, 1, b->n, stdout) != b->n || fflush(stdout) != 0)
        err_set(&e, E_IO, "standard output: %m");
    else
        return EXIT_CLEAN;
    return die(&e);
}

/* ---- moat help config */

static bool        config_schema;
static const Opt   config_opts[] = { { "schema", 0, OPT_FLAG, &config_schema, NULL, "print the JSON Schema of moat.yaml, for editors" } };

static int help_config(int argc, char **argv)
{
    defer_buf Buf b = { 0 };
    Err           e = { 0 };
    if (argc > 1)
        return usage("one section or key at a time");
    if (config_schema || common.json)
        pipeline_schema(&b);
    else if (!pipeline_help(str(argc ? argv[0] : NULL), &b, &e))
        return die(&e);
    return print_buf(&b);
}

/* ---- moat help rules */

static void rule_line(Buf *b, const Rule *r) { buf_printf(b, "%-10s  %-8s  %s\n", r->id, severity_name(r->severity), r->title); }

static void rule_page(Buf *b, const Rule *r)
{
    buf_printf(b, "%s: %s\n\n%s\n\n    severity  %s\n    fix       %s\n", r->id, r->title, r->why, severity_name(r->severity), r->fix);
    if (*r->refs)
        buf_printf(b, "    see also  %s\n", r->refs);
}

static void rule_json(JsonOut *w, const Rule *r)
{
    const struct { const char *key, *value; } members[] = {
        { "id", r->id }, { "severity", severity_name(r->severity) }, { "title", r->title }, { "why", r->why }, { "fix", r->fix },
        { "refs", r->refs },
    };
    json_open(w, '{');
    for (size_t i = 0; i < len_of(members); i++) {
        json_key(w, members[i].key);
        json_put_z(w, members[i].value);
    }
    json_close(w, '}');
}

/* Writes the rules that match `id` (all when NULL) as text or JSON; returns how many. */
static size_t put_rules(const char *id, Buf *text, JsonOut *json)
{
    size_t hits = 0;
    for (size_t f = 0; f < len_of(families); f++)
        for (size_t i = 0; i < *families[f].n; i++) {
            const Rule *r = &families[f].rules[i];
            if (id != NULL && strcmp(id, r->id) != 0)
                continue;
            hits++;
            if (common.json)
                rule_json(json, r);
            else
                (id ? rule_page : rule_line)(text, r);
        }
    return hits;
}

static int help_rules(int argc, char **argv)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    if (argc > 1)
        return usage("one rule at a time");
    if (common.json) {
        json_open(&w, '{');
        json_key(&w, "schema");
        json_put_z(&w, "moat.help.rules/1");
        json_key(&w, "rules");
        json_open(&w, '[');
    }
    if (put_rules(argc ? argv[0] : NULL, &b, &w) == 0)
        return usage("no rule '%s'; `moat help rules` lists all", argv[0]);
    if (!common.json)
        return print_buf(&b);
    json_close(&w, ']');
    return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
}

/* ---- moat help */

static int help_top(int argc, char **argv)
{
    static const char *const topics[] = { "config", "rules", "controls", "records", "events" };
    if (argc == 0)
        return cli_help(stdout), EXIT_CLEAN;
    if (str_starts(str(argv[0]), S("MOAT-")))          /* an ID as the findings print it */
        return help_rules(argc, argv);
    Err         e = { 0 };
    const char *guess = nearest_word(str(argv[0]), topics, len_of(topics));
    err_set(&e, E_USAGE, "no help on '%s'", argv[0]);
    err_hint(&e, "moat help%s%s", guess ? " " : "", guess ? guess : "");
    return die(&e);
}

/* ---- the tables that are pages of doc/ */

static int help_page(int argc, void (*page)(Buf *out))
{
    defer_buf Buf b = { 0 };
    if (argc > 0)
        return usage("takes no argument");
    page(&b);
    return print_buf(&b);
}

static int help_controls(int argc, char **argv) { return (void)argv, help_page(argc, controls_text); }
static int help_records(int argc, char **argv) { return (void)argv, help_page(argc, ledger_records_text); }
static int help_events(int argc, char **argv) { return (void)argv, help_page(argc, event_text); }

static const Cmd cmds[] = {
    { NULL, "", "list the commands", NULL, NULL, 0, help_top },
    { "config", "[SECTION[.KEY]]", "explain moat.yaml, a section or a key of it",
      "moat help config\nmoat help config endpoints.output\nmoat help config --schema >moat.schema.json", config_opts,
      len_of(config_opts), help_config },
    { "rules", "[ID]", "list what moat looks for, or explain one rule", "moat help rules MOAT-E001", NULL, 0, help_rules },
    { "controls", "", "what `moat check` decides (doc/controls.md)", NULL, NULL, 0, help_controls },
    { "records", "", "what the ledger holds (doc/records.md)", NULL, NULL, 0, help_records },
    { "events", "", "what the gateway writes about a request (doc/events.md)", NULL, NULL, 0, help_events },
};
const Noun noun_help = { "help", "explain commands, moat.yaml and rules", cmds, len_of(cmds) };
