/* dsse.c - see dsse.h. */
#include "crypto/dsse.h"

void dsse_pae(Buf *out, Str type, Str body)
{
    buf_printf(out, "DSSEv1 %zu ", type.n);
    buf_str(out, type);
    buf_printf(out, " %zu ", body.n);
    buf_str(out, body);
}

bool dsse_sign(const Key *k, Str type, Str body, Buf *signature, Err *e)
{
    defer_buf Buf pae = { 0 };
    dsse_pae(&pae, type, body);
    return pae.bad ? err_nomem(e) : key_sign(k, buf_view(&pae), signature, e);
}

bool dsse_verify(const Key *k, Str type, Str body, Str signature)
{
    defer_buf Buf pae = { 0 };
    dsse_pae(&pae, type, body);
    return !pae.bad && key_verify(k, buf_view(&pae), signature);
}
