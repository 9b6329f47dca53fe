#!/usr/bin/env python3
"""The census job as whole processes of peers: read, 5,000 steps of 40, evaluate, predict one. `census_job.py jax|scikit-learn` is one of them."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import subprocess
import sys
import time

COLUMNS = ("age workclass fnlwgt education education_num marital_status occupation relationship race gender capital_gain capital_loss "
           "hours_per_week native_country income_bracket").split()
NUMBERS = "age education_num capital_gain capital_loss hours_per_week".split()
WORDS = "workclass education marital_status relationship race gender occupation native_country".split()


def table():
    """(train inputs, labels, test inputs, labels): numbers scaled, words one-hot."""
    import numpy as np
    import pandas as pd
    data = os.environ["LEAT_DATA"]
    train, test = (pd.read_csv(f"{data}/adult.{part}", names=COLUMNS, comment="|", skipinitialspace=True) for part in ("data", "test"))
    labels = [f.income_bracket.str.strip(" .").eq(">50K").to_numpy(np.float32) for f in (train, test)]
    both = pd.get_dummies(pd.concat([train, test])[WORDS]).to_numpy(np.float32)
    mean, std = train[NUMBERS].mean(), train[NUMBERS].std(ddof=0)
    x = [np.hstack([((f[NUMBERS] - mean) / std).to_numpy(np.float32), part]) for f, part in ((train, both[:len(train)]), (test, both[len(train):]))]
    return x[0], labels[0], x[1], labels[1]


def in_jax():
    import jax
    import jax.numpy as jnp
    import numpy as np
    x, y, tx, ty = table()
    rng = np.random.default_rng(1)
    widths = [x.shape[1], 100, 70, 50, 25, 1]
    w = [a for m, n in zip(widths, widths[1:]) for a in (jnp.array(rng.uniform(-1, 1, (m, n)) * (6 / (m + n)) ** 0.5, jnp.float32), jnp.zeros(n))]
    slots = [jnp.full(a.shape, 0.1) for a in w]

    def forward(w, x):
        for i in range(0, len(w), 2):
            x = x @ w[i] + w[i + 1]
            x = jax.nn.relu(x) if i + 2 < len(w) else x
        return x[:, 0]

    @jax.jit
    def steps(w, slots, x, y):
        def one(state, batch):
            w, slots = state
            g = jax.grad(lambda w: jnp.sum(jax.nn.softplus(z := forward(w, batch[0])) - z * batch[1]))(w)
            slots = [s + d * d for s, d in zip(slots, g)]
            return ([a - 0.05 * d * jax.lax.rsqrt(s) for a, d, s in zip(w, g, slots)], slots), None
        return jax.lax.scan(one, (w, slots), (x, y))[0]
    for _ in range(5):
        order = rng.permutation(len(x))[:40000] if len(x) >= 40000 else rng.integers(0, len(x), 40000)
        w, slots = steps(w, slots, x[order].reshape(1000, 40, -1), y[order].reshape(1000, 40))
    print("accuracy", float(jnp.mean((forward(w, tx) > 0) == (ty > 0.5))), float(jax.nn.sigmoid(forward(w, tx[:1]))[0]))


def in_scikit():
    from sklearn.neural_network import MLPClassifier
    x, y, tx, ty = table()
    model = MLPClassifier((100, 70, 50, 25), batch_size=40, max_iter=6, random_state=1).fit(x, y)
    print("accuracy", model.score(tx, ty), model.predict_proba(tx[:1]))


def main():
    if len(sys.argv) > 1:
        return {"jax": in_jax, "scikit-learn": in_scikit}[sys.argv[1]]()
    if "LEAT_DATA" not in os.environ:
        return print("census_job: LEAT_DATA is not set: no peers", file=sys.stderr)
    seconds, memory = {}, {}
    for name in ("jax", "scikit-learn"):
        start = time.time()
        child = subprocess.Popen([sys.executable, pathlib.Path(__file__), name], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _, how, usage = os.wait4(child.pid, 0)
        if how:
            sys.exit(f"{name}: {child.stderr.read().decode()[-800:]}")
        seconds[name], memory[name] = time.time() - start, usage.ru_maxrss / 1024
    for row in map(json.loads, sys.stdin):
        print(json.dumps({"name": row["name"], "peers": memory if row["unit"] == "MB" else seconds}))


if __name__ == "__main__":
    main()
