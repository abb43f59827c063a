/* event.c - see event.h. */
#include "spool/event.h"
#include "spool/fields.h"

static const Field request_rows[] = {
#define ROW(name, kind, meaning) FIELD(Event, name, kind, meaning)
    ROW(request, FIELD_TEXT, "id of the request, hex"),
    ROW(endpoint, FIELD_TEXT, "the part it went to; absent: no route matched"),
    ROW(model, FIELD_TEXT, "SHA-256 of the model behind it"),
    ROW(key, FIELD_TEXT, "public id of the API key"),
    ROW(address, FIELD_TEXT, "client address"),
    ROW(method, FIELD_TEXT, "HTTP method"),
    ROW(status, FIELD_NUMBER, "status the client got"),
    ROW(verdict, FIELD_TEXT, "pass, refuse (policy) or fail (upstream or us)"),
    ROW(reason, FIELD_TEXT, "name of the reason code"),
    ROW(checks, FIELD_NUMBER, "bitmask of the checks that ran"),
    ROW(cost, FIELD_NUMBER, "units charged to the limits"),
    ROW(bytes_in, FIELD_NUMBER, "request body"),
    ROW(bytes_out, FIELD_NUMBER, "response body"),
    ROW(upstream_us, FIELD_NUMBER, "microseconds waiting for the model"),
    ROW(total_us, FIELD_NUMBER, "microseconds in all"),
    ROW(prediction, FIELD_RAW, "the released answer to the first row, when the policy keeps it: label and score, or value"),
    ROW(computed, FIELD_RAW, "the same before output control, when the policy keeps it"),
    ROW(instances, FIELD_NUMBER, "rows in the request, when its features are recorded"),
    ROW(detector, FIELD_RAW, "what the query detector saw: level, the worst row's scores near, far and odd, families in alarm or watch"),
    ROW(features, FIELD_RAW, "the first row of the input, when the policy keeps it: an array, an object or a value"),
#undef ROW
};

static const Field alert_rows[] = {
#define ROW(name, kind, meaning) FIELD(AlertEvent, name, kind, meaning)
    ROW(id, FIELD_TEXT, "the same through all states of one alert"),
    ROW(state, FIELD_TEXT, "firing, update or resolved"),
    ROW(rule, FIELD_TEXT, "MOAT-W001 ..."),
    ROW(severity, FIELD_TEXT, "info, low, medium, high or critical"),
    ROW(part, FIELD_TEXT, "the part of the pipeline it is about"),
    ROW(subject, FIELD_TEXT, "feature, group or public id of the client"),
    ROW(title, FIELD_TEXT, "the rule's title"),
    ROW(message, FIELD_TEXT, "what was seen"),
    ROW(fix, FIELD_TEXT, "what to do"),
    ROW(technique, FIELD_TEXT, "MITRE ATLAS technique, when it is an attack"),
    ROW(value, FIELD_RAW, "what was measured"),
    ROW(threshold, FIELD_RAW, "from which value on it alerts"),
    ROW(since, FIELD_TEXT, "when it began (RFC 3339)"),
#undef ROW
};

static const Field label_rows[] = {
    FIELD(LabelEvent, request, FIELD_TEXT, "id of the request it is the truth for"),
    FIELD(LabelEvent, y, FIELD_TEXT, "class or value, as it was given"),
};

bool label_event_put(Buf *b, const LabelEvent *v) { return fields_put(b, label_rows, len_of(label_rows), v); }

bool label_event_get(Arena *a, Str payload, LabelEvent *out, Err *e)
{
    return fields_get(a, payload, label_rows, len_of(label_rows), sizeof *out, out, e);
}

bool event_put(Buf *b, const Event *v) { return fields_put(b, request_rows, len_of(request_rows), v); }
bool alert_event_put(Buf *b, const AlertEvent *v) { return fields_put(b, alert_rows, len_of(alert_rows), v); }

bool event_get(Arena *a, Str payload, Event *out, Err *e)
{
    return fields_get(a, payload, request_rows, len_of(request_rows), sizeof *out, out, e);
}

bool alert_event_get(Arena *a, Str payload, AlertEvent *out, Err *e)
{
    return fields_get(a, payload, alert_rows, len_of(alert_rows), sizeof *out, out, e);
}

void event_id(const uint8_t producer[static 16], uint64_t seq, char out[static EVENT_ID])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t           raw[24];
    size_t            n = 0;
    memcpy(raw, producer, 16);
    for (size_t i = 0; i < 8; i++)
        raw[16 + i] = (uint8_t)(seq >> (56 - 8 * i));
    for (size_t bit = 0; bit < 8 * sizeof raw; bit += 5) {
        uint32_t pair = (uint32_t)raw[bit / 8] << 8 | (bit / 8 + 1 < sizeof raw ? raw[bit / 8 + 1] : 0);
        out[n++] = digits[pair >> (11 - bit % 8) & 31];
    }
    out[n] = '\0';
}

void event_text(Buf *out)
{
    buf_z(out, "# Events\n\nOne JSON object an event. Members that are not known are absent.\n\n"
               "## Requests\n\nOne a request, in the spool's frames of kind 1.\n\n");
    fields_text(out, request_rows, len_of(request_rows));
    buf_z(out, "\n## Alerts\n\nOne for each change of an alert's state, in the spool's frames of kind 2.\n\n");
    fields_text(out, alert_rows, len_of(alert_rows));
    buf_z(out, "\n## Labels\n\nOne a label, in the spool's frames of kind 3.\n\n");
    fields_text(out, label_rows, len_of(label_rows));
}
