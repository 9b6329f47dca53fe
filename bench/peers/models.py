#!/usr/bin/env python3
"""The models of bench/models.c in JAX and PyTorch: training steps, one thread, as their users would tune them."""
# SPDX-License-Identifier: Apache-2.0
import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
import json
import time

import jax
import jax.numpy as jnp
import numpy as np

try:
    import torch
    torch.set_num_threads(1)
except ImportError:
    torch = None

RNG = np.random.default_rng(1)
RATE, SCAN = 0.01, 50


def best(step, calls=1, rounds=7, seconds=0.1):
    """Microseconds of one step, the least of several rounds."""
    step()
    least = 1e30
    for _ in range(rounds):
        n, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            step()
            n += 1
        least = min(least, (time.perf_counter() - start) / (n * calls))
    return least * 1e6


def weights(*shapes):
    return [(RNG.random(s) * 0.2 - 0.1).astype(np.float32) for s in shapes]


def layers(widths):
    return [s for a, b in zip(widths, widths[1:]) for s in ((a, b), (b,))]


def mlp(np_, w, x, activation, last):
    for i in range(0, len(w), 2):
        x = x @ w[i] + w[i + 1]
        if i + 2 < len(w) or last:
            x = activation(x)
    return x


def model(name):
    """(weights, inputs, target, forward in JAX, forward in PyTorch)"""
    f32 = np.float32
    if name == "odd":
        w = weights(*layers([37, 61, 43, 17, 3]))
        x, y = RNG.random((57, 37), f32), RNG.random((57, 3), f32)
        return w, x, y, lambda w, x: mlp(jnp, w, x, jax.nn.relu, False), lambda w, x: mlp(torch, w, x, torch.relu, False)
    if name == "deep":
        w = weights(*layers([24] * 25))
        x, y = RNG.random((32, 24), f32), RNG.random((32, 24), f32)
        return w, x, y, lambda w, x: mlp(jnp, w, x, jnp.tanh, True), lambda w, x: mlp(torch, w, x, torch.tanh, True)
    if name == "wide":
        w = weights((50000, 16), *layers([26 * 16, 256, 64, 1]))
        x, y = RNG.integers(0, 50000, (128, 26)), RNG.random((128, 1), f32)
        return (w, x, y, lambda w, x: mlp(jnp, w[1:], w[0][x].reshape(128, -1), jax.nn.relu, False),
                lambda w, x: mlp(torch, w[1:], torch.nn.functional.embedding(x, w[0], sparse=True).reshape(128, -1), torch.relu, False))
    if name == "recurrent":
        w = weights((24, 64), (64, 64), (64,))
        x, y = RNG.random((64, 16, 24), f32), RNG.random((16, 64), f32)

        def jax_forward(w, x):
            return jax.lax.scan(lambda h, row: (jnp.tanh(row @ w[0] + h @ w[1] + w[2]), None), jnp.zeros((16, 64)), x)[0]

        def torch_forward(w, x):
            h = torch.zeros(16, 64)
            for row in x @ w[0] + w[2]:
                h = torch.tanh(row + h @ w[1])
            return h
        return w, x, y, jax_forward, torch_forward
    w = weights((3, 3, 3, 8), (3, 3, 8, 16), (1024, 10), (10,))
    x, y = RNG.random((32, 16, 16, 3), f32), RNG.random((32, 10), f32)
    numbers = ("NHWC", "HWIO", "NHWC")

    def jax_forward(w, x):
        x = jax.nn.relu(jax.lax.conv_general_dilated(x, w[0], (1, 1), "SAME", dimension_numbers=numbers))
        x = jax.nn.relu(jax.lax.conv_general_dilated(x, w[1], (2, 2), "SAME", dimension_numbers=numbers))
        return x.reshape(32, -1) @ w[2] + w[3]

    def torch_forward(w, x):
        pad = torch.nn.functional.pad
        x = torch.relu(torch.conv2d(pad(x.permute(0, 3, 1, 2), (1, 1, 1, 1)), w[0].permute(3, 2, 0, 1)))
        x = torch.relu(torch.conv2d(pad(x, (0, 1, 0, 1)), w[1].permute(3, 2, 0, 1), stride=2))
        return x.permute(0, 2, 3, 1).reshape(32, -1) @ w[2] + w[3]
    return w, x, y, jax_forward, torch_forward


def in_jax(w, x, y, forward):
    def step(w, _):
        loss, g = jax.value_and_grad(lambda w: jnp.mean((forward(w, x) - y) ** 2))(w)
        return [a - RATE * b for a, b in zip(w, g)], loss
    one = jax.jit(lambda w: step(w, None), donate_argnums=0)
    many = jax.jit(lambda w: jax.lax.scan(step, w, None, length=SCAN), donate_argnums=0)
    out = {}
    for name, run, calls in (("jax jit", one, 1), ("jax scan", many, SCAN)):
        state = [[jnp.array(a) for a in w]]

        def go():
            state[0], loss = run(state[0])
            loss.block_until_ready()
        out[name] = best(go, calls)
    return out


def in_torch(w, x, y, forward):
    w = [torch.tensor(a, requires_grad=True) for a in w]
    x, y = torch.tensor(x), torch.tensor(y)
    optimizer = torch.optim.SGD(w, lr=RATE)

    def go():
        optimizer.zero_grad(set_to_none=True)
        ((forward(w, x) - y) ** 2).mean().backward()
        optimizer.step()
    return {"pytorch": best(go)}


def main():
    for name in ("odd", "deep", "wide", "recurrent", "conv"):
        w, x, y, jax_forward, torch_forward = model(name)
        peers = in_jax(w, jnp.array(x), jnp.array(y), jax_forward)
        if torch:
            peers.update(in_torch(w, x, y, torch_forward))
        print(json.dumps({"name": f"model-{name}", "peers": peers}), flush=True)


if __name__ == "__main__":
    main()
