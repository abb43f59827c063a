/* Any bytes as one of the files that discovery reads: whatever it finds, every part has its evidence inside the file, no
 * address keeps a password, and the moat.yaml that is written loads.  The first byte chooses the file's name. */
#include "pipeline/discover.h"
#include <sys/mman.h>
#include <unistd.h>

static const char *const names[] = { "a.py", "a.ipynb", "a.js", "a.go", "a.sh", "a.yaml", "docker-compose.yml", "a.json", "main.tf",
                                     "nginx.conf", "a.sql", "dvc.yaml", ".env", "a.ini", "weights", "data/x.csv", "m/x.onnx", "x.pkl" };

static Candidate *plant(Scan *s, const char *section, const char *path)
{
    Candidate *c = arena_get(s->arena, 1, sizeof *c);
    assert(c != NULL);
    *c = (Candidate){ .section = section, .path = str(path), .why = S("planted"), .size = 1 };
    assert(list_add(s, &s->candidates, c));
    return c;
}

static void check_found(const Discovery *d, uint64_t last)
{
    for (size_t i = 0; i < d->n; i++) {
        const Found *f = &d->v[i];
        Str          scheme, rest;
        assert(f->name.n > 0 && f->why.n > 0 && f->line <= last);
        assert(f->path.n + f->uri.n + f->route.n > 0);
        const char *sep = memmem(f->uri.p ? f->uri.p : "", f->uri.n, "://", 3);
        if (sep == NULL || str_is(f->kind, "s3"))
            continue;
        str_cut(str_from(f->uri, (size_t)(sep - f->uri.p) + 3), '/', &scheme, &rest);
        assert(memchr(scheme.p, '@', scheme.n) == NULL);
        for (size_t k = i + 1; k < d->n; k++)
            assert(strcmp(f->section, d->v[k].section) != 0 || !str_eq(f->name, d->v[k].name));
    }
}

static void check_loads(const Discovery *d)
{
    Err                e = { 0 };
    char               path[64];
    defer_buf Buf      b = { 0 };
    defer_arena Arena *a = arena_new(256 << 20);
    int                fd = memfd_create("moat.yaml", MFD_CLOEXEC);
    assert(pipeline_write(d, S("fuzz"), &b) && fd >= 0 && write(fd, b.p, b.n) == (ssize_t)b.n);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const Pipeline *p = pipeline_load(a, path, &e);
    close(fd);
    if (p == NULL)
        fprintf(stderr, "%s (line %" PRIu64 ")\n%.*s\n", e.message, e.line, (int)b.n, b.p);
    assert(p != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    defer_arena Arena *a = arena_new(256 << 20), *scratch = arena_new(256 << 20);
    Scan               s;
    Discovery          d = { 0 };
    if (n < 1 || n > 1 << 16 || memchr(data + 1, '\0', n - 1) != NULL || !scan_begin(&s, a, "."))
        return 0;
    const char *name = names[data[0] % len_of(names)];
    Str         text = arena_str(scratch, (Str){ (const char *)data + 1, n - 1 });
    FileRow     file = { str(name), path_last(str(name)), text.n, false };
    s.files = &file, s.file_count = 1;
    plant(&s, "datasets", "data/train.csv");
    plant(&s, "models", "models/m.onnx");
    judge_file(&s, &file, text);
    fold_folders(&s);
    terraform_names(&s, &file, text);
    read_text(&s, 0, scratch, text);
    link_parts(&s);
    name_parts(&s, &d);
    if (s.bad)
        return 0;
    uint64_t last = 1;
    for (size_t i = 0; i < text.n; i++)
        last += text.p[i] == '\n' || text.p[i] == '\r';
    check_found(&d, last + 1);
    check_loads(&d);
    return 0;
}
