/* main.c - runs the tests that registered themselves, sorted by name, as one cmocka group. */
#include "../test.h"
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

Test *test_list;

const char *test_vectors(const char *name)
{
    static char path[1024];
    const char *root = getenv("MOAT_VECTORS");
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", root ? root : "", name);
    if (root != NULL && stat(path, &st) == 0)
        return path;
    print_message("skipped: needs $MOAT_VECTORS/%s\n", name);
    return NULL;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static char  dirs[512][40];
static size_t dir_count;

static void remove_dirs(void)
{
    for (size_t i = 0; i < dir_count; i++)
        nftw(dirs[i], remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_dir(void)
{
    if (dir_count == 0)
        atexit(remove_dirs);
    assert_true(dir_count < sizeof dirs / sizeof *dirs);
    char *dir = dirs[dir_count++];
    snprintf(dir, sizeof dirs[0], "/tmp/moat-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct CMUnitTest *)a)->name, ((const struct CMUnitTest *)b)->name);
}

int main(int argc, char **argv)
{
    const char *want = argc > 1 ? argv[1] : "";
    size_t      n = 0, all = 0;
    for (Test *t = test_list; t != NULL; t = t->next)
        all++;
    struct CMUnitTest *tests = calloc(all + 1, sizeof *tests);
    assert_non_null(tests);
    for (Test *t = test_list; t != NULL; t = t->next)
        if (strncmp(t->group, want, strlen(want)) == 0)
            tests[n++] = (struct CMUnitTest){ t->name, t->run, NULL, NULL, NULL };
    qsort(tests, n, sizeof *tests, by_name);
    int failed = _cmocka_run_group_tests("unit", tests, n, NULL, NULL);
    free(tests);
    return n == 0 ? 2 : failed != 0;
}
