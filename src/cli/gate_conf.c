/* gate_conf.c - nginx.conf from moat.yaml; see gate_run.h.
 *
 * What is generated refuses by default: each endpoint is one location under its policy, everything else, also requests
 * that nginx cannot even parse, is `moat deny`.  No `return`, which would answer before the policy is asked. */
#include "cli/gate_conf.h"
#include <limits.h>
#include <pwd.h>
#include <unistd.h>

/* Texts of moat.yaml reach nginx only as routes, addresses and names, which pipeline/ has checked; paths of this machine
 * may hold anything. */
static bool put_path(Buf *b, const char *name, const char *path, Err *e)
{
    for (const char *p = path; *p; p++)
        if ((unsigned char)*p < ' ' || strchr("\"\\$", *p) != NULL)
            return err_set(e, E_USAGE, "%s: nginx cannot be told of a path with quotes, '$', backslashes or control characters", path);
    buf_printf(b, "%s \"%s\";\n", name, path);
    return true;
}

/* nginx would make workers of a root master "nobody", who cannot read keys or write events in a folder of ours. */
static bool put_user(Buf *b, const char *state, Err *e)
{
    struct stat s;
    if (geteuid() != 0)
        return true;
    if (stat(state, &s) != 0)
        return err_set(e, E_IO, "%s: %m", state);
    const struct passwd *u = getpwuid(s.st_uid);
    if (s.st_uid == 0)
        return buf_z(b, "user root root;\n"), true;
    err_set(e, E_DENIED, "%s belongs to %s, and what root makes there %s could not read", state, u ? u->pw_name : "somebody else",
            u ? u->pw_name : "they");
    return err_hint(e, "sudo -u %s moat gate run", u ? u->pw_name : "USER");
}

static void put_temp_paths(Buf *b)
{
    static const char *const names[] = { "client_body", "proxy", "fastcgi", "uwsgi", "scgi" };
    for (size_t i = 0; i < len_of(names); i++)
        buf_printf(b, "    %s_temp_path temp/%s;\n", names[i], names[i]);
}

/* Time limits are for clients: what a slow one may hold is a connection, never a worker. */
static const char http_head[] =
    "    access_log off;\n"
    "    server_tokens off;\n"
    "    underscores_in_headers off;\n"
    "    ignore_invalid_headers on;\n"
    "    default_type application/octet-stream;\n"
    "    client_header_timeout 10s;\n"
    "    client_body_timeout 15s;\n"
    "    send_timeout 15s;\n"
    "    keepalive_timeout 60s;\n"
    "    keepalive_requests 10000;\n"
    "    reset_timedout_connection on;\n"
    "    client_body_buffer_size 256k;\n"
    "    proxy_http_version 1.1;\n"
    "    proxy_connect_timeout 3s;\n"
    "    proxy_read_timeout 60s;\n"
    "    proxy_next_upstream error non_idempotent;\n"    /* one server: only a kept connection that it had closed */
    "    proxy_max_temp_file_size 0;\n"
    "    proxy_buffers 16 16k;\n"
    "    proxy_buffer_size 16k;\n"
    "    proxy_hide_header X-Powered-By;\n"
    "    proxy_ignore_headers X-Accel-Redirect X-Accel-Limit-Rate X-Accel-Charset;\n"
    "    proxy_ssl_server_name on;\n"
    "    proxy_ssl_verify on;\n"
    "    proxy_ssl_verify_depth 4;\n"
    "    proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;\n";

/* Together in each location: one proxy_set_header there would hide all that stand further out. */
static const char location_headers[] =
    "            proxy_set_header Connection \"\";\n"
    "            proxy_set_header Accept-Encoding \"identity\";\n"
    "            proxy_set_header X-Request-Id $moat_request_id;\n";

typedef struct Upstream {
    Str  address, host;                                /* host:port; host alone */
    bool tls;
} Upstream;

