#!/usr/bin/env python3
"""The network of bench/mlp.c in JAX, PyTorch and ONNX Runtime, one thread, as their users would tune them."""
# SPDX-License-Identifier: Apache-2.0
import json

from models import RNG, SCAN, best, jax, jnp, layers, np, torch, weights

WIDTHS = [100, 100, 70, 50, 25, 1]
RATE = 0.05


def forward(relu, w, x):
    for i in range(0, len(w), 2):
        x = x @ w[i] + w[i + 1]
        if i + 2 < len(w):
            x = relu(x)
    return x


def jax_training(w, x, y):
    def step(state, _):
        w, slots = state

        def loss_of(w):
            z = forward(jax.nn.relu, w, x)
            return jnp.mean(jax.nn.softplus(z) - z * y)
        loss, g = jax.value_and_grad(loss_of)(w)
        slots = [s + d * d for s, d in zip(slots, g)]
        return ([a - RATE * d * jax.lax.rsqrt(s) for a, d, s in zip(w, g, slots)], slots), loss
    out = {}
    one = jax.jit(lambda s: step(s, None), donate_argnums=0)
    many = jax.jit(lambda s: jax.lax.scan(step, s, None, length=SCAN), donate_argnums=0)
    for name, run, calls in (("jax jit", one, 1), ("jax scan", many, SCAN)):
        state = [([jnp.array(a) for a in w], [jnp.full(a.shape, 0.1) for a in w])]

        def go():
            state[0], loss = run(state[0])
            loss.block_until_ready()
        out[name] = best(go, calls)
    return out


def torch_training(w, x, y):
    w = [torch.tensor(a, requires_grad=True) for a in w]
    x, y = torch.tensor(x), torch.tensor(y)
    try:
        optimizer = torch.optim.Adagrad(w, lr=RATE, initial_accumulator_value=0.1, fused=True)
    except (TypeError, RuntimeError):
        optimizer = torch.optim.Adagrad(w, lr=RATE, initial_accumulator_value=0.1, foreach=True)

    def go():
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.binary_cross_entropy_with_logits(forward(torch.relu, w, x), y).backward()
        optimizer.step()
    return {"pytorch fused": best(go)}


def onnx_session(w):
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
    nodes, at = [], "x"
    for i in range(0, len(w), 2):
        nodes.append(helper.make_node("Gemm", [at, f"w{i}", f"w{i + 1}"], [f"z{i}"]))
        at = f"z{i}"
        if i + 2 < len(w):
            nodes.append(helper.make_node("Relu", [at], [f"a{i}"]))
            at = f"a{i}"
    nodes.append(helper.make_node("Sigmoid", [at], ["y"]))
    graph = helper.make_graph(nodes, "mlp", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 100])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
                              [numpy_helper.from_array(a, f"w{i}") for i, a in enumerate(w)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def inference(w, x):
    session = onnx_session(w)
    jitted = jax.jit(lambda x: jax.nn.sigmoid(forward(jax.nn.relu, w, x)))
    device = jnp.array(x)
    out = {"onnx runtime": best(lambda: session.run(None, {"x": x})), "jax": best(lambda: jitted(device).block_until_ready())}
    if torch:
        tw, tx = [torch.tensor(a) for a in w], torch.tensor(x)
        with torch.inference_mode():
            out["pytorch"] = best(lambda: torch.sigmoid(forward(torch.relu, tw, tx)))
    return out


def main():
    w = weights(*layers(WIDTHS))
    for batch in (40, 128, 1024):
        x, y = RNG.random((batch, 100), np.float32), np.ones((batch, 1), np.float32)
        peers = jax_training(w, jnp.array(x), jnp.array(y))
        if torch:
            peers.update(torch_training(w, x, y))
        print(json.dumps({"name": f"census-mlp-train-b{batch}", "peers": peers}), flush=True)
    for batch in (1, 1024):
        print(json.dumps({"name": f"census-mlp-infer-b{batch}", "peers": inference(w, RNG.random((batch, 100), np.float32))}), flush=True)


if __name__ == "__main__":
    main()
