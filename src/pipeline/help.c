/* help.c - the key table for people: `moat help config`, and doc/config.md, which is its output. */
#include "pipeline/key.h"

static void put_choices(Buf *b, const KeyRow *row)
{
    if (row->choices == NULL)
        return;
    Str one, rest = str(row->choices + (*row->choices == '>'));
    buf_z(b, row->type == KEY_CHOICE ? "; one of" : "; names of");
    for (bool more = true; more;) {
        more = str_cut(rest, '|', &one, &rest);
        buf_printf(b, " `%.*s`%s", STR(one), more ? "," : "");
    }
}

static void put_row(Buf *b, const KeyRow *row)
{
    bool required = row->fallback && *row->fallback == '!';
    buf_printf(b, "| `%s` | %s | ", row->key, row_kind(row->type)->name);
    if (required)
        buf_z(b, "required");
    else if (row->fallback != NULL)
        buf_printf(b, "`%s`", row->fallback);
    buf_printf(b, " | %s", row->help);
    put_choices(b, row);
    buf_printf(b, " | %s |\n", row->trade);
}

static void put_rows(Buf *b, const char *section)
{
    buf_z(b, "| key | type | default | what | read by |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < key_table_len; i++)
        if (strcmp(key_table[i].section, section) == 0)
            put_row(b, &key_table[i]);
}

/* A section and the groups below it. */
static void put_section(Buf *b, const char *section)
{
    const Section *s = section_find(str(section));
    buf_printf(b, "%s## %s\n\n", b->n ? "\n" : "", *section ? section : "The top level");
    if (s != NULL)
        buf_printf(b, "%s\n\n", s->help);
    put_rows(b, section);
    for (size_t i = 0; i < key_table_len; i++) {
        const KeyRow *row = &key_table[i];
        char          group[96];
        row_group(row, group, sizeof group);
        if (strcmp(row->section, section) != 0 || *section == '\0' || (row->type != KEY_GROUP && row->type != KEY_LIMITS))
            continue;
        buf_printf(b, "\n### %s\n\n", group);
        put_rows(b, group);
    }
}

static void put_key(Buf *b, const KeyRow *row)
{
    char group[96];
    row_group(row, group, sizeof group);
    buf_printf(b, "%s: %s\n\n", group, row->help);
    buf_printf(b, "    takes     %s\n", row_kind(row->type)->wants);
    if (row->choices != NULL)
        buf_printf(b, "    %s %s\n", row->type == KEY_CHOICE ? "one of   " : "parts of ", row->choices + (*row->choices == '>'));
    if (row->fallback != NULL)
        buf_printf(b, "    default   %s\n", *row->fallback == '!' ? "none, it is required" : row->fallback);
    buf_printf(b, "    read by   %s\n", row->trade);
}

static void put_all(Buf *b)
{
    buf_z(b, "# moat.yaml\n\n"
             "The parts of an AI system and how they feed each other. Sections map names (1 to 64 of `A-Z a-z 0-9 . _ -`) to parts;\n"
             "a part is called `models.scorer` everywhere else. Paths start at the folder of the file. A reference is the name of a\n"
             "part, or its full name where two sections could be meant. The file may be JSON instead. Editors that know JSON Schema\n"
             "read `doc/moat.schema.json` (`moat help config --schema`).\n\n"
             "    moat: 1\n"
             "    sources:   { lake:   { uri: \"s3://lake/train/\", trusted: true } }\n"
             "    datasets:  { train:  { path: data/train.csv, labels: churned, from: [lake], golden: true } }\n"
             "    models:    { scorer: { path: model/scorer.safetensors, from: [train], signer: keys/ml-team.pub } }\n"
             "    endpoints: { score:  { route: /v1/score, model: scorer, upstream: \"http://127.0.0.1:8501\",\n"
             "                           limits: [{ per: key, rate: 10r/s, burst: 20 }], output: { top_k: 1, round: 3 } } }\n");
    put_section(b, "");
    for (size_t i = 0; i < key_table_len; i++)
        if (strchr(key_table[i].section, '.') == NULL && *key_table[i].section &&
            strcmp(key_table[i].section, key_table[i - 1].section) != 0)
            put_section(b, key_table[i].section);
}

static bool unknown_topic(Str topic, Err *e)
{
    const char *words[256];
    size_t      n = 0;
    for (size_t i = 0; i < key_table_len && n < len_of(words); i++)
        words[n++] = *key_table[i].section && (i == 0 || strcmp(key_table[i].section, key_table[i - 1].section) != 0)
                         ? key_table[i].section : key_table[i].key;
    Str head, rest;
    str_cut(topic, '.', &head, &rest);
    const char *guess = nearest_word(head, words, n);
    err_set(e, E_USAGE, "moat.yaml has no section or key '%.*s'", STR(topic));
    return guess ? err_hint(e, "moat help config %s", guess) : err_hint(e, "moat help config");
}

bool pipeline_help(Str topic, Buf *out, Err *e)
{
    char        section[96];
    const char *dot = memrchr(topic.p, '.', topic.n);
    size_t      at = dot ? (size_t)(dot - topic.p) : 0;
    snprintf(section, sizeof section, "%.*s", (int)at, topic.p);
    const KeyRow *row = topic.n ? row_find(section, dot ? str_from(topic, at + 1) : topic) : NULL;
    snprintf(section, sizeof section, "%.*s", STR(topic));
    bool is_section = false;
    for (size_t i = 0; i < key_table_len; i++)
        is_section |= topic.n > 0 && strcmp(key_table[i].section, section) == 0;
    if (topic.n == 0)
        put_all(out);
    else if (is_section)
        put_section(out, section);
    else if (row != NULL)
        put_key(out, row);
    else
        return unknown_topic(topic, e);
    return !out->bad || err_nomem(e);
}
