#!/usr/bin/env python3
"""Makes the golden cases of this folder with numpy in f64: optimisers and losses from their formulas."""
# SPDX-License-Identifier: Apache-2.0
#
# Inputs are f32; every reference is computed in f64 on those inputs. The form is what the golden
# program reads: cases/GROUP/index.json and cases/GROUP/tensors.safetensors.
import json
import pathlib
import struct

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
rng = np.random.default_rng(7)
ST = {"float32": "F32", "float64": "F64", "int64": "I64"}


def write(group, cases, tensors):
    folder = HERE / "cases" / group
    folder.mkdir(parents=True, exist_ok=True)
    header, blobs, at = {}, [], 0
    for name, a in tensors.items():
        raw = np.ascontiguousarray(a).tobytes()
        header[name] = {"dtype": ST[str(a.dtype)], "shape": list(a.shape), "data_offsets": [at, at + len(raw)]}
        blobs.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "tensors.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    (folder / "index.json").write_text(json.dumps({"group": group, "format": 1, "cases": cases}, indent=1) + "\n")


def case(name, params, inputs, outputs, tensors):
    for k, v in inputs.items():
        tensors[f"{name}/in/{k}"] = v
    outs = {}
    for k, v in outputs.items():
        tensors[f"{name}/out/{k}"] = np.asarray(v, np.float64)
        most = float(np.max(np.abs(v)))
        outs[k] = {"tensor": f"{name}/out/{k}", "rtol": 1e-5, "atol": max(4e-6 * most, 1e-7)}
    return {"name": name, "params": params, "inputs": {k: f"{name}/in/{k}" for k in inputs}, "outputs": outs}


def beta(b):
    return float(np.float32(b)), float(np.float32(1) - np.float32(b))  # held as f32, like TensorFlow


def optimise(kind, x, grads, p):
    x, xs = x.astype(np.float64), []
    a = np.full_like(x, p.get("initial_accumulator_value", 0.0))
    v = np.zeros_like(x)
    for t, g in enumerate(grads.astype(np.float64), 1):
        if kind == "sgd":
            x = x - p["lr"] * g
        elif kind in ("momentum", "nesterov"):
            a = p["momentum"] * a + g
            x = x - p["lr"] * (g + p["momentum"] * a if kind == "nesterov" else a)
        elif kind == "adagrad":
            a = a + g * g
            x = x - p["lr"] * g / np.sqrt(a)
        elif kind == "adam":
            (b1, c1), (b2, c2) = beta(p["beta1"]), beta(p["beta2"])
            a, v = b1 * a + c1 * g, b2 * v + c2 * g * g
            x = x - p["lr"] * np.sqrt(1 - p["beta2"] ** t) / (1 - p["beta1"] ** t) * a / (np.sqrt(v) + p["epsilon"])
        elif kind == "ftrl":
            n = a + g * g
            v = v + g - (np.sqrt(n) - np.sqrt(a)) / p["lr"] * x
            a = n
            x = np.where(np.abs(v) > p["l1"], (np.sign(v) * p["l1"] - v) / (np.sqrt(n) / p["lr"] + 2 * p["l2"]), 0)
        xs.append(x)
    slots = {"momentum": {"slot_momentum": a}, "nesterov": {"slot_momentum": a}, "adagrad": {"slot_accumulator": a},
             "adam": {"slot_m": a, "slot_v": v}, "ftrl": {"slot_accum": a, "slot_linear": v}}.get(kind, {})
    return {"x": np.stack(xs), **slots}


def optimizers():
    cases, tensors = [], {}
    for kind, p in [("sgd", {"lr": 0.05}), ("momentum", {"lr": 0.05, "momentum": 0.9}), ("nesterov", {"lr": 0.03, "momentum": 0.8}),
                    ("adagrad", {"lr": 0.05, "initial_accumulator_value": 0.1}), ("adam", {"lr": 0.05, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
                    ("ftrl", {"lr": 0.1, "initial_accumulator_value": 0.1, "l1": 0.2, "l2": 0.1})]:
        x, g = rng.normal(size=9).astype(np.float32), rng.normal(size=(20, 9)).astype(np.float32)
        cases.append(case("v1_" + kind, p, {"x0": x, "grads": g}, optimise(kind, x, g, p), tensors))
    write("optimizers", cases, tensors)


def losses():
    cases, tensors = [], {}
    for reduction in ("sum", "mean", "sum_over_batch_size", "sum_by_nonzero_weights"):
        x = (3 * rng.normal(size=(6, 4))).astype(np.float32)
        x[0, 0] = 0
        w = rng.integers(0, 3, (6, 4)).astype(np.float32)
        z = rng.integers(0, 2, (6, 4)).astype(np.float32)
        y = rng.normal(size=(6, 4)).astype(np.float32)
        xd = x.astype(np.float64)
        for name, key, target, l, d in [("sigmoid_ce", "logits", z, np.logaddexp(0, xd) - xd * z, 1 / (1 + np.exp(-xd)) - z),
                                        ("mse", "predictions", y, (xd - y) ** 2, 2 * (xd - y))]:
            over = {"sum": 1.0, "mean": w.sum(), "sum_over_batch_size": w.size, "sum_by_nonzero_weights": (w != 0).sum()}[reduction]
            cases.append(case(f"{name}_weighted_{reduction}", {"reduction": reduction}, {key: x, "labels": target, "weights": w},
                              {"loss": (w * l).sum() / over, "unreduced": l, "grad": w * d / over}, tensors))
        ids = rng.integers(0, 4, 6)
        p = np.exp(xd - xd.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        hot = np.eye(4)[ids]
        l, over = -np.log((p * hot).sum(1)), {"sum": 1.0}.get(reduction, 6.0)
        cases.append(case(f"softmax_ce_sparse_{reduction}", {"reduction": reduction}, {"logits": x, "labels": ids.astype(np.int64)},
                          {"loss": l.sum() / over, "unreduced": l, "grad": (p - hot) / over}, tensors))
    write("losses", cases, tensors)


if __name__ == "__main__":
    optimizers()
    losses()