static bool upstream_of(const Pipeline *p, const Endpoint *ep, Upstream *u, Err *e)
{
    const Model *m = pipeline_model(p, ep->model);
    u->tls = str_starts(ep->upstream, S("https://"));
    u->address = ep->upstream.n ? str_from(ep->upstream, u->tls ? 8 : 7) : m != NULL ? m->serve : (Str){ 0 };
    if (u->address.n == 0)
        return err_line(e, ep->part.line, "endpoint '%.*s' has no upstream, and no model that says where it serves", STR(ep->part.name)),
               err_hint(e, "upstream: http://127.0.0.1:8501");
    const char *colon = memrchr(u->address.p, ':', u->address.n);
    bool        has_port = colon != NULL && u->address.p[u->address.n - 1] != ']';
    u->host = has_port ? (Str){ u->address.p, (size_t)(colon - u->address.p) } : u->address;
    return true;
}

static bool put_upstream(Buf *b, const Pipeline *p, const Endpoint *ep, Err *e)
{
    Upstream u;
    if (!upstream_of(p, ep, &u, e))
        return false;
    buf_printf(b, "    upstream moat_%.*s {\n        server %.*s%s;\n        keepalive 64;\n        keepalive_timeout 4s;\n    }\n",
               STR(ep->part.name), STR(u.address), u.tls && u.host.n == u.address.n ? ":443" : "");
    return true;
}

static bool put_location(Buf *b, const Pipeline *p, const Endpoint *ep, Err *e)
{
    Upstream u;
    if (str_is(ep->part.name, "off") || str_is(ep->part.name, "deny"))
        return err_line(e, ep->part.line, "an endpoint cannot be called '%.*s': the word switches the gateway's policy",
                        STR(ep->part.name));
    if (!upstream_of(p, ep, &u, e))
        return false;
    buf_printf(b, "        location %s \"%.*s\" {\n            moat %.*s;\n", str_ends(ep->route, S("/")) ? "^~" : "=",
               STR(ep->route), STR(ep->part.name));
    buf_printf(b, "            client_max_body_size %" PRIu64 ";\n", ep->max_body ? ep->max_body : 1);
    if (ep->top_k > 0 || ep->round >= 0 || ep->label_only)     /* held whole anyway, and only a buffered one tells that it broke off */
        buf_z(b, "            proxy_ignore_headers X-Accel-Redirect X-Accel-Limit-Rate X-Accel-Charset X-Accel-Buffering;\n");
    buf_z(b, location_headers);
    buf_printf(b, "            proxy_set_header Host \"%.*s\";\n            proxy_ssl_name \"%.*s\";\n", STR(u.address),
               STR(u.host));
    buf_printf(b, "            proxy_pass %s://moat_%.*s;\n        }\n", u.tls ? "https" : "http", STR(ep->part.name));
    return true;
}

static bool put_http(Buf *b, const GateConf *c, Err *e)
{
    const Pipeline *p = c->pipeline;
    buf_z(b, "http {\n");
    buf_z(b, http_head);
    put_temp_paths(b);
    if (!put_path(b, "    moat_policy_file", c->policy, e) || !put_path(b, "    moat_keys", c->keys, e) ||
        !put_path(b, "    moat_spool", c->spool, e))
        return false;
    buf_z(b, "    moat_zone limits 16m;\n");
    for (size_t i = 0; i < p->endpoint_count; i++)
        if (!put_upstream(b, p, &p->endpoints[i], e))
            return false;
    buf_printf(b, "    server {\n        listen %s default_server;\n        server_name _;\n        moat deny;\n",
               c->listen);
    for (size_t i = 0; i < p->endpoint_count; i++)
        if (!put_location(b, p, &p->endpoints[i], e))
            return false;
    buf_z(b, "    }\n}\n");
    return true;
}

bool gate_conf_text(const GateConf *c, Buf *b, Err *e)
{
    buf_z(b, "# Written by `moat gate run` at each start and reload from ");
    buf_clean(b, str(c->pipeline->file));              /* a line break would end the comment */
    buf_z(b, ": change that file, not this one.\n");
    if (!put_user(b, c->pipeline->state, e))
        return false;
    if (c->pipeline->workers == 0)
        buf_z(b, "worker_processes auto;\n");
    else
        buf_printf(b, "worker_processes %" PRIu64 ";\n", c->pipeline->workers);
    buf_z(b, "worker_shutdown_timeout 30s;\npid nginx.pid;\nerror_log stderr warn;\n");
    if (!put_path(b, "load_module", c->module, e))
        return false;
    buf_z(b, "events { worker_connections 4096; }\n");
    return put_http(b, c, e) && (!b->bad || err_nomem(e));
}
