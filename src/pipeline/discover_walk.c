/* discover_walk.c - lists the regular files below a folder, in one order on every machine. */
#include "pipeline/discover.h"
#include "base/file.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Not entered: version control, environments, caches, builds of tools. */
static const char closed[] = ".git .hg .svn .bzr node_modules bower_components .venv venv virtualenv site-packages __pycache__ .tox .nox "
                             ".mypy_cache .pytest_cache .ruff_cache .ipynb_checkpoints .terraform .moat .gradle .idea .vscode "
                             ".cache .eggs vendor third_party";
static const char test_folders[] = "test tests testing testdata test_data test-data fixtures fixture __tests__ __mocks__ mocks e2e docs "
                                   "doc documentation";

typedef struct Names {
    char **v;
    size_t n, cap;
} Names;

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool add_name(Names *l, const char *name)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        char **v = realloc(l->v, cap * sizeof *v);
        if (v == NULL)
            return false;
        l->v = v, l->cap = cap;
    }
    return (l->v[l->n] = strdup(name)) != NULL && ++l->n;
}

static void free_names(Names *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i]);
    free(l->v);
}

/* Takes fd; the names of the folder, sorted. */
static bool list_folder(int fd, Names *out)
{
    DIR *d = fdopendir(fd);
    if (d == NULL)
        return close(fd), false;
    bool ok = true;
    for (struct dirent *x; ok && (x = readdir(d)) != NULL;)
        if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0)
            ok = add_name(out, x->d_name);
    closedir(d);
    if (out->v != NULL)
        qsort(out->v, out->n, sizeof *out->v, by_bytes);
    return ok;
}

static bool is_test_name(Str name)
{
    static const char *const ends[] = { "_test.py", "_test.go", ".test.js", ".test.ts", ".spec.js", ".spec.ts", ".test.tsx", "Test.java" };
    if (str_is(name, "conftest.py") || (str_starts(name, S("test_")) && str_ends(name, S(".py"))))
        return true;
    for (size_t i = 0; i < len_of(ends); i++)
        if (str_ends(name, str(ends[i])))
            return true;
    return false;
}

/* tests/data/x.csv is a fixture, data/test/x.csv is a split; so is test/ (not tests/) beside train/. */
static bool is_test_folder(Str path, Str name, bool beside_train)
{
    return is_one_of(name, test_folders) && !in_data_folder(path) && !(beside_train && is_one_of(name, "test"));
}

/* Paths that cannot be declared are not walked: not UTF-8, or with control characters. */
static bool is_plain(Str name)
{
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < ' ' || name.p[i] == 127)
            return false;
    return str_utf8(name);
}

typedef struct Walker {
    Scan *s;
    Err  *e;
} Walker;

static bool enter(Walker *w, int fd, Str path, bool test, int depth);

static bool add_file(Walker *w, Str path, Str name, uint64_t size, bool test)
{
    Scan *s = w->s;
    if (s->file_count == WALK_FILES)
        return err_set(w->e, E_LIMIT, "%s: more than %d files; run it on a part of the folder", s->root, WALK_FILES);
    if (s->file_count == s->file_cap) {
        size_t   cap = s->file_cap ? 2 * s->file_cap : 256;
        FileRow *v = arena_get(s->arena, cap, sizeof *v);
        if (v == NULL)
            return err_nomem(w->e);
        if (s->file_count)
            memcpy(v, s->files, s->file_count * sizeof *v);
        s->files = v, s->file_cap = cap;
    }
    s->files[s->file_count++] = (FileRow){ path, name, size, test || is_test_name(name) };
    return true;
}

static bool visit(Walker *w, int dir, Str parent, const char *entry, bool test, bool beside_train, int depth)
{
    Scan       *s = w->s;
    struct stat st;
    if (!is_plain(str(entry)) || fstatat(dir, entry, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return s->skipped++, true;
    Str path = parent.n ? text_of(s, "%.*s/%s", STR(parent), entry) : text_of(s, "%s", entry), name = path_last(path);
    if (S_ISREG(st.st_mode))
        return add_file(w, path, name, (uint64_t)st.st_size, test);
    if (!S_ISDIR(st.st_mode) || is_one_of(name, closed) || depth >= WALK_DEPTH)
        return s->skipped++, true;
    int fd = openat(dir, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return s->skipped++, note(s, path, 0, "cannot be read"), true;
    if (faccessat(fd, "pyvenv.cfg", F_OK, 0) == 0)     /* a virtual environment by whatever name */
        return close(fd), s->skipped++, true;
    return enter(w, fd, path, test || is_test_folder(path, name, beside_train), depth + 1);
}

/* Takes fd. */
static bool enter(Walker *w, int fd, Str path, bool test, int depth)
{
    Names names = { 0 };
    bool  ok = true, train = false;
    int   dir = dup(fd);
    if (dir < 0 || !list_folder(fd, &names)) {
        free_names(&names);
        return dir < 0 ? close(fd) : close(dir), err_set(w->e, E_IO, "%s/%.*s: %m", w->s->root, STR(path));
    }
    for (size_t i = 0; i < names.n; i++)
        train |= strcasecmp(names.v[i], "train") == 0;
    for (size_t i = 0; ok && i < names.n; i++)
        ok = visit(w, dir, path, names.v[i], test, train, depth);
    close(dir);
    free_names(&names);
    return ok;
}

bool walk_tree(Scan *s, Err *e)
{
    Walker w = { s, e };
    int    fd = open(s->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? err_set(e, E_IO, "%s: %m", s->root) : enter(&w, fd, S(""), false, 0);
}
