/* siem.c - see siem.h: the table of forms and the plainest of them. */
#include "format/siem.h"
#include "base/clock.h"
#include "format/json.h"

const SiemFormat siem_formats[] = {
    { "json", siem_json, true, "moat:json" },
    { "ocsf", siem_ocsf, true, "moat:ocsf" },
    { "ecs", siem_ecs, true, "moat:ecs" },
    { "cef", siem_cef, false, "moat:cef" },
    { "leef", siem_leef, false, "moat:leef" },
};
const size_t siem_format_count = len_of(siem_formats);

const SiemFormat *siem_format(Str name)
{
    for (size_t i = 0; i < siem_format_count; i++)
        if (str_is(name, siem_formats[i].name))
            return &siem_formats[i];
    return NULL;
}

size_t siem_technique(Str id)
{
    size_t n = str_starts(id, S("AML.")) ? 4 : 0;
    while (n < id.n && id.p[n] != '.')
        n++;
    return n;
}

bool siem_is_ip(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\0' || strchr("0123456789abcdefABCDEF.:", s.p[i]) == NULL)
            return false;
    return s.n > 0;
}

void siem_json(Buf *b, const SiemSource *from, const SiemEvent *v)
{
    char    time[TIME_TEXT];
    JsonOut w = json_out(b);
    time_text(v->time_ns, time);
    json_open(&w, '{');
    json_member(&w, "id", v->id), json_member(&w, "time", str(time));
    json_member(&w, "host", from->host), json_member(&w, "system", from->system);
    json_member(&w, "producer", v->producer), json_member_u64(&w, "seq", v->seq);
    json_member(&w, "kind", v->alert ? S("alert") : S("request"));
    if (v->cut_from > 0)
        json_member_u64(&w, "untruncated_bytes", v->cut_from);
    json_key(&w, "event"), json_put_raw(&w, v->raw);
    json_close(&w, '}');
}
