/* scalar.c - see scalar.h. */
#include "format/scalar.h"
#include <endian.h>

unsigned scalar_bits(Scalar t)
{
    static const uint8_t bits[] = {
        [SCALAR_BOOL] = 8, [SCALAR_U8] = 8, [SCALAR_I8] = 8, [SCALAR_U16] = 16, [SCALAR_I16] = 16, [SCALAR_U32] = 32, [SCALAR_I32] = 32,
        [SCALAR_U64] = 64, [SCALAR_I64] = 64, [SCALAR_F16] = 16, [SCALAR_BF16] = 16, [SCALAR_F32] = 32, [SCALAR_F64] = 64,
        [SCALAR_C64] = 64, [SCALAR_F4] = 4, [SCALAR_F6] = 6, [SCALAR_F8] = 8,
    };
    return bits[t];
}

/* The element's bits, least first. */
static uint64_t load(unsigned bits, bool big_endian, const void *p)
{
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (bits) {
    case 8:  return *(const uint8_t *)p;
    case 16: memcpy(&two, p, sizeof two); return big_endian ? be16toh(two) : le16toh(two);
    case 32: memcpy(&four, p, sizeof four); return big_endian ? be32toh(four) : le32toh(four);
    default: memcpy(&eight, p, sizeof eight); return big_endian ? be64toh(eight) : le64toh(eight);
    }
}

static float float_of(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static double double_of(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* IEEE 754 binary16: moving its bits into a float gives 2^-112 times the value; infinities and NaN keep their exponent. */
static double half_of(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits >> 15) << 31, rest = (uint32_t)(bits & 0x7FFF) << 13;
    if ((bits & 0x7C00) == 0x7C00)
        return (double)float_of(sign | 0x7F800000 | rest);
    return (double)float_of(sign | rest) * 0x1p112;
}

double scalar_f64(Scalar t, bool big_endian, const void *p)
{
    uint64_t v = load(scalar_bits(t), big_endian, p);
    switch (t) {
    case SCALAR_BOOL: return v != 0;
    case SCALAR_I8:   return (int8_t)v;
    case SCALAR_I16:  return (int16_t)v;
    case SCALAR_I32:  return (int32_t)v;
    case SCALAR_I64:  return (double)(int64_t)v;
    case SCALAR_F16:  return half_of((uint16_t)v);
    case SCALAR_BF16: return (double)float_of((uint32_t)v << 16);
    case SCALAR_F32:  return (double)float_of((uint32_t)v);
    case SCALAR_F64:  return double_of(v);
    default:          return (double)v;
    }
}

/* Through double only where that is exact. */
static float one_f32(Scalar t, bool big_endian, const void *p)
{
    if (t == SCALAR_I64)
        return (float)(int64_t)load(64, big_endian, p);
    if (t == SCALAR_U64)
        return (float)load(64, big_endian, p);
    return (float)scalar_f64(t, big_endian, p);
}

void scalar_f32s(Scalar t, bool big_endian, const void *p, size_t n, size_t stride, float *out)
{
    const char    *from = p;
    const uint8_t *bytes = p;
    if (t == SCALAR_U8 && stride == 1) {
        for (size_t i = 0; i < n; i++)
            out[i] = bytes[i];
    } else if (t == SCALAR_F32 && stride == 4 && !big_endian && le16toh(1) == 1) {
        if (n)
            memcpy(out, p, n * sizeof *out);
    } else {
        for (size_t i = 0; i < n; i++)
            out[i] = one_f32(t, big_endian, from + i * stride);
    }
}
