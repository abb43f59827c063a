/* schema.c - the key table as a JSON Schema (2020-12), so that editors complete and check moat.yaml as it is typed. */
#include "pipeline/key.h"

static void put_default(JsonOut *w, const KeyRow *row)
{
    Str text = str(row->fallback), item;
    json_key(w, "default");
    switch (row->type) {
    case KEY_LIST:
        json_open(w, '[');
        for (bool more = true; more;) {
            more = str_cut(text, ',', &item, &text);
            json_put_str(w, item);
        }
        json_close(w, ']');
        return;
    case KEY_BOOL: case KEY_UINT: case KEY_INT: case KEY_REAL: json_put_raw(w, text); return;
    default:       json_put_str(w, text);
    }
}

static void put_choices(JsonOut *w, const KeyRow *row)
{
    Str text = str(row->choices), item;
    json_open(w, '[');
    for (bool more = true; more;) {
        more = str_cut(text, '|', &item, &text);
        json_put_str(w, item);
    }
    json_close(w, ']');
}

/* {"$ref": "#/$defs/NAME"} */
static void put_ref(JsonOut *w, const char *name)
{
    char ref[128];
    snprintf(ref, sizeof ref, "#/$defs/%s", name);
    json_open(w, '{');
    json_key(w, "$ref");
    json_put_z(w, ref);
    json_close(w, '}');
}

/* What the value must be, as one member of an allOf, so that help and default can stand beside it. */
static void put_type(JsonOut *w, const KeyRow *row)
{
    char group[96];
    row_group(row, group, sizeof group);
    switch (row->type) {
    case KEY_CHOICE:
        json_open(w, '{');
        json_key(w, "enum");
        put_choices(w, row);
        json_close(w, '}');
        return;
    case KEY_LIMITS:
        json_open(w, '{');
        json_key(w, "type");
        json_put_z(w, "array");
        json_key(w, "items");
        put_ref(w, group);
        json_close(w, '}');
        return;
    case KEY_GROUP: put_ref(w, group); return;
    case KEY_PARTS: json_put_raw(w, S("{\"type\":[\"object\",\"null\"]}")); return;
    default:        json_put_raw(w, str(row_kind(row->type)->schema));
    }
}

static bool is_required(const KeyRow *row) { return row->fallback != NULL && *row->fallback == '!'; }

static void put_property(JsonOut *w, const KeyRow *row)
{
    json_key(w, row->key);
    json_open(w, '{');
    json_key(w, "description");
    json_put_z(w, row->help);
    if (row->fallback != NULL && !is_required(row))
        put_default(w, row);
    json_key(w, "allOf");
    json_open(w, '[');
    put_type(w, row);
    json_close(w, ']');
    if (row->type == KEY_PARTS) {
        json_key(w, "patternProperties");
        json_open(w, '{');
        json_key(w, "^[A-Za-z0-9._-]{1,64}$");
        put_ref(w, row->key);
        json_close(w, '}');
        json_key(w, "additionalProperties");
        json_put_bool(w, false);
    }
    json_close(w, '}');
}

static bool has_required(const char *section)
{
    for (size_t i = 0; i < key_table_len; i++)
        if (strcmp(key_table[i].section, section) == 0 && is_required(&key_table[i]))
            return true;
    return false;
}

/* The members of one mapping: its properties, which are required, and that nothing else may stand there. */
static void put_mapping(JsonOut *w, const char *section)
{
    json_key(w, "type");
    if (has_required(section))
        json_put_z(w, "object");
    else
        json_put_raw(w, S("[\"object\",\"null\"]"));   /* "etl:" with nothing behind it */
    json_key(w, "properties");
    json_open(w, '{');
    for (size_t i = 0; i < key_table_len; i++)
        if (strcmp(key_table[i].section, section) == 0)
            put_property(w, &key_table[i]);
    json_close(w, '}');
    json_key(w, "required");
    json_open(w, '[');
    for (size_t i = 0; i < key_table_len; i++)
        if (strcmp(key_table[i].section, section) == 0 && is_required(&key_table[i]))
            json_put_z(w, key_table[i].key);
    json_close(w, ']');
    json_key(w, "additionalProperties");
    json_put_bool(w, false);
}

bool pipeline_schema(Buf *out)
{
    JsonOut w = json_out(out);
    w.pretty = true;
    json_open(&w, '{');
    json_key(&w, "$schema");
    json_put_z(&w, "https://json-schema.org/draft/2020-12/schema");
    json_key(&w, "title");
    json_put_z(&w, "moat.yaml");
    put_mapping(&w, "");
    json_key(&w, "$defs");
    json_open(&w, '{');
    for (size_t i = 0; i < key_table_len; i++) {
        const char *section = key_table[i].section;    /* rows of a section lie together */
        if (*section == '\0' || strcmp(section, key_table[i - 1].section) == 0)
            continue;
        json_key(&w, section);
        json_open(&w, '{');
        put_mapping(&w, section);
        json_close(&w, '}');
    }
    json_close(&w, '}');
    json_close(&w, '}');
    buf_byte(out, '\n');
    return !out->bad;
}
