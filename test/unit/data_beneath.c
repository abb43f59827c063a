#include "../test.h"
#include "base/file.h"
#include "data/beneath.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(data_beneath, no_part_of_a_name_is_followed_through_a_link)
{
    const char  *dir = test_dir(), *outside = test_dir();
    defer_fd int d = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(mkdirat(d, "a", 0700) == 0 && mkdirat(d, "a/b", 0700) == 0 && symlinkat(outside, d, "a/out") == 0);
    CHECK(symlinkat("b", d, "a/in") == 0);
    defer_fd int ok = beneath_open(d, S("a/b/f"), O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(ok >= 0);
    CHECK(beneath_open(d, S("a/out/f"), O_WRONLY | O_CREAT, 0600) < 0 && beneath_open(d, S("a/in/f"), O_RDONLY, 0) < 0);
    CHECK(beneath_open(d, S("a/out"), O_RDONLY, 0) < 0 && beneath_open(d, S("a/none/f"), O_RDONLY, 0) < 0 && errno == ENOENT);
    Str last;
    CHECK(beneath_make(d, S("a/out/x/y"), &last) < 0);
    defer_fd int made = beneath_make(d, S("a/new/er/y"), &last);
    CHECK(made >= 0 && str_is(last, "y"));
}

TEST(data_beneath, removing_a_folder_leaves_what_its_links_point_to)
{
    defer_arena Arena *a = arena_new(1 << 20);
    const char        *dir = test_dir(), *outside = test_dir();
    char              *kept = arena_printf(a, "%s/kept", outside);
    defer_fd int       d = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(file_create(kept, S("x"), 0600, NULL));
    CHECK(mkdirat(d, "a", 0700) == 0 && mkdirat(d, "a/b", 0700) == 0 && symlinkat(outside, d, "a/b/out") == 0);
    CHECK(beneath_remove(d, "a", NULL) && faccessat(d, "a", F_OK, 0) != 0 && file_exists(kept));
    CHECK(beneath_remove(d, "a", NULL));
}
