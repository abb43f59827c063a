#!/usr/bin/python3
"""Writes src/format/power5.c: 5^q to 128 bits.  Run it by hand when the range changes: tool/power5.py > src/format/power5.c

The rounding is the one the proof of Mushtak and Lemire (2022) needs: cut for q >= 0 and q < -27, rounded up in between."""
LEAST, MOST = -342, 324


def row(q):
    if q >= 0:
        v = 5**q
        v = v << (128 - v.bit_length()) if v.bit_length() <= 128 else v >> (v.bit_length() - 128)
    else:
        d = 5**-q
        v = (1 << (127 + d.bit_length())) // d + (q >= -27)
    assert v >> 127 == 1, q
    assert v & (2**64 - 1) != 2**64 - 1, q          # number_text.c adds one to the low word
    return "{ 0x%016x, 0x%016x }," % (v >> 64, v & (2**64 - 1))


print('/* power5.c - written by tool/power5.py, which says how; two rows a line, from 5^%d to 5^%d. */' % (LEAST, MOST))
print('#include "format/power5.h"\n\nconst Power5 power5[POWER5_MOST - POWER5_LEAST + 1] = {')
rows = [row(q) for q in range(LEAST, MOST + 1)]
for i in range(0, len(rows), 2):
    print("    " + " ".join(rows[i : i + 2]))
print("};")
