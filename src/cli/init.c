/* init.c - `moat init`: looks at what is there and writes the first moat.yaml, never over one that exists. */
#include "cli/cli.h"
#include "base/file.h"
#include <limits.h>

static const char *name, *out_path;
static bool        dry_run;
static const Opt   opts[] = {
    { "name", 'n', OPT_TEXT, &name, "NAME", "what the system is called; default: the folder's name" },
    { "out", 'o', OPT_TEXT, &out_path, "FILE", "where to write; default: DIR/moat.yaml" },
    { "dry-run", 0, OPT_FLAG, &dry_run, NULL, "print the file instead of writing it" },
};

enum { ARENA_MAX = 1 << 30 };

static void put_found(JsonOut *w, const Found *f)
{
    const struct { const char *key; Str value; } members[] = {
        { "name", f->name }, { "kind", f->kind }, { "path", f->path }, { "uri", f->uri }, { "route", f->route },
        { "upstream", f->upstream }, { "model", f->model }, { "resource", f->resource }, { "file", f->file }, { "why", f->why },
    };
    json_open(w, '{');
    json_key(w, "section");
    json_put_z(w, f->section);
    for (size_t i = 0; i < len_of(members); i++) {
        if (members[i].value.n == 0)
            continue;
        json_key(w, members[i].key);
        json_put_str(w, members[i].value);
    }
    json_key(w, "line");
    json_put_u64(w, f->line);
    json_key(w, "from");
    json_open(w, '[');
    for (size_t i = 0; i < f->from.n; i++)
        json_put_str(w, f->from.v[i]);
    json_close(w, ']');
    json_close(w, '}');
}

static int print_json(const Discovery *d, const char *written, Arena *a)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_begin(&w, "moat.init/1", findings_new(a));
    json_key(&w, "written");
    json_put_z(&w, written);
    json_key(&w, "files_read");
    json_put_u64(&w, d->files_read);
    json_key(&w, "files_skipped");
    json_put_u64(&w, d->files_skipped);
    json_key(&w, "found");
    json_open(&w, '[');
    for (size_t i = 0; i < d->n; i++)
        put_found(&w, &d->v[i]);
    json_close(&w, ']');
    json_key(&w, "left_out");
    json_open(&w, '[');
    for (size_t i = 0; i < d->notes.n; i++)
        json_put_str(&w, d->notes.v[i]);
    json_close(&w, ']');
    return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
}

static void print_text(const Discovery *d, const char *written)
{
    defer_buf Buf shown = { 0 };
    const char   *section = "";
    for (size_t i = 0; i < d->n; i++) {
        const Found *f = &d->v[i];
        Str          what = f->route.n ? f->route : f->path.n ? f->path : f->uri;
        if (strcmp(section, f->section) != 0)
            printf("%s%s\n", *section ? "\n" : "", f->section);
        section = f->section;
        shown.n = 0;
        buf_clean(&shown, what);
        printf("  %-24.*s %.*s%s%.*s\n", STR(f->name), STR(buf_view(&shown)), f->resource.n ? "  " : "", STR(f->resource));
    }
    printf("%s%zu parts, %zu files read, %zu left out; wrote %s\n", d->n ? "\n" : "", d->n, d->files_read, d->notes.n, written);
    puts("next: moat map");
}

/* "churn" for a folder /home/ann/churn. */
static Str folder_name(Arena *a, const char *dir)
{
    char full[PATH_MAX];
    if (realpath(dir, full) == NULL)
        return S("pipeline");
    const char *slash = strrchr(full, '/');
    Str         last = arena_str(a, str(slash ? slash + 1 : full));
    return last.n ? last : S("pipeline");
}

static bool already_there(const char *path, Err *e)
{
    if (!file_exists(path))
        return false;
    err_set(e, E_DENIED, "%s: already exists; it is left as it is", path);
    err_hint(e, "moat init --dry-run   (or --out FILE), then compare the two");
    return true;
}

/* Says what was done, or prints the file of a dry run. */
static int report(const Discovery *d, const Buf *file, const char *path, Arena *a)
{
    if (common.json)
        return print_json(d, dry_run ? NULL : path, a);
    if (dry_run)
        return fwrite(file->p, 1, file->n, stdout) == file->n ? EXIT_CLEAN : EXIT_BROKEN;
    print_text(d, path);
    return EXIT_CLEAN;
}

static int init(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(ARENA_MAX);
    defer_buf Buf      b = { 0 };
    Err                e = { 0 };
    Discovery          d;
    const char        *dir = argc > 0 ? argv[0] : ".";
    if (argc > 1)
        return usage("one folder at a time");
    if (name != NULL && *name == '\0')
        return usage("--name must not be empty");
    const char *path = out_path ? out_path : path_join(a, dir, S("moat.yaml"));
    if (!dry_run && already_there(path, &e))
        return die(&e);
    if (!pipeline_discover(a, dir, &d, &e))
        return die(&e);
    if (!pipeline_write(&d, name ? str(name) : folder_name(a, dir), &b))
        return err_nomem(&e), die(&e);
    if (!dry_run && !file_create(path, buf_view(&b), 0644, &e))
        return die(&e);
    return report(&d, &b, path, a);
}

static const Cmd cmds[] = {
    { NULL, "[DIR]", "look for models, data, addresses, endpoints and infrastructure below DIR and write moat.yaml",
      "Reads files below DIR and changes nothing but the new file; an existing one is never touched.  Every part it\n"
      "writes carries its evidence as a comment.\n\n"
      "moat init\nmoat init services/churn --name churn\nmoat init --dry-run", opts, len_of(opts), init },
};
const Noun noun_init = { "init", "write moat.yaml from what is found in a folder", cmds, len_of(cmds) };
