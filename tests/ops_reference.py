#!/usr/bin/env python3
"""The interpreter against numpy and plain Python: every op of the table, random shapes, edge values."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("ok ops against numpy # SKIP python3-numpy is not installed")
    sys.exit(0)

os.environ.setdefault("LEAT_ENGINE", "interpreter")
LEAT = pathlib.Path(sys.argv[1]).resolve() / "leat"
SHAPES = int(os.environ.get("SHAPES", "20"))
NAMES = {"f32": np.float32, "f64": np.float64, "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
         "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64, "bool": np.bool_, "f16": np.float16}
ST = {"F32": "f4", "F64": "f8", "I8": "i1", "I16": "i2", "I32": "i4", "I64": "i8", "U8": "u1", "U16": "u2", "U32": "u4",
      "U64": "u8", "BOOL": "?", "F16": "f2"}
rng = np.random.default_rng(20171017)
np.seterr(all="ignore")


def name_of(dtype):
    return next(n for n, d in NAMES.items() if np.dtype(d) == dtype)


def save(path, tensors):
    header, blobs, at = {}, [], 0
    for name, a in tensors.items():
        raw = np.ascontiguousarray(a).tobytes()
        kind = next(k for k, v in ST.items() if np.dtype(v) == a.dtype)
        header[name] = {"dtype": kind, "shape": list(a.shape), "data_offsets": [at, at + len(raw)]}
        blobs.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def load(path):
    raw = path.read_bytes()
    n = struct.unpack("<Q", raw[:8])[0]
    out = {}
    for name, e in json.loads(raw[8:8 + n]).items():
        if name != "__metadata__":
            lo, hi = e["data_offsets"]
            out[name] = np.frombuffer(raw[8 + n + lo:8 + n + hi], dtype=ST[e["dtype"]]).reshape(e["shape"])
    return out


def draw(shape, dtype, low=-4, high=4, edges=True):
    dtype = np.dtype(dtype)
    if dtype == np.bool_:
        return rng.integers(0, 2, shape).astype(np.bool_)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        a = rng.integers(max(info.min, -20), 20, shape).astype(dtype)
        if edges and a.size > 4:
            a.flat[:3] = [info.min, info.max, 0]
        return a
    a = (low + (high - low) * rng.random(shape)).astype(dtype)
    if edges and a.size > 8:
        tiny = np.finfo(dtype).tiny / 4
        a.flat[rng.permutation(a.size)[:6]] = [np.nan, np.inf, -np.inf, -0.0, 0.0, tiny]
    return a


def shape(rank=None, most=6):
    rank = rng.integers(0, 5) if rank is None else rank
    return tuple(int(x) for x in rng.integers(0 if rng.random() < 0.1 else 1, most, rank))


class Case:
    """A graph, its inputs and variables, and what must come of it. fails: part of the error it must give instead."""
    def __init__(self, text, inputs, want, ulp=0, variables=None, after=None, fails=None, says=None):
        self.text, self.inputs, self.want, self.ulp = text, inputs, want, ulp
        self.variables, self.after, self.fails, self.says = variables, after, fails, says


def typed(a):
    return f"{name_of(a.dtype)}[{', '.join(map(str, a.shape))}]"


def ints(xs):
    return "[" + ", ".join(str(int(x)) for x in xs) + "]"


def graph(op, inputs, attrs, results):
    names = [f"x{i}" for i in range(len(inputs))]
    head = ", ".join(f"{n}: {typed(a)}" for n, a in zip(names, inputs))
    n = len(inputs)
    outs = ", ".join(f"%{n + i}" for i in range(len(results)))
    args = ", ".join(f"%{i}" for i in range(n))
    kinds = ", ".join(typed(r) for r in results)
    ret = ", ".join(f"r{i}=%{n + i}" for i in range(len(results)))
    return (f"leat graph 1\nnumerics 1\nfunc main({head}) {{\n  {outs} = {op}({args}){' ' if attrs else ''}{attrs} : {kinds}\n"
            f"  return {ret}\n}}\n", dict(zip(names, inputs)))


def make(op, inputs, attrs, results, ulp=0):
    text, named = graph(op, inputs, attrs, results)
    return Case(text, named, {f"r{i}": r for i, r in enumerate(results)}, ulp)


def erf(x):
    import math
    return np.vectorize(math.erf, otypes=[np.float64])(x) if x.size else x


UNARY = {  # op: function in f64; ulps allowed in f32 and f64
    "floor": (np.floor, 0), "ceil": (np.ceil, 0), "round": (np.rint, 0), "trunc": (np.trunc, 0), "sqrt": (np.sqrt, 0),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 2), "exp": (np.exp, 3), "expm1": (np.expm1, 3), "log": (np.log, 3), "log1p": (np.log1p, 3),
    "tanh": (np.tanh, 3), "sigmoid": (lambda x: np.where(x >= 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x))), 3),
    "erf": (erf, 3), "sin": (np.sin, 3), "cos": (np.cos, 3), "atan": (np.arctan, 3),
}
WRAP = {"add": np.add, "sub": np.subtract, "mul": np.multiply}
INTS = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"]


def c_div(x, y):
    if x.dtype.kind == "f":
        return x / y
    safe = np.where(y == 0, 1, y).astype(x.dtype)
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        a, b = int(x[i]), int(safe[i])
        q = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        out[i] = np.array(q & ((1 << (8 * x.itemsize)) - 1), dtype=np.uint64).astype(x.dtype) if True else 0
    return np.where(y == 0, 0, out).astype(x.dtype)


def c_rem(x, y):
    if x.dtype.kind == "f":
        return np.fmod(x, y)
    out = x.copy()
    for i in np.ndindex(x.shape):
        a, b = int(x[i]), int(y[i])
        out[i] = a if b == 0 else abs(a) % abs(b) * (-1 if a < 0 else 1)
    return out


def signed_max(x, y, greatest):
    r = (np.maximum if greatest else np.minimum)(x, y)
    if x.dtype.kind == "f":
        tie = (x == 0) & (y == 0)
        neg = np.signbit(x) & np.signbit(y) if greatest else np.signbit(x) | np.signbit(y)
        r = np.where(tie, np.where(neg, -0.0, 0.0).astype(x.dtype), r)
    return r


def elementwise():
    for op, (f, ulp) in UNARY.items():
        for i in range(SHAPES):
            dtype = ["f32", "f64", "f16"][i % 3]
            x = draw(shape(), NAMES[dtype], -9, 9)
            want = f(x.astype(np.float64) if dtype != "f64" else x.astype(np.longdouble) if op not in ("erf",) else x)
            yield op, make(op, [x], "", [np.asarray(want).astype(NAMES[dtype])], ulp if dtype != "f16" else 1)
    for op in ("neg", "abs", "sign", "not"):
        for i in range(SHAPES):
            kinds = INTS + (["f32", "f64"] if op != "not" else ["bool"])
            x = draw(shape(), NAMES[kinds[i % len(kinds)]])
            f = {"neg": np.negative, "abs": np.abs, "sign": np.sign, "not": np.invert}[op]
            want = f(x)
            if op == "sign" and x.dtype.kind == "f":
                want = np.where(x == 0, x, want)
            yield op, make(op, [x], "", [want.astype(x.dtype)])
    for op in ("add", "sub", "mul", "div", "rem", "max", "min", "pow", "and", "or", "xor", "shl", "shr", "eq", "ne", "lt", "le"):
        for i in range(SHAPES):
            bits = op in ("and", "or", "xor")
            kinds = INTS if bits or op in ("shl", "shr") else INTS + ["f32", "f64", "f32"]
            if bits and i % 5 == 0:
                kinds = ["bool"]
            s = shape()
            x, y = draw(s, NAMES[kinds[i % len(kinds)]]), draw(s, NAMES[kinds[i % len(kinds)]])
            ulp = 0
            if op in WRAP: want = WRAP[op](x, y)
            elif op == "div": want = c_div(x, y)
            elif op == "rem": want = c_rem(x, y)
            elif op in ("max", "min"): want = signed_max(x, y, op == "max")
            elif op == "pow":
                ulp = 3
                if x.dtype.kind == "f": want = np.power(x.astype(np.float64), y.astype(np.float64)).astype(x.dtype)
                else:
                    y = np.abs(y.astype(np.int64) % 5).astype(x.dtype)
                    want = x ** y
            elif bits: want = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}[op](x, y)
            elif op in ("shl", "shr"):
                width = 8 * x.itemsize
                n = (y.astype(np.int64) & (width - 1)).astype(x.dtype)
                want = np.left_shift(x, n) if op == "shl" else np.right_shift(x, n)
            else: want = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal}[op](x, y)
            yield op, make(op, [x, y], "", [np.asarray(want)], ulp)
    for i in range(SHAPES):
        s = shape()
        p, x, y = draw(s, np.bool_), draw(s, NAMES[["f32", "i64", "u8", "f16"][i % 4]]), None
        y = draw(s, x.dtype)
        yield "select", make("select", [p, x, y], "", [np.where(p, x, y)])
        yield "stop_gradient", make("stop_gradient", [x], "", [x])
        a, to = draw(shape(), NAMES[(INTS + ["f32", "f64", "bool"])[i % 11]]), (INTS + ["f32", "f64", "bool"])[(i * 7 + i // 11) % 11]
        yield "cast", make("cast", [a], f"type={to}", [cast(a, np.dtype(NAMES[to]))])
        b = draw(shape(), np.float32)
        yield "bitcast", make("bitcast", [b], "type=u32", [b.view(np.uint32)])


def cast(a, to):
    if a.dtype.kind == "f" and to.kind in "iu":
        info = np.iinfo(to)
        out = np.zeros(a.shape, to)
        for i in np.ndindex(a.shape):
            v = float(a[i])
            out[i] = 0 if v != v else info.max if v >= float(info.max) else info.min if v <= float(info.min) else int(v)
        return out
    if to == np.bool_:
        return a != 0
    return a.astype(to)


def tree_sum(x):  # clause N3, independently: lanes of 16 in blocks of 4096, pairwise tree
    if x.size == 0:
        return x.dtype.type(0)
    parts = []
    for b in range(0, x.size, 4096):
        lanes = np.full(16, -0.0, x.dtype)
        block = x[b:b + 4096]
        for r in range(0, block.size, 16):
            row = block[r:r + 16]
            lanes[:row.size] = lanes[:row.size] + row
        for half in (8, 4, 2, 1):
            lanes = lanes[:half] + lanes[half:2 * half]
        parts.append(lanes[0])
    while len(parts) > 1:
        parts = [parts[i] + parts[i + 1] if i + 1 < len(parts) else parts[i] for i in range(0, len(parts), 2)]
    return parts[0]


def reduce(x, axes, f):
    keep = [i for i in range(x.ndim) if i not in axes]
    moved = np.transpose(x, keep + list(axes)).reshape([x.shape[i] for i in keep] + [-1 if x.size else int(np.prod([x.shape[a] for a in axes]))])
    out = np.empty(moved.shape[:-1], x.dtype)
    for i in np.ndindex(out.shape):
        out[i] = f(moved[i])
    return out


def some_axes(rank):
    k = int(rng.integers(1, rank + 1))
    return sorted(rng.permutation(rank)[:k].tolist())


def reductions():
    for op in ("reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_and", "reduce_or", "argmax", "argmin"):
        for i in range(2 * SHAPES):
            s = shape(int(rng.integers(1, 5)))
            if i == 0: s = (9001,)
            if i == 1: s = (5000, 3)
            kinds = ["i32", "u8", "bool"] if op in ("reduce_and", "reduce_or") else ["f32", "f64", "i64", "u16"]
            x = draw(s, NAMES[kinds[i % len(kinds)]])
            axes = [0] if i < 2 else some_axes(len(s))
            if op in ("argmax", "argmin"):
                axis = axes[0]
                if s[axis] == 0 or x.size == 0: continue
                want = (np.argmax if op == "argmax" else np.argmin)(x, axis=axis)  # numpy: the first NaN wins
                yield op, make(op, [x], f"axis={axis}", [want.astype(np.int64)])
                continue
            ulp = 0
            if op == "reduce_sum": f = tree_sum if x.dtype.kind == "f" else lambda v: np.add.reduce(v, dtype=x.dtype)
            elif op == "reduce_prod":
                f = lambda v: np.multiply.reduce(v, dtype=x.dtype)
                ulp = 64
            elif op in ("reduce_max", "reduce_min"):
                least = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
                most = np.iinfo(x.dtype).max if x.dtype.kind in "iu" else np.inf
                g = op == "reduce_max"
                def f(v, g=g, e=least if g else most):
                    r = np.array(e, x.dtype)
                    for k in v: r = signed_max(r, np.asarray(k), g)
                    return r
            else:
                f = (lambda v: np.bitwise_and.reduce(v)) if op == "reduce_and" else (lambda v: np.bitwise_or.reduce(v))
            yield op, make(op, [x], f"axes={ints(axes)}", [reduce(x, axes, f)], ulp)
    for i in range(SHAPES):
        s, kind = shape(int(rng.integers(1, 4)), 5), ["sum", "prod", "max", "min"][i % 4]
        x = draw(s, np.float32, edges=i % 3 == 0)
        axis, exclusive, reverse = int(rng.integers(0, len(s))), int(i // 4 % 2), int(i // 8 % 2)
        f = {"sum": np.add, "prod": np.multiply, "max": lambda a, b: signed_max(a, b, True), "min": lambda a, b: signed_max(a, b, False)}[kind]
        e = {"sum": 0, "prod": 1, "max": -np.inf, "min": np.inf}[kind]
        want = np.empty_like(x)
        for ix in np.ndindex(tuple(d for k, d in enumerate(s) if k != axis)):
            pos = lambda k: ix[:axis] + (k,) + ix[axis:]
            acc, order = None, range(s[axis] - 1, -1, -1) if reverse else range(s[axis])
            for k in order:
                if exclusive:
                    want[pos(k)] = e if acc is None else acc
                base = np.float32(e) if exclusive and acc is None else acc
                acc = x[pos(k)] if base is None else f(base, x[pos(k)])
                if not exclusive:
                    want[pos(k)] = acc
        yield "cumulate", make("cumulate", [x], f"axis={axis} kind={kind} exclusive={exclusive} reverse={reverse}", [want])
    for i in range(3 * SHAPES):
        rank = int(rng.integers(1, 4))
        s = tuple(int(v) for v in rng.integers(3, 7, rank))
        w, st, dil = rng.integers(1, 3, rank), rng.integers(1, 3, rank), rng.integers(1, 3, rank)
        lo, hi = rng.integers(0, 2, rank), rng.integers(0, 2, rank)
        kind = ["sum", "prod", "max", "min"][i % 4]
        x = draw(s, np.float32, edges=False)
        e = np.float32({"sum": 0, "prod": 1, "max": -np.inf, "min": np.inf}[kind])
        f = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}[kind]
        p = np.pad(x, list(zip(lo, hi)), constant_values=e)
        out = tuple(int((p.shape[k] - ((w[k] - 1) * dil[k] + 1)) // st[k] + 1) for k in range(rank))
        if min(out) <= 0: continue
        want = np.empty(out, np.float32)
        for o in np.ndindex(out):
            acc = e
            for k in np.ndindex(tuple(w)):
                acc = f(acc, p[tuple(o[d] * st[d] + k[d] * dil[d] for d in range(rank))])
            want[o] = acc
        attrs = f"kind={kind} window={ints(w)} strides={ints(st)} low={ints(lo)} high={ints(hi)} dilation={ints(dil)}"
        yield "reduce_window", make("reduce_window", [x], attrs, [want])
        if kind in ("max", "min"):
            dy, dx = draw(out, np.float32, edges=False), np.zeros(s, np.float32)
            for o in np.ndindex(out):
                best, at = None, None
                for k in np.ndindex(tuple(w)):
                    q = tuple(o[d] * st[d] + k[d] * dil[d] - lo[d] for d in range(rank))
                    if any(a < 0 or a >= s[d] for d, a in enumerate(q)): continue
                    if best is None or (x[q] > best if kind == "max" else x[q] < best): best, at = x[q], q
                if at: dx[at] = dx[at] + dy[o]
            yield "reduce_window_grad", make("reduce_window_grad", [x, dy], attrs, [dx])


def moves():
    for i in range(2 * SHAPES):
        dtype = NAMES[["f32", "i64", "u8", "bool", "f16"][i % 5]]
        s = shape(int(rng.integers(1, 5)))
        x = draw(s, dtype)
        yield "reshape", make("reshape", [x], f"dims={ints([x.size])}", [x.reshape(-1)])
        perm = rng.permutation(len(s))
        yield "transpose", make("transpose", [x], f"perm={ints(perm)}", [np.transpose(x, perm)])
        axes = sorted(rng.permutation(len(s))[:int(rng.integers(0, len(s) + 1))].tolist())
        yield "reverse", make("reverse", [x], f"axes={ints(axes)}", [np.flip(x, axes) if axes else x])
        start = [int(rng.integers(0, d + 1)) for d in s]
        limit = [int(rng.integers(a, d + 1)) for a, d in zip(start, s)]
        step = [int(rng.integers(1, 4)) for _ in s]
        want = x[tuple(slice(a, b, c) for a, b, c in zip(start, limit, step))]
        yield "slice", make("slice", [x], f"start={ints(start)} limit={ints(limit)} strides={ints(step)}", [want])
        size = [int(rng.integers(0, d + 1)) for d in s]
        at = rng.integers(-3, 9, len(s)).astype(np.int64)
        begin = [min(max(int(a), 0), d - n) for a, d, n in zip(at, s, size)]
        block = tuple(slice(b, b + n) for b, n in zip(begin, size))
        yield "dynamic_slice", make("dynamic_slice", [x, at], f"dims={ints(size)}", [x[block]])
        y, want = draw(tuple(size), dtype), x.copy()
        want[block] = y
        yield "dynamic_update", make("dynamic_update", [x, y, at], "", [want])
        lo, hi, mid = rng.integers(-1, 3, len(s)), rng.integers(-1, 3, len(s)), rng.integers(0, 3, len(s))
        spread = [0 if d == 0 else (d - 1) * (int(m) + 1) + 1 for d, m in zip(s, mid)]
        if all(d + a + b >= 0 for d, a, b in zip(spread, lo, hi)):
            value = draw((), dtype)
            big = np.full([d + 6 for d in spread], value, dtype)
            if x.size: big[tuple(slice(3, 3 + d, int(m) + 1) for d, m in zip(spread, mid))] = x
            want = big[tuple(slice(3 - int(a), 3 + d + int(b)) for d, a, b in zip(spread, lo, hi))]
            yield "pad", make("pad", [x, value], f"low={ints(lo)} high={ints(hi)} interior={ints(mid)}", [want])
        axis = int(rng.integers(0, len(s)))
        y = draw(s[:axis] + (int(rng.integers(0, 4)),) + s[axis + 1:], dtype)
        yield "concat", make("concat", [x, y, x], f"axis={axis}", [np.concatenate([x, y, x], axis)])
        rank = int(rng.integers(len(s), 6))
        place = sorted(rng.permutation(rank)[:len(s)].tolist())
        out, small = [int(v) for v in rng.integers(1, 4, rank)], list(s)
        for k, a in enumerate(place):
            if rng.random() < 0.4: small[k] = 1
            else: out[a] = s[k]
        z = draw(tuple(small), dtype)
        full = [1] * rank
        for k, a in enumerate(place): full[a] = small[k]
        yield "broadcast", make("broadcast", [z], f"dims={ints(out)} axes={ints(place)}", [np.broadcast_to(z.reshape(full), out)])
        yield "dim_of", make("dim_of", [x], f"axis={axis}", [np.array(s[axis], np.int64)])
        yield "iota", make("iota", [], f"type=i64 dims={ints(s)} axis={axis}", [np.broadcast_to(np.arange(s[axis]).reshape([-1 if k == axis else 1 for k in range(len(s))]), s).astype(np.int64)])
        if len(s) > 1:
            off = int(rng.integers(-2, 3))
            yield "tri", make("tri", [], f"dims={ints(s)} offset={off}", [np.broadcast_to(np.tri(s[-2], s[-1], off, dtype=bool), s)])
        yield "nonzero", nonzero_case(x)


def nonzero_case(x):
    want = np.flatnonzero(x).astype(np.int64)
    text = (f"leat graph 1\nnumerics 1\nsymbol n\nfunc main(x0: {typed(x)}) {{\n  %1 = nonzero(%0) count=n : i64[n]\n  return r0=%1\n}}\n")
    return Case(text, {"x0": x}, {"r0": want})


def indexed():
    for i in range(SHAPES):
        dtype = NAMES[["f32", "i32", "f64", "u8"][i % 4]]
        s = tuple(int(v) for v in rng.integers(1, 5, int(rng.integers(1, 4))))
        x, axis = draw(s, dtype, edges=False), int(rng.integers(0, len(s)))
        mode = ["clamp", "zero"][i % 2]
        index = rng.integers(-2, s[axis] + 2, shape(int(rng.integers(0, 3)), 4)).astype(np.int64)
        clamped = np.clip(index, 0, s[axis] - 1)
        want = np.take(x, clamped, axis)
        if mode == "zero":
            inside = ((index >= 0) & (index < s[axis])).reshape((1,) * axis + index.shape + (1,) * (len(s) - axis - 1))
            want = np.where(inside, want, 0).astype(dtype)
        yield "gather", make("gather", [x, index], f"axis={axis} mode={mode}", [want])
        kind = ["set", "add", "min", "max"][i % 4]
        y, out = draw(want.shape, dtype, edges=False), x.copy()
        for j in np.ndindex(index.shape):
            at = int(index[j])
            if mode == "zero" and not 0 <= at < s[axis]: continue
            at = min(max(at, 0), s[axis] - 1)
            to = (slice(None),) * axis + (at,)
            row = y[(slice(None),) * axis + j]
            out[to] = {"set": lambda a, b: b, "add": np.add, "min": lambda a, b: signed_max(a, b, False), "max": lambda a, b: signed_max(a, b, True)}[kind](out[to], row)
        yield "scatter", make("scatter", [x, index, y], f"axis={axis} kind={kind} mode={'drop' if mode == 'zero' else mode}", [out])
        ids, n = rng.integers(-1, 4, s[0]).astype(np.int64), 3
        what = ["sum", "prod", "max", "min"][i % 4]
        e = {"sum": 0, "prod": 1}.get(what)
        if e is None: e = (-np.inf if what == "max" else np.inf) if x.dtype.kind == "f" else getattr(np.iinfo(dtype), "min" if what == "max" else "max")
        out = np.full((n,) + s[1:], e, dtype)
        f = {"sum": np.add, "prod": np.multiply, "max": lambda a, b: signed_max(a, b, True), "min": lambda a, b: signed_max(a, b, False)}[what]
        for k, g in enumerate(ids):
            if 0 <= g < n: out[g] = f(out[g], x[k])
        yield "segment_reduce", make("segment_reduce", [x, ids], f"kind={what} count={n}", [out])
        z = draw(s, dtype)
        if z.dtype.kind == "f": key = np.where(np.isnan(z), np.inf, z)
        else: key = z.astype(np.float64)
        order = np.lexsort((np.isnan(z) if z.dtype.kind == "f" else np.zeros(s), key), axis) if False else stable_order(z, axis, False)
        yield "sort", make("sort", [z], f"axis={axis} descending=0", [np.take_along_axis(z, order, axis), order])
        k = int(rng.integers(0, s[-1] + 1))
        order = stable_order(np.where(np.isnan(z), np.inf, z) if z.dtype.kind == "f" else z, len(s) - 1, True, z)[..., :k]
        yield "top_k", make("top_k", [z], f"k={k}", [np.take_along_axis(z, order, -1), order])


def stable_order(z, axis, descending, nans=None):
    out = np.empty(z.shape, np.int64)
    src = nans if nans is not None else z
    moved, mo = np.moveaxis(src, axis, -1), np.moveaxis(out, axis, -1)
    for i in np.ndindex(moved.shape[:-1]):
        def key(k, v=moved[i]):
            nan = v.dtype.kind == "f" and np.isnan(v[k])
            x = 0 if nan else v[k].item()
            return (not nan, -x) if descending else (nan, x)
        mo[i] = sorted(range(moved.shape[-1]), key=key)
    return out


def fma_chain(a, b, dtype):
    """One fused multiply-add for each contracted index, exactly: in f64 for f32 through exact products and rounding to odd."""
    from fractions import Fraction
    acc = np.zeros(a.shape[:-1], dtype)
    if dtype == np.float64:
        return None
    for i in np.ndindex(acc.shape):
        s = np.float32(0)
        for x, y in zip(a[i], b[i]):
            s = round_f32(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(s)))
        acc[i] = s
    return acc


def round_f32(q):
    if q == 0:
        return np.float32(0)
    import math
    e = max(math.floor(math.log2(abs(q))) if abs(q) > 0 else 0, -126)
    while abs(q) >= 2 ** (e + 1): e += 1
    while abs(q) < 2 ** e and e > -126: e -= 1
    from fractions import Fraction
    unit = Fraction(2) ** (e - 23)
    n = round(q / unit)  # Python rounds halves to even
    return np.float32(float(n * unit))


def convolution(spatial):
    """One with everything drawn: extents, strides, padding that may crop, both dilations, groups; None where nothing is left."""
    groups, cg, og = int(rng.integers(1, 3)), int(rng.integers(1, 4)), int(rng.integers(1, 4))
    if rng.integers(0, 4) == 0: og = 37  # several vectors
    last = int(rng.integers(2, 19)) if spatial < 3 else int(rng.integers(2, 8))
    extent = np.append(rng.integers(2, 5, spatial - 1), last)
    window, strides = rng.integers(1, 4, spatial), rng.integers(1, 3, spatial)
    low, high = rng.integers(-1, 3, spatial), rng.integers(-1, 3, spatial)
    spread, spaced = rng.integers(1, 3, spatial), rng.integers(1, 3, spatial)
    x = draw((2, *extent, groups * cg), np.float32, -2, 2, False)
    kern = draw((*window, cg, groups * og), np.float32, -2, 2, False)
    big = np.zeros((2, *((extent - 1) * spread + 1), groups * cg), np.float32)
    big[(slice(None), *(slice(None, None, s) for s in spread))] = x
    big = np.pad(big, [(0, 0), *zip(np.maximum(low, 0), np.maximum(high, 0)), (0, 0)])
    big = big[(slice(None), *(slice(max(-l, 0), n - max(-h, 0)) for l, h, n in zip(low, high, big.shape[1:-1])))]
    reach = (window - 1) * spaced + 1
    out = (np.array(big.shape[1:-1]) - reach) // strides + 1
    if (np.array(big.shape[1:-1]) < reach).any(): return None
    a = np.empty((2, *out, groups * og, window.prod() * cg), np.float32)
    bb = np.empty_like(a)
    for cell in np.ndindex(*out):
        at = tuple(slice(c * s, c * s + r, d) for c, s, r, d in zip(cell, strides, reach, spaced))
        for o in range(groups * og):
            g = o // og
            a[(slice(None), *cell, o)] = big[(slice(None), *at, slice(g * cg, (g + 1) * cg))].reshape(2, -1)
            bb[(slice(None), *cell, o)] = kern[..., o].reshape(-1)
    attrs = f"strides={ints(strides)} low={ints(low)} high={ints(high)} lhs_dilation={ints(spread)} rhs_dilation={ints(spaced)} groups={groups} order=chain type=f32"
    return make("conv", [x, kern], attrs, [fma_chain(a, bb, np.float32)])


def linear():
    for i in range(SHAPES):
        b, m, k, n = (int(v) for v in rng.integers(1, 6, 4))
        x, y = draw((b, k, m), np.float32, -2, 2, False), draw((n, b, k), np.float32, -2, 2, False)
        left = np.broadcast_to(np.transpose(x, (0, 2, 1))[:, :, None, :], (b, m, n, k))
        right = np.broadcast_to(np.transpose(y, (1, 0, 2))[:, None, :, :], (b, m, n, k))
        attrs = "lhs_batch=[0] rhs_batch=[1] lhs_contract=[1] rhs_contract=[2]"
        yield "dot_general", make("dot_general", [x, y], attrs + " order=chain type=f32", [fma_chain(left, right, np.float32)])
        if k <= 16:  # one element a lane: plain products, folded
            lanes = np.zeros((b, m, n, 16), np.float32)
            lanes[..., :k] = left * right
            for half in (8, 4, 2, 1): lanes = lanes[..., :half] + lanes[..., half:2 * half]
            yield "dot_general", make("dot_general", [x, y], attrs + " order=lanes16 type=f32", [lanes[..., 0]])
        p, q = draw((m, k), np.int8), draw((k, n), np.int8)
        yield "dot_general", make("dot_general", [p, q], "lhs_batch=[] rhs_batch=[] lhs_contract=[1] rhs_contract=[0] order=chain type=i32",
                                  [(p.astype(np.int64) @ q.astype(np.int64)).astype(np.int32)])
        case = None
        while not case: case = convolution(1 + i % 3)
        yield "conv", case
        re, im = draw((2, int(rng.integers(1, 13))), np.float64, edges=False), None
        im = draw(re.shape, np.float64, edges=False)
        z = np.fft.ifft(re + 1j * im) if i % 2 else np.fft.fft(re + 1j * im)
        c = make("fft", [re, im], f"inverse={i % 2}", [z.real.copy(), z.imag.copy()])
        c.ulp = -1e-12
        yield "fft", c
        d = draw((3, 4), np.float32)
        yield "all_reduce", make("all_reduce", [d], "kind=sum", [d])
        yield "all_gather", make("all_gather", [d], "axis=0 workers=1", [d])
        yield "reduce_scatter", make("reduce_scatter", [d], "kind=sum axis=0 workers=1", [d])
        yield "reshape_dynamic", make("reshape_dynamic", [d, np.array([2, 6], np.int64)], "dims=[2, 6]", [d.reshape(2, 6)])


def random_case():
    """Philox4x32-10 written out, as Salmon et al. define it."""
    def philox(c, k):
        c, k = list(c), list(k)
        for _ in range(10):
            p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
            k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
        return c
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]  # published vector
    fp = 0x9AE16A3B2F90404F & 0xFFFFFFFF  # Fingerprint64("")
    for i in range(SHAPES):
        n, seed, step, it, first = int(rng.integers(0, 30)), int(rng.integers(0, 2**62)), int(rng.integers(0, 1000)), i, int(rng.integers(0, 9))
        want = [philox([(first + e) // 4, fp, step, it], [seed & 0xFFFFFFFF, seed >> 32])[(first + e) % 4] for e in range(n)]
        ins = [np.array(seed, np.uint64)] + [np.array(v, np.int64) for v in (step, it, first)]
        yield "random_bits", make("random_bits", ins, f'name="" type=u32 dims=[{n}]', [np.array(want, np.uint32)])


HEAD = "leat graph 1\nnumerics 1\n"


def func(name, inputs, lines, results):
    """inputs: (name, type) pairs; a line may use $NAME for a value; `results` are (name, value) pairs."""
    number = {n: i for i, (n, _) in enumerate(inputs)}
    text = f"func {name}({', '.join(f'{n}: {t}' for n, t in inputs)}) {{\n"
    at = len(inputs)
    for names, call, types in lines:
        for n in sorted(number, key=len, reverse=True):
            call = call.replace(f"${n}", f"%{number[n]}")
        for n in names:
            number[n] = at
            at += 1
        left = ", ".join(f"%{number[n]}" for n in names)
        text += f"  {left + ' = ' if names else ''}{call}{' : ' + ', '.join(types) if types else ''}\n"
    return text + "  return " + ", ".join(f"{n}=%{number[v]}" for n, v in results) + "\n}\n"


def floats(s):
    return draw(s, np.float32, -3, 3)


def control():
    for i in range(SHAPES):
        s = shape()
        x, y, t = floats(s), floats(s), typed(floats(s))
        add = func("f", [("a", t), ("b", t)], [(["c"], "add($a, $b)", [t]), (["d"], "mul($c, $b)", [t])], [("c", "c"), ("d", "d")])
        sub = func("g", [("a", t), ("b", t)], [(["c"], "sub($a, $b)", [t]), (["d"], "max($a, $b)", [t])], [("c", "c"), ("d", "d")])
        main = func("main", [("x", t), ("y", t)], [(["p", "q"], "call($x, $y) func=f", [t, t])], [("p", "p"), ("q", "q")])
        yield "call", Case(HEAD + add + main, {"x": x, "y": y}, {"p": x + y, "q": (x + y) * y})
        pick = np.array(bool(i % 2))
        main = func("main", [("c", "bool[]"), ("x", t), ("y", t)], [(["p", "q"], "cond($c, $x, $y) then=f else=g", [t, t])], [("p", "p"), ("q", "q")])
        want = (x + y, (x + y) * y) if pick else (x - y, signed_max(x, y, True))
        yield "cond", Case(HEAD + add + sub + main, {"c": pick, "x": x, "y": y}, {"p": want[0], "q": want[1]})
        # while: n counts down, x takes y along; a bound on the trips
        n, bound = int(rng.integers(0, 7)), int(rng.integers(0, 6)) if i % 3 == 0 else 0
        test = func("test", [("n", "i64[]"), ("a", t), ("b", t)], [(["z"], "const() value=i64[] {0}", ["i64[]"]), (["go"], "lt($z, $n)", ["bool[]"])], [("go", "go")])
        body = func("body", [("n", "i64[]"), ("a", t), ("b", t)], [(["o"], "const() value=i64[] {1}", ["i64[]"]), (["m"], "sub($n, $o)", ["i64[]"]),
                    (["c"], "mul($a, $b)", [t]), (["d"], "add($c, $b)", [t])], [("m", "m"), ("d", "d")])
        main = func("main", [("n", "i64[]"), ("x", t), ("y", t)], [(["m", "r"], f"while($n, $x, $y) test=test body=body carries=2 max_trips={bound}", ["i64[]", t])], [("m", "m"), ("r", "r")])
        trips, r = n if not bound else min(n, bound), x
        for _ in range(trips): r = r * y + y
        yield "while", Case(HEAD + test + body + main, {"n": np.array(n, np.int64), "x": x, "y": y}, {"m": np.array(n - trips, np.int64), "r": r})
        # scan: a running sum over rows that are scaled by the trip number and a captured array
        trips, back = int(rng.integers(0, 6)), i % 2
        rows, rt = floats((trips,) + s), typed(floats((trips,) + s))
        body = func("body", [("k", "i64[]"), ("a", t), ("row", t), ("y", t)],
                    [(["kf"], "cast($k) type=f32", ["f32[]"]), (["kb"], f"broadcast($kf) dims={ints(s)} axes=[]", [t]), (["c"], "mul($row, $y)", [t]),
                     (["d"], "add($c, $kb)", [t]), (["e"], "add($a, $d)", [t])], [("e", "e"), ("d", "d")])
        main = func("main", [("x", t), ("rows", rt), ("y", t)], [(["e", "all"], f"scan($x, $rows, $y) body=body carries=1 scanned=1 trips={trips} reverse={back}", [t, rt])], [("e", "e"), ("all", "all")])
        acc, every = x, np.zeros_like(rows)
        for k in (range(trips - 1, -1, -1) if back else range(trips)):
            every[k] = rows[k] * y + np.float32(k)
            acc = acc + every[k]
        yield "scan", Case(HEAD + body + main, {"x": x, "rows": rows, "y": y}, {"e": acc, "all": every})
        # custom_gradient: the value is that of the function (its gradient is checked in unit/graph_ops)
        grad = func("h", [("a", t), ("g", t)], [(["c"], "mul($a, $g)", [t])], [("c", "c")])
        one = func("f", [("a", t)], [(["c"], "mul($a, $a)", [t])], [("c", "c")])
        main = func("main", [("x", t)], [(["c"], "custom_gradient($x) func=f grad=h", [t])], [("c", "c")])
        yield "custom_gradient", Case(HEAD + one + grad + main, {"x": x}, {"c": x * x})
        a = draw(s, NAMES[(INTS + ["f32", "f64", "bool", "f16"])[i % 12]])
        yield "input", Case(HEAD + func("main", [("x", typed(a))], [], [("r", "x")]), {"x": a}, {"r": a})


def constants():
    """const: numbers in the text are read to the nearest value of the type."""
    for i in range(SHAPES):
        a = draw(shape(int(rng.integers(0, 3)), 4), NAMES[(INTS + ["f32", "f64", "bool"])[i % 11]])
        kind = a.dtype.kind
        words = [("true" if v else "false") if kind == "b" else str(int(v)) if kind in "iu" else
                 "NaN" if v != v else ("-" if v < 0 else "") + "Infinity" if np.isinf(v) else repr(float(v)) for v in a.flat]
        t = typed(a)
        yield "const", Case(HEAD + func("main", [], [(["c"], f"const() value={t} {{{', '.join(words)}}}", [t])], [("c", "c")]), {}, {"c": a})


def state():
    for i in range(SHAPES):
        s = shape(int(rng.integers(1, 4)), 5)
        w, x, t = floats(s), floats(s), typed(floats(s))
        head = HEAD + f"var w {t}\nvar v {t}\n"
        main = func("main", [("x", t)], [(["a"], "var_read() var=w", [t]), (["b"], "mul($a, $x)", [t]), ([], "var_next($b) var=w", []),
                                         ([], "var_next($a) var=v", [])], [("was", "a"), ("b", "b")])
        case = Case(head + main, {"x": x}, {"was": w, "b": w * x}, variables={"w": w, "v": x}, after={"w": w * x, "v": w})
        yield "var_read", case
        yield "var_next", case
        # row_update: rows of equal id are summed in order, then momentum is applied once to each distinct row
        rows, width, n = int(rng.integers(1, 6)), int(rng.integers(0, 4)), int(rng.integers(0, 9))
        ids = rng.integers(-2, rows + 2, n).astype(np.int64)
        table, slot, g, scale = floats((rows, width)), floats((rows, width)), floats((n, width)), np.array(0.5, np.float32)
        rt = f"f32[rows, {width}]"
        rule = func("rule", [("a", rt), ("m", rt), ("g", rt), ("k", "f32[]")],
                    [(["kb"], f"broadcast($k) dims=[rows, {width}] axes=[]", [rt]), (["c"], "mul($m, $kb)", [rt]), (["d"], "add($c, $g)", [rt]),
                     (["e"], "sub($a, $d)", [rt])], [("e", "e"), ("d", "d")])
        tt = typed(table)
        main = func("main", [("ids", typed(ids)), ("g", typed(g)), ("k", "f32[]")],
                    [([], "row_update($ids, $g, $k) vars=[w, v] func=rule", [])], [("ids", "ids")])
        w2, v2, sums = table.copy(), slot.copy(), {}
        for j, row in zip(ids.tolist(), g):
            if 0 <= j < rows: sums[j] = sums[j] + row if j in sums else row
        for j, total in sums.items():
            v2[j] = slot[j] * scale + total
            w2[j] = table[j] - v2[j]
        yield "row_update", Case(HEAD + "symbol rows\n" + f"var w {tt}\nvar v {tt}\n" + rule + main, {"ids": ids, "g": g, "k": scale}, {"ids": ids},
                                 variables={"w": table, "v": slot}, after={"w": w2, "v": v2})
        # assert, print
        ok = draw(shape(), np.bool_)
        main = func("main", [("x", typed(ok))], [([], 'assert($x) message="all of them"', [])], [("x", "x")])
        yield "assert", Case(HEAD + main, {"x": ok}, {"x": ok}, fails=None if ok.all() else "all of them")
        main = func("main", [("x", t)], [([], 'print($x) message="look"', [])], [("x", "x")])
        yield "print", Case(HEAD + main, {"x": x}, {"x": x}, says=f"look: {t}")


def rotate(v, by):
    return ((v >> by) | (v << (64 - by))) & M if by else v


M = (1 << 64) - 1
K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def fingerprint64(s):
    """FarmHash's na::Hash64, in Python's own integers."""
    n, word = len(s), lambda i, w=8: int.from_bytes(s[i:i + w], "little")
    smix = lambda v: v ^ (v >> 47)
    def len16(u, v, mul):
        a = ((u ^ v) * mul) & M
        a ^= a >> 47
        b = ((v ^ a) * mul) & M
        b ^= b >> 47
        return (b * mul) & M
    def weak(at, a, b):
        w, x, y, z = word(at), word(at + 8), word(at + 16), word(at + 24)
        a = (a + w) & M
        b = rotate((b + a + z) & M, 21)
        c = a
        a = (a + x + y) & M
        b = (b + rotate(a, 44)) & M
        return (a + z) & M, (b + c) & M
    if n <= 16:
        if n >= 8:
            mul, a, b = K2 + 2 * n, (word(0) + K2) & M, word(n - 8)
            c, d = (rotate(b, 37) * mul + a) & M, ((rotate(a, 25) + b) * mul) & M
            return len16(c, d, mul & M)
        if n >= 4:
            return len16((n + (word(0, 4) << 3)) & M, word(n - 4, 4), (K2 + 2 * n) & M)
        if n:
            y, z = s[0] + (s[n >> 1] << 8), n + (s[n - 1] << 2)
            return (smix((y * K2 & M) ^ (z * K0 & M)) * K2) & M
        return K2
    mul = (K2 + 2 * n) & M
    if n <= 32:
        a, b, c, d = word(0) * K1 & M, word(8), word(n - 8) * mul & M, word(n - 16) * K2 & M
        return len16((rotate((a + b) & M, 43) + rotate(c, 30) + d) & M, (a + rotate((b + K2) & M, 18) + c) & M, mul)
    if n <= 64:
        a, b, c, d = word(0) * K2 & M, word(8), word(n - 8) * mul & M, word(n - 16) * K2 & M
        y = (rotate((a + b) & M, 43) + rotate(c, 30) + d) & M
        z = len16(y, (a + rotate((b + K2) & M, 18) + c) & M, mul)
        e, f, g, h = word(16) * mul & M, word(24), (y + word(n - 32)) * mul & M, (z + word(n - 24)) * mul & M
        return len16((rotate((e + f) & M, 43) + rotate(g, 30) + h) & M, (e + rotate((f + a) & M, 18) + g) & M, mul)
    x, y = 81, (81 * K1 + 113) & M
    z = smix((y * K2 + 113) & M) * K2 & M
    v, w = (0, 0), (0, 0)
    x = (x * K2 + word(0)) & M
    at, last = 0, ((n - 1) // 64) * 64
    while at != last:
        x = rotate((x + y + v[0] + word(at + 8)) & M, 37) * K1 & M
        y = rotate((y + v[1] + word(at + 48)) & M, 42) * K1 & M
        x ^= w[1]
        y = (y + v[0] + word(at + 40)) & M
        z = rotate((z + w[0]) & M, 33) * K1 & M
        v = weak(at, v[1] * K1 & M, (x + w[0]) & M)
        w = weak(at + 32, (z + w[1]) & M, (y + word(at + 16)) & M)
        z, x = x, z
        at += 64
    mul, at = (K1 + ((z & 0xFF) << 1)) & M, n - 64
    w = ((w[0] + ((n - 1) & 63)) & M, w[1])
    v = ((v[0] + w[0]) & M, v[1])
    w = ((w[0] + v[0]) & M, w[1])
    x = rotate((x + y + v[0] + word(at + 8)) & M, 37) * mul & M
    y = rotate((y + v[1] + word(at + 48)) & M, 42) * mul & M
    x ^= w[1] * 9 & M
    y = (y + v[0] * 9 + word(at + 40)) & M
    z = rotate((z + w[0]) & M, 33) * mul & M
    v = weak(at, v[1] * mul & M, (x + w[0]) & M)
    w = weak(at + 32, (z + w[1]) & M, (y + word(at + 16)) & M)
    z, x = x, z
    return len16((len16(v[0], w[0], mul) + smix(y) * K0 + z) & M, (len16(v[1], w[1], mul) + x) & M, mul)


def siphash(s, k0, k1):
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]
    turn = lambda x, by: rotate(x, 64 - by)
    def rounds(n):
        for _ in range(n):
            v[0] = (v[0] + v[1]) & M; v[1] = turn(v[1], 13) ^ v[0]; v[0] = turn(v[0], 32)
            v[2] = (v[2] + v[3]) & M; v[3] = turn(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & M; v[3] = turn(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & M; v[1] = turn(v[1], 17) ^ v[2]; v[2] = turn(v[2], 32)
    padded = s + bytes(7 - len(s) % 8) + bytes([len(s) & 255])
    for i in range(0, len(padded), 8):
        m = int.from_bytes(padded[i:i + 8], "little")
        v[3] ^= m
        rounds(2)
        v[0] ^= m
    v[2] ^= 255
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def fingerprint_cat(a, b):
    mul, smix = 0xC6A4A7935BD1E995, lambda v: v ^ (v >> 47)
    r = a ^ mul
    r ^= smix(b * mul & M) * mul & M
    r = r * mul & M
    r = smix(r) * mul & M
    return smix(r)


def hosts():
    """host_call: each function of the table on random strings of ASCII (the empty one among them), against plain Python."""
    letters = "abcXYZ 0\t.-"
    def words(s, most=9):
        w = np.empty(s, object)
        for i in np.ndindex(s): w[i] = "".join(rng.choice(list(letters), int(rng.integers(0, most))))
        return w
    def strings(w):
        return f"string[{', '.join(map(str, w.shape))}] {{{', '.join(json.dumps(v) for v in w.flat)}}}"
    def call(name, args, params, want):
        """args: arrays of str (constants) or of numbers (inputs); results are compared as numbers, strings by string_eq."""
        lines, ins, operands = [], [], []
        given = {}
        for k, a in enumerate(args):
            if a.dtype == object:
                lines.append(([f"a{k}"], f"const() value={strings(a)}", [f"string[{', '.join(map(str, a.shape))}]"]))
            else:
                ins.append((f"a{k}", typed(a)))
                given[f"a{k}"] = a
            operands.append(f"$a{k}")
        out = f"string[{', '.join(map(str, want.shape))}]" if want.dtype == object else typed(want)
        head = HEAD
        if name == "string_split":
            out = f"string[{want.shape[0]}, w]"
            head += "symbol w\n"
        lines.append((["r"], f'host_call({", ".join(operands)}) name="{name}" params={json.dumps([str(p) for p in params])}', [out]))
        if want.dtype != object:
            return Case(head + func("main", ins, lines, [("r", "r")]), given, {"r": want})
        if name == "string_split":
            lines.append((["n"], "dim_of($r) axis=1", ["i64[]"]))
            lines.append((["t"], 'host_call($r) name="fingerprint" params=[]', [f"u64[{want.shape[0]}, w]"]))
            hashes = np.array([fingerprint64(v.encode()) for v in want.flat], np.uint64).reshape(want.shape)
            return Case(head + func("main", ins, lines, [("t", "t")]), given, {"t": hashes})
        lines.append((["e"], f"const() value={strings(want)}", [out]))
        lines.append((["b"], 'host_call($r, $e) name="string_eq" params=[]', [out.replace("string", "bool")]))
        return Case(head + func("main", ins, lines, [("b", "b")]), given, {"b": np.ones(want.shape, bool)})
    each = lambda f, *ws: np.array([f(*v) for v in zip(*(w.flat for w in ws))], object).reshape(ws[0].shape)
    number = lambda w, dtype: np.array(list(w.flat), dtype).reshape(w.shape)
    for i in range(SHAPES):
        s = shape(int(rng.integers(1, 4)), 4)
        x, y, longer = words(s), words(s), words(s, [20, 40, 70, 300][i % 4])
        yield "string_strip", call("string_strip", [x], [" \t"], each(lambda v: v.strip(" \t"), x))
        yield "string_lower", call("string_lower", [x], [], each(str.lower, x))
        yield "string_upper", call("string_upper", [x], [], each(str.upper, x))
        yield "string_length", call("string_length", [x], [], number(each(len, x), np.int64))
        yield "string_join", call("string_join", [x, y], ["_X_"], each(lambda a, b: a + "_X_" + b, x, y))
        yield "string_eq", call("string_eq", [x, y], [], number(each(lambda a, b: a == b, x, y), bool))
        yield "string_eq", call("string_eq", [x, x], [], np.ones(s, bool))
        n = rng.integers(-10**6, 10**6, s)
        texts = np.array([str(v) if v % 3 else "" for v in n.flat], object).reshape(s)
        yield "string_to_number", call("string_to_number", [texts], ["i64", "-1"], np.where(n % 3 == 0, -1, n).astype(np.int64))
        f = floats(s)
        texts = np.array([repr(float(v)) for v in f.flat], object).reshape(s)
        texts = each(lambda v: v.replace("inf", "Infinity"), texts)
        yield "string_to_number", call("string_to_number", [texts], ["f32", ""], f)
        kinds = INTS + ["bool"]
        v = draw(s, NAMES[kinds[i % 9]])
        yield "as_string", call("as_string", [v], [], np.array([str(k).lower() for k in v.flat], object).reshape(s))
        table = np.array(sorted(set(words((6,)).flat)), object)
        found = each(lambda k: list(table).index(k) if k in table else -1, x)
        yield "vocab_lookup", call("vocab_lookup", [x, table], [], number(found, np.int64))
        yield "hash_bucket", call("hash_bucket", [longer], [1000], number(each(lambda k: fingerprint64(k.encode()) % 1000, longer), np.int64))
        yield "fingerprint", call("fingerprint", [longer], [], number(each(lambda k: fingerprint64(k.encode()), longer), np.uint64))
        yield "hash_bucket_strong", call("hash_bucket_strong", [longer], [997, 11, i], number(each(lambda k: siphash(k.encode(), 11, i) % 997, longer), np.int64))
        a, b = (rng.integers(0, 2**63, s).astype(np.uint64) for _ in range(2))
        want = np.array([fingerprint_cat(int(p), int(q)) for p, q in zip(a.flat, b.flat)], np.uint64).reshape(s)
        yield "fingerprint_cat", call("fingerprint_cat", [a, b], [], want)
        flat = words((int(rng.integers(1, 5)),), 14)
        pieces = [v.split("0") if v else [""] for v in flat]
        pieces = [p[:-1] if len(p) > 1 and p[-1] == "" else p for p in pieces]
        width = max([1] + [len(p) for p in pieces])
        split = np.array([p + [""] * (width - len(p)) for p in pieces], object).reshape(len(flat), width)
        yield "string_split", call("string_split", [flat], ["0", "w"], split)
        ids = rng.integers(0 if i % 2 else -1, 3, s).astype(np.int64)
        case = call("string_range_check", [ids, x], ["not there"], ids)
        if (ids < 0).any(): case.fails = "not there"
        yield "string_range_check", case


def compare(want, got, ulp):
    want = np.array(want, order="C")
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{typed(got)}, expected {typed(want)}"
    if want.dtype.kind != "f" or ulp == 0:
        same = (got == want) | ((got != got) & (want != want)) if want.dtype.kind == "f" else got == want
        if want.dtype.kind == "f":
            same &= (np.signbit(got) == np.signbit(want)) | (got != 0) | np.isnan(want)
        return None if same.all() else f"{got[~same].flat[0]!r}, expected {want[~same].flat[0]!r}"
    g, w = got.astype(np.float64), want.astype(np.float64)
    fine = (g == w) | (np.isnan(g) & np.isnan(w))
    if ulp < 0: fine |= np.abs(g - w) <= -ulp * (1 + np.abs(w))
    else: fine |= np.abs(g - w) <= ulp * np.abs(np.spacing(want)).astype(np.float64)
    return None if fine.all() else f"{g[~fine].flat[0]!r}, expected {w[~fine].flat[0]!r}"


def run(tmp, case):
    """What is wrong with the case, or None."""
    g, i, o = tmp / "g.leat", tmp / "in.safetensors", tmp / "out.safetensors"
    g.write_text(case.text)
    save(i, case.inputs)
    command = [LEAT, "graph", "run", g, "--inputs", i, "--outputs", o]
    if case.variables is not None:
        save(tmp / "before.safetensors", case.variables)
        command += ["--variables", tmp / "before.safetensors", "--variables-out", tmp / "after.safetensors"]
    done = subprocess.run(command, capture_output=True, text=True)
    if case.fails:
        return None if done.returncode and case.fails in done.stderr else f"did not fail with '{case.fails}': {done.stderr}"
    if done.returncode:
        return done.stderr.strip()
    if case.says and case.says not in done.stderr:
        return f"'{case.says}' was not printed: {done.stderr}"
    got = load(o)
    if case.after is not None:
        got.update({"after " + n: v for n, v in load(tmp / "after.safetensors").items()})
    want = dict(case.want, **{"after " + n: v for n, v in (case.after or {}).items()})
    for name, value in want.items():
        problem = compare(np.asarray(value), got[name], case.ulp)
        if problem:
            return f"{name}: {problem}"
    return None


def custom_call():
    """custom_call through the C API of the shared library: y = x^3 computed by Python, in a graph."""
    import ctypes as c
    lib = c.CDLL(str(LEAT.parent / "libleat.so"))
    class Type(c.Structure): _fields_ = [("dtype", c.c_int), ("rank", c.c_int), ("dims", c.c_int64 * 8)]
    class Error(c.Structure): _fields_ = [("status", c.c_int), ("message", c.c_char * 1024)]
    class Str(c.Structure): _fields_ = [("ptr", c.c_char_p), ("len", c.c_size_t)]
    SHAPE = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.POINTER(Type), c.c_int, c.POINTER(Type), c.POINTER(Error))
    EVAL = c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(c.c_void_p), c.c_int, c.POINTER(c.c_void_p), c.POINTER(Error))
    class Custom(c.Structure): _fields_ = [("name", c.c_char_p), ("outputs", c.c_int), ("context", c.c_void_p), ("shape", SHAPE), ("eval", EVAL), ("grad", c.c_void_p)]
    for name in ("leat_tensor_data", "leat_tensor_dims", "leat_graph_func_at"): getattr(lib, name).restype = c.c_void_p
    lib.leat_tensor_count.restype = c.c_int64
    F32 = 12
    def array(t):
        t = c.c_void_p(t)
        n, rank = lib.leat_tensor_count(t), lib.leat_tensor_rank(t)
        dims = c.cast(lib.leat_tensor_dims(t), c.POINTER(c.c_int64))[:rank]
        return np.frombuffer(c.string_at(lib.leat_tensor_data(t), n * 4), np.float32).reshape(dims).copy()
    def tensor(a):
        out, e, raw = c.c_void_p(), Error(), np.ascontiguousarray(a).tobytes()
        assert lib.leat_tensor_copy_of(c.byref(out), F32, a.ndim, (c.c_int64 * 8)(*a.shape), raw, c.byref(e)) == 0, e.message
        return out
    def shape_of(context, graph, types, count, out, err):
        out[0] = types[0]
        return 0
    def evaluate(context, inputs, count, outputs, err):
        x = array(inputs[0])
        outputs[0] = tensor(x * x * x).value
        return 0
    custom = Custom(b"cube", 1, None, SHAPE(shape_of), EVAL(evaluate), None)
    e = Error()
    assert lib.leat_custom_register(c.byref(custom), c.byref(e)) == 0, e.message
    for i in range(SHAPES):
        x = floats(shape())
        t = typed(x)
        text = (HEAD + func("main", [("x", t)], [(["y"], 'custom_call($x) name="cube" params=[]', [t])], [("y", "y")])).encode()
        graph, ex, out = c.c_void_p(), c.c_void_p(), c.c_void_p()
        ok = lib.leat_graph_parse(c.byref(graph), Str(text, len(text)), b"g", None, c.byref(e)) == 0
        ok = ok and lib.leat_exec_new(c.byref(ex), c.c_void_p(lib.leat_graph_func_at(graph, c.c_size_t(0))), None, c.byref(e)) == 0
        given = tensor(x)
        ok = ok and lib.leat_exec_run(ex, None, c.byref(given), 1, c.byref(out), c.byref(e)) == 0
        yield (compare(x * x * x, array(out.value), 0) if ok else e.message.decode()), text.decode()
        for v in (given, out): lib.leat_tensor_unref(v)
        lib.leat_exec_free(ex)
        lib.leat_graph_free(graph)


def main():
    counts, bad = {}, {}
    def note(op, problem, text):
        counts[op] = counts.get(op, 0) + 1
        if problem:
            bad.setdefault(op, []).append((problem, text))
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        for source in (elementwise, reductions, moves, indexed, linear, random_case, control, constants, state, hosts):
            for op, case in source():
                problem = run(tmp, case)
                note(op, problem, case.text)
                if source is hosts:
                    note("host_call", problem, case.text)
    for problem, text in custom_call():
        note("custom_call", problem, text)
    listed = subprocess.run([LEAT, "graph", "ops"], capture_output=True, text=True).stdout
    rows = [line.split()[0] for line in listed.splitlines()]
    for op in sorted(counts):
        for problem, text in bad.get(op, [])[:2]:
            print(f"# {op}: {problem}\n# " + text.replace("\n", "\n# "))
        print(("not ok " if op in bad else "ok ") + f"{op}: {counts[op]} cases")
    lacking = [op for op in rows if counts.get(op, 0) < min(SHAPES, 20)]
    print(("not ok" if lacking else "ok") + f" every row of the op table has a reference: {len(rows)} rows" + (f", lacking {lacking}" if lacking else ""))
    return 1 if bad or lacking else 0


if __name__ == "__main__":
    sys.exit(main())
