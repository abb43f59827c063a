/* passphrase.c - see passphrase.h. */
#include "cli/passphrase.h"
#include "base/file.h"
#include "crypto/secret.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { PASSPHRASE_MAX = 1024 };

/* One line without its end. */
static bool read_line(Arena *a, int fd, const char *name, Str *out, Err *e)
{
    char  *p = arena_get(a, PASSPHRASE_MAX + 1, 1);
    size_t n = 0;
    if (p == NULL)
        return err_nomem(e);
    while (n < PASSPHRASE_MAX && read(fd, p + n, 1) == 1 && p[n] != '\n')
        n++;
    n -= n > 0 && p[n - 1] == '\r';
    *out = (Str){ p, n };
    if (n == PASSPHRASE_MAX)
        return err_set(e, E_LIMIT, "%s: passphrase longer than %d bytes", name, PASSPHRASE_MAX - 1);
    return n > 0 || err_set(e, E_USAGE, "%s: empty passphrase", name);
}

bool passphrase_read(Arena *a, const char *path, Str *out, Err *e)
{
    struct stat st;
    if (strcmp(path, "-") == 0)
        return read_line(a, STDIN_FILENO, "standard input", out, e);
    defer_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_set(e, E_IO, "%s: %m", path);
    if (S_ISREG(st.st_mode) && (st.st_mode & 077)) {
        err_set(e, E_DENIED, "%s: passphrase that others may reach (mode %04o)", path, st.st_mode & 07777);
        return err_hint(e, "chmod 600 %s", path);
    }
    return read_line(a, fd, path, out, e);
}

static bool ask(Arena *a, int tty, const char *prompt, Str *out, Err *e)
{
    struct termios shown, hidden;
    if (tcgetattr(tty, &shown) != 0)
        return err_set(e, E_IO, "terminal: %m");
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    if (!file_write(tty, str(prompt), "terminal", e) || tcsetattr(tty, TCSAFLUSH, &hidden) != 0)
        return err_set(e, E_IO, "terminal: %m");
    bool ok = read_line(a, tty, "terminal", out, e);
    tcsetattr(tty, TCSAFLUSH, &shown);
    return file_write(tty, S("\n"), "terminal", e) && ok;
}

bool passphrase_ask(Arena *a, bool twice, Str *out, Err *e)
{
    Str          again;
    defer_fd int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (tty < 0) {
        err_set(e, E_USAGE, "no terminal to ask for the passphrase at");
        return err_hint(e, "--passphrase-file FILE");
    }
    if (!ask(a, tty, "Passphrase: ", out, e))
        return false;
    if (!twice)
        return true;
    bool same = ask(a, tty, "The same again: ", &again, e);
    same = same && (str_eq(*out, again) || err_set(e, E_USAGE, "the two passphrases differ"));
    wipe((void *)again.p, again.n);
    return same;
}
