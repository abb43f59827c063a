/* test.h - STYLE's TEST and CHECK over cmocka: TEST(group, sentence) { CHECK(...); CHECK_ROW(..., row); }
 *
 * Tests register themselves; `unit json` runs only the groups that start with "json".  A failed CHECK names the
 * expression, and CHECK_ROW the row too, and ends its test. */
#ifndef TEST_H
#define TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct Test {
    const char  *group, *name;                         /* name is "group: sentence_with_underscores" */
    void (*run)(void **state);
    struct Test *next;
} Test;
extern Test *test_list;

#define TEST(g, n)                                                                                       \
    static void test_##g##_##n(void **state);                                                            \
    __attribute__((constructor)) static void add_##g##_##n(void)                                         \
    {                                                                                                    \
        static Test t = { #g, #g ": " #n, test_##g##_##n, NULL };                                        \
        t.next = test_list, test_list = &t;                                                              \
    }                                                                                                    \
    static void test_##g##_##n(__attribute__((unused)) void **state)

#define CHECK(cond) test_check((cond), __FILE__, __LINE__, #cond, NULL)
#define CHECK_ROW(cond, row) test_check((cond), __FILE__, __LINE__, #cond, (row))
#define CHECK_STR(got, want) test_str((got), (want), __FILE__, __LINE__)

static inline void test_check(int ok, const char *file, int line, const char *expr, const char *row)
{
    if (ok)
        return;
    print_error("%s:%d: %s%s%s\n", file, line, expr, row ? "   row: " : "", row ? row : "");
    _fail(file, line);
}

static inline void test_str(const char *got, const char *want, const char *file, int line)
{
    if (strcmp(got, want) == 0)
        return;
    print_error("%s:%d: got \"%s\"\n  want \"%s\"\n", file, line, got, want);
    _fail(file, line);
}

/* "$MOAT_VECTORS/NAME" in a static buffer, or NULL after saying what is skipped without it. */
const char *test_vectors(const char *name);
/* A fresh folder that is removed when the program ends. */
const char *test_dir(void);

#endif
