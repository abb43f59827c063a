/* Output control of any bytes: what comes out is strict JSON again, a second pass changes nothing, and rounding keeps each
 * number within half a step of what it was. */
#include "format/json.h"
#include "gate/respctl.h"
#include <math.h>

static void check_rounding(Str literal, unsigned decimals)
{
    defer_buf Buf once = { 0 }, twice = { 0 };
    double before, after;
    if (literal.n > JSON_NUMBER_MAX || !number_f64(literal, &before) || !decimal_round(literal, decimals, &once))
        return;
    if (!number_f64(buf_view(&once), &after) || !decimal_round(buf_view(&once), decimals, &twice))
        abort();
    if (!str_eq(buf_view(&once), buf_view(&twice)) || fabs(after - before) > 0.5000001 * pow(10, -(double)decimals) + fabs(before) * 1e-15)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const RespFormat formats[] = { RESP_JSON, RESP_ROWS, RESP_V2, RESP_ROWS };
    if (n < 2)
        return 0;
    RespPolicy p = { formats[data[0] & 3], data[0] >> 2 & 7, (int32_t)(data[1] & 15) - 1, data[0] >> 5 & 1 };
    if (p.format == RESP_JSON)
        p.top_k = 0, p.label_only = false;
    Str body = { (const char *)data + 2, n - 2 };
    defer_buf Buf once = { 0 }, twice = { 0 };
    defer_arena Arena *a = arena_new((size_t)1 << 30);
    RespInfo info;
    check_rounding(body, data[1] & 15);
    if (!respctl_apply(&p, body, &once, &info, NULL))
        return 0;
    if (json_parse(a, buf_view(&once), JSON_STRICT, NULL) == NULL)
        abort();
    if (!respctl_apply(&p, buf_view(&once), &twice, &info, NULL) || !str_eq(buf_view(&once), buf_view(&twice)))
        abort();
    return 0;
}
