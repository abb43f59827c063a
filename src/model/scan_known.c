/* scan_known.c - formats that are recognised and not judged yet.  Each row is a mark at a byte; protobuf files have none and
 * are known by their first fields. */
#include "model/scan_walk.h"

static const struct {
    const char *name;
    uint16_t    at, n;
    const char *mark;
} marks[] = {
    { "gguf", 0, 4, "GGUF" },               { "ggml", 0, 4, "lmgg" },          { "ggml", 0, 4, "fmgg" },     { "ggml", 0, 4, "tjgg" },
    { "ggml", 0, 4, "GGML" },               { "ggml", 0, 4, "GGJT" },          { "hdf5", 0, 8, "\x89HDF\r\n\x1a\n" },
    { "hdf5", 512, 8, "\x89HDF\r\n\x1a\n" }, { "hdf5", 1024, 8, "\x89HDF\r\n\x1a\n" }, { "hdf5", 2048, 8, "\x89HDF\r\n\x1a\n" },
    { "7z", 0, 6, "7z\xbc\xaf\x27\x1c" },   { "rar", 0, 6, "Rar!\x1a\x07" },   { "lz4", 0, 4, "\x04\x22\x4d\x18" },
    { "tflite", 4, 4, "TFL3" },             { "executorch", 4, 4, "ET12" },    { "executorch", 4, 4, "ET13" },
    { "elf", 0, 4, "\x7f" "ELF" },          { "mach-o", 0, 4, "\xcf\xfa\xed\xfe" }, { "mach-o", 0, 4, "\xca\xfe\xba\xbe" },
    { "rknn", 0, 4, "RKNN" },               { "catboost", 0, 4, "CBM1" },      { "xgboost", 0, 4, "binf" },
    { "r data", 0, 5, "RDX2\n" },           { "r data", 0, 5, "RDX3\n" },      { "r data", 0, 5, "RDA2\n" }, { "r data", 0, 5, "RDA3\n" },
    { "r data", 0, 5, "X\n\0\0\0" },        { "r data", 0, 4, "A\n2\n" }, { "r data", 0, 4, "A\n3\n" },         { "tensorrt", 0, 4, "ptrt" }, { "tensorrt", 0, 4, "ftrt" },
    { "mxnet", 0, 8, "\x12\x01\0\0\0\0\0\0" }, { "sqlite", 0, 15, "SQLite format 3" }, { "parquet", 0, 4, "PAR1" },
    { "arrow", 0, 6, "ARROW1" },            { "image", 0, 8, "\x89PNG\r\n\x1a\n" }, { "image", 0, 3, "\xff\xd8\xff" },
    { "image", 0, 4, "GIF8" },              { "pdf", 0, 5, "%PDF-" },          { "age", 0, 21, "age-encryption.org/v1" },
    { "xml", 0, 5, "<?xml" },               { "html", 0, 5, "<html" },         { "xml", 0, 5, "<PMML" },     { "xml", 0, 4, "<net" },
    { "torch7", 0, 4, "4\n1\n" },           { "torch7", 0, 8, "\4\0\0\0\1\0\0\0" }, { "lightgbm", 0, 5, "tree\n" },
    { "script", 0, 2, "#!" },
};

/* The numbers of the fields at the top of a protobuf message, as bits; 0 when it is none.  Its beginning is enough. */
enum { FIELDS_MAX = 32 };

static uint64_t varint(Cur *c)
{
    uint64_t v = 0;
    uint8_t  b = 0x80;
    for (unsigned shift = 0; b & 0x80 && shift < 63; shift += 7)
        b = cur_u8(c), v |= (uint64_t)(b & 0x7f) << shift;
    return v;
}

/* The number of one field below 16, skipped; 0 when it is none. */
static unsigned field(Cur *c)
{
    uint8_t key = cur_u8(c);
    switch (key & 7) {
    case 0: varint(c); break;
    case 1: cur_skip(c, 8); break;
    case 2: cur_skip(c, varint(c)); break;
    case 5: cur_skip(c, 4); break;
    default: return 0;
    }
    return c->bad || key & 0x80 ? 0 : key >> 3;
}

static uint32_t top_fields(Str s)
{
    Cur      c = cur_of(s);
    uint32_t seen = 0;
    for (unsigned n = 0, number; n < FIELDS_MAX && cur_left(&c) != 0; n++) {
        if ((number = field(&c)) == 0)
            return 0;
        seen |= 1u << number;
    }
    return seen;
}

const char *known_format(Str bytes)
{
    for (size_t i = 0; i < len_of(marks); i++)
        if (str_starts(str_from(bytes, marks[i].at), (Str){ marks[i].mark, marks[i].n }))
            return marks[i].name;
    if (str_starts(bytes, S("MZ")) && bytes.n > 64 && memmem(bytes.p, bytes.n < 1024 ? bytes.n : 1024, "PE\0\0", 4) != NULL)
        return "windows program";
    uint32_t f = is_text(bytes) ? 0 : top_fields(bytes);
    if (f & 1u << 7 && f & 1u << 1)
        return "onnx";
    return f == (1u << 1 | 1u << 2) || f == 1u << 2 ? "tensorflow" : f & (f - 1) ? "protobuf" : NULL;
}
