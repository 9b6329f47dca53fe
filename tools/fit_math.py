#!/usr/bin/env python3
"""Fits the polynomials of src/engine/math.inc (needs mpmath; run by hand, output pasted there)."""
# SPDX-License-Identifier: Apache-2.0
from mpmath import mp, mpf, chebyfit, exp, log, tanh, erf, erfc, atan, sin, cos, sqrt, pi, floor
import struct

mp.prec = 200


def bits(x, double):
    x = float(x)
    return x.hex() if double else struct.unpack("f", struct.pack("f", x))[0].hex() + "f"


def even(f, x):
    """f(sqrt(x)) / sqrt(x) with its limit at 0."""
    return f(sqrt(x)) / sqrt(x) if x > 0 else mpf(1)


def small(x):
    return x if abs(x) > mpf(10) ** -20 else mpf(10) ** -20


FITS = {
    "exp tail: (e^r - 1 - r) / r^2": (lambda r: (exp(small(r)) - 1 - small(r)) / small(r) ** 2, -0.3467, 0.3467, 6, 12),
    "tanh: (tanh(x)/x - 1) / x^2": (lambda z: (even(tanh, small(z)) - 1) / small(z), 0, 0.391, 6, 14),
    "erf near 0: erf(x)/x - 1": (lambda z: even(erf, small(z)) - 1, 0, 0.8649, 8, 15),
    "log erfc, 0.93 to 2.5 (f32: to 4), about 2.4": (lambda x: log(erfc(x)), 0.93, (4.0, 2.5), 10, 19),
    "log erfc, 2.5 to 6": (lambda x: log(erfc(x)), 2.5, 6.1, 10, 19),
    "atan: (atan(x)/x - 1) / x^2": (lambda z: (even(atan, small(z)) - 1) / small(z), 0, 0.1717, 5, 12),
    "sin: (sin(x)/x - 1) / x^2": (lambda z: (even(sin, small(z)) - 1) / small(z), 0, 0.6169, 4, 8),
    "cos: (cos(x) - 1 + x^2/2) / x^4": (lambda z: (cos(sqrt(small(z))) - 1 + small(z) / 2) / small(z) ** 2 if z > 1e-9 else mpf(1) / 24 - small(z) / 720, 0, 0.6169, 4, 8),
    "log: (log((1+s)/(1-s))/s - 2) / s^2": (lambda z: (log((1 + sqrt(small(z))) / (1 - sqrt(small(z)))) / sqrt(small(z)) - 2) / small(z), 0, 0.02946, 4, 9),
}

if __name__ == "__main__":
    for name, (f, a, b, n32, n64) in FITS.items():
        print("//", name)
        for double, n in ((False, n32), (True, n64)):
            top = b[1 if double else 0] if isinstance(b, tuple) else b
            coefs, err = chebyfit(f, [mpf(a), mpf(top)], n, error=True)
            print("//", "f64" if double else "f32", "error", mp.nstr(err, 3))
            print(", ".join(bits(c, double) for c in coefs))
    digits = floor(2 / pi * mpf(2) ** 1216) if mp.prec > 1216 else None
    mp.prec = 1400
    digits = int(floor(2 / pi * mpf(2) ** 1216))
    print("// 2/pi, 32 bits a word")
    print(", ".join("0x%08x" % (digits >> (1216 - 32 * (i + 1)) & 0xFFFFFFFF) for i in range(38)))
    for double, parts in ((False, (11, 11, 11, 11, 24)), (True, (33, 33, 33, 53))):
        rest, out = pi / 2, []
        for p in parts:
            m, e = mp.frexp(rest)
            q = floor(m * mpf(2) ** p) if p not in (24, 53) else mp.nint(m * mpf(2) ** p)
            q = mp.ldexp(q, int(e) - p)
            out.append(bits(q, double))
            rest -= q
        print("// pi/2 in parts", ", ".join(out))
    for c, name in ((log(2), "ln2"), (pi / 4, "pi/4"), (pi / 2, "pi/2"), (1 / log(2), "log2e"), (2 / pi, "2/pi"), (mpf(2)/3, "2/3")):
        for double in (False, True):
            hi = mpf(float(c)) if double else mpf(struct.unpack("f", struct.pack("f", float(c)))[0])
            print("//", name, bits(hi, double), "+", bits(c - hi, double))
