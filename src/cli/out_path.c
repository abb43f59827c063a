/* out_path.c - see out_path.h. */
#include "cli/out_path.h"
#include <limits.h>
#include <sys/stat.h>

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

/* The real path of what is there, or would be: then that of its folder decides.  Empty: no such folder. */
static void real_path(const char *path, char out[static PATH_MAX])
{
    char        folder[PATH_MAX], real[PATH_MAX];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t      n = slash ? (size_t)(name - path) : 0;
    if (realpath(path, out) != NULL)
        return;
    *out = '\0';
    if (n >= sizeof folder)
        return;
    memcpy(folder, path, n), folder[n] = '\0';
    if (realpath(n ? folder : ".", real) == NULL || strlen(real) + strlen(name) + 2 > PATH_MAX)
        return;
    size_t m = strlen(real);
    memcpy(out, real, m), out[m] = '/', memcpy(out + m + 1, name, strlen(name) + 1);
}

/* `dir` itself, or below it. */
static bool within(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    return n > 1 && strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool outside_datasets(const Pipeline *p, const char *out, Err *e)
{
    char real[PATH_MAX], home[PATH_MAX];
    real_path(out, real);
    for (size_t i = 0; i < p->dataset_count; i++) {
        const Dataset *d = &p->datasets[i];
        const char    *path = pipeline_path(p, d->path);
        if (path == NULL)
            return err_nomem(e);
        real_path(path, home);
        if (!same_file(out, path) && !within(real, home))
            continue;
        err_set(e, E_USAGE, "%s: lies in dataset '%.*s' of moat.yaml", out, STR(d->part.name));
        return err_hint(e, "write it elsewhere");
    }
    return true;
}

bool out_free(const OutPath *q, const char *out, Err *e)
{
    if (out == NULL)
        return true;
    for (size_t i = 0; i < q->ins; i++)
        if (q->in[i] != NULL && same_file(out, q->in[i])) {
            err_set(e, E_USAGE, "%s: is read here; writing it would destroy it", out);
            return err_hint(e, "write it elsewhere");
        }
    return q->declared || q->pipeline == NULL || outside_datasets(q->pipeline, out, e);
}
