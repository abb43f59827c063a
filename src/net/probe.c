/* probe.c - see probe.h. */
#include "net/probe.h"
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static bool connects(const struct addrinfo *at, int timeout_ms)
{
    int           fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), bad = 1;
    socklen_t     len = sizeof bad;
    struct pollfd wait = { .fd = fd, .events = POLLOUT };
    if (fd < 0)
        return false;
    bool up = connect(fd, at->ai_addr, at->ai_addrlen) == 0;
    if (!up && poll(&wait, 1, timeout_ms) == 1)
        up = getsockopt(fd, SOL_SOCKET, SO_ERROR, &bad, &len) == 0 && bad == 0;
    close(fd);
    return up;
}

bool net_answers(Str address, int timeout_ms)
{
    char             host[256], port[16];
    struct addrinfo  hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *list;
    size_t           colon = address.n;
    while (colon > 0 && address.p[colon - 1] != ':')
        colon--;
    if (colon == 0 || colon > sizeof host || address.n - colon >= sizeof port)
        return false;
    Str name = { address.p, colon - 1 };
    if (name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
        name = (Str){ name.p + 1, name.n - 2 };
    snprintf(host, sizeof host, "%.*s", STR(name));
    snprintf(port, sizeof port, "%.*s", STR(str_from(address, colon)));
    if (getaddrinfo(host, port, &hints, &list) != 0)
        return false;
    bool up = false;
    for (struct addrinfo *at = list; at != NULL && !up; at = at->ai_next)
        up = connects(at, timeout_ms);
    freeaddrinfo(list);
    return up;
}
