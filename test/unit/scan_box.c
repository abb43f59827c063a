/* What a worker in the box can do: nothing that leaves it. */
#include "model/scan_box.h"
#include "model/scan_walk.h"
#include "../test.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void nothing(void) {}
/* Raw system calls: a libc of today opens with openat, and kill of oneself must not be taken for the filter's work. */
static void try_open(void) { syscall(SYS_open, "/etc/passwd", O_RDONLY); }
static void try_openat(void) { syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY); }
static void try_create(void) { syscall(SYS_openat, AT_FDCWD, "/tmp/moat-escaped", O_WRONLY | O_CREAT, 0600); }
static void try_socket(void) { syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }
static void try_execve(void)
{
    char *argv[] = { (char *)(uintptr_t)"true", NULL };
    syscall(SYS_execve, "/bin/true", argv, argv + 1);
}
static void try_ptrace(void) { syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }
static void try_kill(void) { syscall(SYS_kill, getppid(), 0); }
static void try_fork(void) { syscall(SYS_fork); }
static void try_clone(void) { syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }
static void try_unlink(void) { syscall(SYS_unlink, "/tmp/moat-escaped"); }
static void try_process_vm(void) { syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0); }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FULL_FILTER 1
static void try_write_elsewhere(void) { syscall(SYS_write, 2, "", 0); }
static void try_exec_memory(void) { syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
static void try_make_exec(void) { syscall(SYS_mprotect, NULL, 4096, PROT_EXEC); }
#endif

/* How a process ends that enters the box and then does `what`: its wait status. */
static int status_after(void (*what)(void))
{
    int      ends[2], status;
    uint32_t at = 0;
    if (pipe(ends) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        Box b = { .out = ends[1], .at = &at, .parent = getppid(), .largest = 0, .seconds = 5 };
        if (!box_enter(&b, NULL, 0, NULL))
            _exit(99);
        what();
        _exit(7);
    }
    close(ends[0]), close(ends[1]);
    waitpid(pid, &status, 0);
    return status;
}

TEST(scan_box, forbidden_calls_end_the_worker)
{
    static const struct {
        const char *name;
        void (*what)(void);
    } rows[] = {
        { "open", try_open }, { "openat", try_openat }, { "creating a file", try_create }, { "socket", try_socket }, { "execve", try_execve },
        { "ptrace", try_ptrace }, { "kill", try_kill }, { "fork", try_fork }, { "clone", try_clone }, { "unlink", try_unlink },
        { "process_vm_readv", try_process_vm },
#ifdef FULL_FILTER
        { "writing elsewhere than the pipe", try_write_elsewhere }, { "executable memory", try_exec_memory }, { "mprotect to executable", try_make_exec },
#endif
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        int status = status_after(rows[i].what);
        CHECK_ROW(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, rows[i].name);
    }
}

TEST(scan_box, what_is_allowed_goes_on)
{
    int status = status_after(nothing);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

/* A whole worker over one file: the frames it leaves on the pipe. */
static Str frames_of(const char *path, char *room, size_t size)
{
    int      ends[2], fd = open(path, O_RDONLY);
    size_t   n = 0;
    uint32_t at = 0;
    if (fd < 0 || pipe(ends) != 0)
        return (Str){ NULL, 0 };
    BoxFile f = { fd, (uint64_t)lseek(fd, 0, SEEK_END), S("x.pkl") };
    pid_t   pid = fork();
    if (pid == 0) {
        Box b = { .out = ends[1], .at = &at, .parent = getppid(), .largest = f.size, .seconds = 5 };
        if (!box_enter(&b, &f, 1, NULL))
            _exit(99);
        box_work(&b, &f, 1, false);
    }
    close(ends[1]), close(fd);
    for (ssize_t got; (got = read(ends[0], room + n, size - n)) > 0;)
        n += (size_t)got;
    close(ends[0]);
    waitpid(pid, NULL, 0);
    return (Str){ room, n };
}

TEST(scan_box, a_worker_finds_what_a_pickle_calls)
{
    char path[512], room[4096];
    snprintf(path, sizeof path, "%s/box.pkl", test_dir());
    FILE *f = fopen(path, "w");
    fputs("cposix\nsystem\n(S'true'\ntR.", f);
    fclose(f);
    Str said = frames_of(path, room, sizeof room);
    CHECK(said.n > 10 && said.p[4] == 'H');
    CHECK(memmem(said.p, said.n, "posix.system", 12) != NULL);
    CHECK(said.p[said.n - 2] == 'E' && said.p[said.n - 1] == SCAN_MALICIOUS);
}

/* ---- the parent: what becomes of a file whose worker ends */

static ScanVerdict verdict_of(const char *path, unsigned seconds, char why[static 200])
{
    Err                e = { 0 };
    defer_arena Arena *a = arena_new(64 << 20);
    ScanSummary        s;
    ScanOptions        o = { .seconds = seconds };
    bool               ok = model_scan(a, path, &o, findings_new(a), &s, &e);
    Str last = ok && s.n ? s.v[s.n - 1].why : S("");
    snprintf(why, 200, "%.*s", STR(last));
    return ok ? s.verdict : SCAN_MALICIOUS;
}

TEST(scan_box, a_folder_without_files_is_clean_and_a_missing_one_is_an_error)
{
    char path[512], why[200];
    Err  e = { 0 };
    snprintf(path, sizeof path, "%s/empty", test_dir());
    CHECK(mkdir(path, 0700) == 0);
    CHECK(verdict_of(path, 5, why) == SCAN_CLEAN);
    defer_arena Arena *a = arena_new(16 << 20);
    ScanSummary        s;
    CHECK(!model_scan(a, "/no/such/file", &(ScanOptions){ 0 }, findings_new(a), &s, &e));
    CHECK(e.code == E_IO && strstr(e.message, "/no/such/file") != NULL);
}

TEST(scan_box, links_are_not_followed)
{
    char path[512], why[200];
    snprintf(path, sizeof path, "%s/links", test_dir());
    CHECK(mkdir(path, 0700) == 0);
    strcat(path, "/passwd.txt");
    CHECK(symlink("/etc/passwd", path) == 0);
    path[strlen(path) - strlen("/passwd.txt")] = '\0';
    CHECK(verdict_of(path, 5, why) == SCAN_UNSCANNABLE);
    CHECK_STR(why, "a symbolic link, which is not followed");
}
