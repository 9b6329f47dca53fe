#!/usr/bin/env python3
"""Real clients against a running server: Google's API client, TensorFlow Serving's stubs, Triton's and KServe's clients,
gRPC health and reflection, curl, schemathesis. Installs them from PyPI into build/interop/serving on first use; `make interop`
runs it, and so does `tests/interop/serving.py build [PART ...]`."""
# SPDX-License-Identifier: Apache-2.0
import asyncio
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import venv

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = ["google-api-python-client==2.151.0", "grpcio==1.67.1", "grpcio-health-checking==1.62.3", "grpcio-reflection==1.62.3",
            "tritonclient[http,grpc]==2.51.0", "kserve==0.14.1", "schemathesis==3.38.10", "hypothesis==6.115.3", "tensorflow-cpu==2.15.1"]
ALONE = ["tensorflow-serving-api==2.15.1"]  # which asks for tensorflow by another name
LIGHT = PACKAGES[:5]  # SHORT=1: what installs in seconds, and its parts
LIGHT_WANTED = "import googleapiclient, grpc_health, grpc_reflection, tritonclient.grpc, tritonclient.http"
LIGHT_PARTS = ("google", "triton", "grpc_services", "curl")
WANTED = "import googleapiclient, grpc_health, grpc_reflection, tritonclient.grpc, schemathesis, tensorflow_serving.apis"
ROWS = [{"a": 3.5, "b": 2.0, "c": "p", "d": "w1"}, {"a": 0.25, "b": 4.0, "c": "r", "d": "w9"}, {"a": -1.0, "b": 0.0, "c": "", "d": "Zürich"}]


def light(build):
    """The Python that has the clients of SHORT=1; None: PyPI cannot be reached."""
    python = build / "interop" / "light" / "bin" / "python"
    if not python.exists():
        venv.create(python.parent.parent, with_pip=True)
    if subprocess.run([python, "-c", LIGHT_WANTED], capture_output=True).returncode:
        done = subprocess.run([python, "-m", "pip", "install", "-q", *LIGHT], capture_output=True, text=True)
        unreachable = re.search(r"NewConnectionError|Name or service|Temporary failure|timed out|No matching distribution", done.stderr)
        if done.returncode and not unreachable:
            sys.exit(done.stderr)
        if done.returncode:
            return None
    return python


def environment(build):
    """The Python that has the clients."""
    home = build / "interop" / "serving"
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
    if subprocess.run([python, "-c", WANTED], capture_output=True, env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3")).returncode:
        print("# installing " + " ".join(PACKAGES), flush=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", *ALONE], check=True)
    return python


def raises(call, kind, text="", code=None):
    """Whether the call fails that way; the failure otherwise."""
    try:
        got = call()
    except kind as e:
        status = code is None or (e.code() if hasattr(e, "code") and callable(e.code) else getattr(e, "status", lambda: None)()) == code
        return bool(status and re.search(text, str(e))) or print(f"# {type(e).__name__}: {e}") is not None
    print(f"# no failure: {str(got)[:300]}")
    return False


# --- Google's client, with the whole ml v1 discovery document that it brings ------------------------------------------
def google(s, d, check, wanted):
    import google.auth.credentials
    import googleapiclient.discovery
    import googleapiclient.errors
    import googleapiclient.http
    quiet = google.auth.credentials.AnonymousCredentials()
    ml = googleapiclient.discovery.build("ml", "v1", credentials=quiet, static_discovery=True, client_options={"api_endpoint": s.url})
    projects, models, versions, operations = ml.projects(), ml.projects().models(), ml.projects().models().versions(), ml.projects().operations()
    parent = "projects/google"
    failure = googleapiclient.errors.HttpError

    def refused(name, request, status, text):
        try:
            got = request.execute()
        except failure as e:
            check("google: " + name, e.status_code == status and re.search(text, str(e) + e.content.decode()), (e, e.content))
        else:
            check("google: " + name, False, got)

    def wait(op):
        for _ in range(200):
            if op.get("done"):
                break
            time.sleep(0.02)
            op = operations.get(name=op["name"]).execute()
        return op

    check("google: getConfig", "serviceAccount" in projects.getConfig(name=parent).execute())
    made = models.create(parent=parent, body={"name": "census", "description": "who earns more", "regions": ["us-central1"], "onlinePredictionLogging": True, "labels": {"a": "b"}}).execute()
    check("google: models.create", made["name"] == parent + "/models/census" and made["regions"] == ["us-central1"], made)
    refused("a model twice", models.create(parent=parent, body={"name": "census"}), 409, "exists already")
    refused("a name that is none", models.create(parent=parent, body={"name": "my model"}), 400, "model.name")
    refused("an unknown field", models.create(parent=parent, body={"name": "x", "nam": "y"}), 400, "Cannot find field")
    for i in range(3):
        models.create(parent=parent, body={"name": f"m{i}"}).execute()
    listed, request = [], models.list(parent=parent, pageSize=2)
    while request is not None:
        page = request.execute()
        listed += [m["name"].split("/")[-1] for m in page.get("models", [])]
        request = models.list_next(request, page)
    check("google: models.list, by pages", listed == ["census", "m0", "m1", "m2"], listed)
    check("google: models.list with a filter", len(models.list(parent=parent, filter="name:m*").execute()["models"]) == 3)
    census = made["name"]
    op = models.patch(name=census, updateMask="description", body={"description": "changed"}).execute()
    check("google: models.patch", wait(op)["response"]["description"] == "changed" and models.get(name=census).execute()["labels"] == {"a": "b"}, op)
    refused("an old etag", models.patch(name=census, updateMask="description", body={"description": "x", "etag": made["etag"]}), 409, "etag")
    body = {"name": "v1", "deploymentUri": str(d / "job"), "runtimeVersion": "2.11", "framework": "TENSORFLOW", "pythonVersion": "3.7", "machineType": "mls1-c1-m2",
            "manualScaling": {"nodes": 1}, "labels": {"x": "y"}}
    op = versions.create(parent=census, body=body).execute()
    done = wait(op)
    check("google: versions.create and operations.get", done["response"]["state"] == "READY" and done["metadata"]["operationType"] == "CREATE_VERSION", done)
    refused("a version twice", versions.create(parent=census, body=body), 409, "exists already")
    bad = wait(versions.create(parent=census, body={"name": "bad", "deploymentUri": "/nowhere"}).execute())
    check("google: a creation that fails", bad["error"]["code"] == 5 and versions.get(name=census + "/versions/bad").execute()["state"] == "FAILED", bad)
    got = projects.predict(name=census, body={"instances": ROWS}).execute()
    check("google: predict", got["predictions"] == wanted, got)
    check("google: predict with a version", projects.predict(name=census + "/versions/v1", body={"instances": ROWS, "signature_name": "predict"}).execute()["predictions"] == wanted)
    refused("a bad instance", projects.predict(name=census, body={"instances": [{"a": "x"}]}), 400, "Prediction failed")
    refused("an unknown signature", projects.predict(name=census, body={"instances": ROWS, "signature_name": "other"}), 400, "other")
    refused("an unknown model", projects.predict(name=parent + "/models/none", body={"instances": ROWS}), 404, "no model")
    wait(versions.create(parent=census, body={"name": "v2", "deploymentUri": str(d / "job")}).execute())
    check("google: versions.setDefault", versions.setDefault(name=census + "/versions/v2", body={}).execute()["isDefault"] is True)
    check("google: versions.list", [v["name"][-2:] for v in versions.list(parent=census).execute()["versions"]] == ["ad", "v1", "v2"])
    check("google: versions.patch", wait(versions.patch(name=census + "/versions/v1", updateMask="labels", body={"labels": {}}).execute())["done"])
    refused("the default is not deleted", versions.delete(name=census + "/versions/v2"), 400, "default")
    refused("a model with versions is not deleted", models.delete(name=census), 400, "delete them first")
    names = [o["name"] for o in operations.list(name=parent, pageSize=100).execute()["operations"]]
    check("google: operations.list", len(names) > 4, names)
    check("google: operations.cancel", operations.cancel(name=names[0]).execute() == {})
    for v in ("v1", "bad", "v2"):
        check(f"google: versions.delete {v}", wait(versions.delete(name=f"{census}/versions/{v}").execute())["done"])
    check("google: models.delete", wait(models.delete(name=census).execute())["done"])
    refused("what is deleted is gone", models.get(name=census), 404, "no model")
    absent(ml, parent, check, refused)
    own = googleapiclient.discovery.build_from_document(s.ask("GET", "/$discovery/rest")[1], credentials=quiet)
    check("google: a client of the server's own document", len(own.projects().models().list(parent=parent).execute()["models"]) == 3)


def absent(ml, parent, check, refused):
    """Every other method of the document is answered UNIMPLEMENTED."""
    served = {"projects": {"getConfig", "predict"}, "models": {"create", "get", "list", "patch", "delete"}, "versions": {"create", "get", "list", "patch", "delete", "setDefault"},
              "operations": {"get", "list", "cancel"}}
    p, l = ml.projects(), ml.projects().locations()
    tried = 0
    for holder, name, at in [(p, "projects", parent), (p.jobs(), "jobs", parent + "/jobs/j"), (p.models(), "models", parent + "/models/m0"), (l, "locations", parent + "/locations/l"),
                             (l.operations(), "l.operations", parent + "/locations/l/operations/o"), (l.studies(), "studies", parent + "/locations/l/studies/s"),
                             (l.studies().trials(), "trials", parent + "/locations/l/studies/s/trials/t")]:
        for method in dir(holder):
            if method.startswith("_") or method.endswith("_next") or method in ("close", "new_batch_http_request") or method in served.get(name, ()):
                continue
            call = getattr(holder, method)
            of_parent = at.rsplit("/", 2)[0] if method in ("create", "list", "suggest", "listOptimalTrials") else at
            for key, value in [("name", at), ("parent", of_parent), ("resource", at)]:
                for more in ({"body": {}}, {}):
                    try:
                        request = call(**{key: value}, **more)
                    except TypeError:
                        continue
                    refused(f"{name}.{method} is UNIMPLEMENTED", request, 501, "not implemented here")
                    tried += 1
                    break
                else:
                    continue
                break
    check(f"google: {tried} methods that are not here", tried == 30, tried)


# --- TensorFlow Serving's stubs -----------------------------------------------------------------------------------------
def tensorflow(s, d, check, wanted):
    import grpc
    import numpy as np
    import tensorflow as tf
    from tensorflow_serving.apis import classification_pb2, get_model_metadata_pb2, get_model_status_pb2, inference_pb2, model_management_pb2, model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc, regression_pb2
    channel = grpc.insecure_channel(f"127.0.0.1:{s.port}")
    prediction, service = prediction_service_pb2_grpc.PredictionServiceStub(channel), model_service_pb2_grpc.ModelServiceStub(channel)

    def ask(model="census", columns=None, **more):
        r = predict_pb2.PredictRequest()
        r.model_spec.name = model
        for k, v in more.items():
            if k == "version":
                r.model_spec.version.value = v
            else:
                setattr(r.model_spec, k, v)
        for name in columns or "abcd":
            kind = tf.float32 if name in "ab" else tf.string
            r.inputs[name].CopyFrom(tf.make_tensor_proto([row[name] for row in ROWS], dtype=kind))
        return r

    answer = prediction.Predict(ask())
    rows = np.float32([row["probabilities"] for row in wanted])
    check("tensorflow: Predict", np.array_equal(tf.make_ndarray(answer.outputs["probabilities"]), rows) and answer.model_spec.version.value == 1, answer)
    check("tensorflow: Predict by version and label", all(np.array_equal(tf.make_ndarray(prediction.Predict(ask(**by)).outputs["probabilities"]), rows) for by in ({"version": 1}, {"version_label": "v1"})))
    r = ask()
    r.output_filter.append("logits")
    check("tensorflow: output_filter", list(prediction.Predict(r).outputs) == ["logits"])
    for name, call, code in [("an unknown model", lambda: prediction.Predict(ask("none")), "NOT_FOUND"), ("an unknown version", lambda: prediction.Predict(ask(version=9)), "NOT_FOUND"),
                             ("an unknown label", lambda: prediction.Predict(ask(version_label="x")), None), ("a missing input", lambda: prediction.Predict(ask(columns="ab")), "INVALID_ARGUMENT"),
                             ("an unknown signature", lambda: prediction.Predict(ask(signature_name="x")), None)]:
        check("tensorflow: " + name, raises(call, grpc.RpcError, code=getattr(grpc.StatusCode, code) if code else None))
    meta = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    meta.model_spec.name = "census"
    signatures = get_model_metadata_pb2.SignatureDefMap()
    prediction.GetModelMetadata(meta).metadata["signature_def"].Unpack(signatures)
    check("tensorflow: GetModelMetadata", any(set(sig.inputs) == set("abcd") for sig in signatures.signature_def.values()), signatures)
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "census"
    check("tensorflow: GetModelStatus", [(v.version, v.state) for v in service.GetModelStatus(status).model_version_status] == [(1, 30)])
    examples = [tf.train.Example(features=tf.train.Features(feature={"a": tf.train.Feature(float_list=tf.train.FloatList(value=[row["a"]])), "b": tf.train.Feature(float_list=tf.train.FloatList(value=[row["b"]])),
                                                                      "c": tf.train.Feature(bytes_list=tf.train.BytesList(value=[row["c"].encode()])), "d": tf.train.Feature(bytes_list=tf.train.BytesList(value=[row["d"].encode()]))})) for row in ROWS]
    c = classification_pb2.ClassificationRequest()
    c.model_spec.name = "census"
    c.input.example_list.examples.extend(examples)
    result = prediction.Classify(c).result.classifications
    check("tensorflow: Classify", np.array_equal(np.float32([[k.score for k in one.classes] for one in result]), rows), result)
    g = regression_pb2.RegressionRequest()
    g.model_spec.name = "census"
    g.input.example_list.examples.extend(examples)
    result = prediction.Regress(g).result.regressions
    check("tensorflow: Regress", len(result) == 3, result)
    m = inference_pb2.MultiInferenceRequest()
    m.input.example_list.examples.extend(examples)
    for method in ("classify", "regress"):
        task = m.tasks.add()
        task.model_spec.name, task.method_name = "census", f"tensorflow/serving/{method}"
    check("tensorflow: MultiInference", [r.WhichOneof("result") for r in prediction.MultiInference(m).results] == ["classification_result", "regression_result"])
    check("tensorflow: ReloadConfig of a registry", raises(lambda: service.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest()), grpc.RpcError) or
          service.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest()).status.error_code == 9)
    check("tensorflow: a call with a deadline", prediction.Predict(ask(), timeout=5).model_spec.name == "census")
    check("tensorflow: a call with packed messages", prediction.Predict(ask(), compression=grpc.Compression.Gzip).model_spec.name == "census")


# --- Triton's clients ---------------------------------------------------------------------------------------------------
def triton(s, d, check, wanted):
    import numpy as np
    import tritonclient.grpc
    import tritonclient.http
    from tritonclient.utils import InferenceServerException
    rows = np.float32([row["probabilities"] for row in wanted])
    for kind, module in [("http", tritonclient.http), ("grpc", tritonclient.grpc)]:
        client = module.InferenceServerClient(f"127.0.0.1:{s.port}")

        def inputs(columns="abcd", **how):
            out = []
            for name in columns:
                data = np.array([row[name] for row in ROWS], dtype=np.float32) if name in "ab" else np.array([row[name].encode() for row in ROWS], dtype=np.object_)
                one = module.InferInput(name, list(data.shape), "FP32" if name in "ab" else "BYTES")
                one.set_data_from_numpy(data, **how)
                out.append(one)
            return out

        name = f"triton {kind}: "
        check(name + "live and ready", client.is_server_live() and client.is_server_ready() and client.is_model_ready("census"))
        plain = {} if kind == "http" else {"as_json": True}
        meta = client.get_model_metadata("census", **plain)
        check(name + "metadata", {i["name"] for i in meta["inputs"]} == set("abcd") and client.get_server_metadata(**plain)["name"], meta)
        got = client.infer("census", inputs())
        check(name + "infer", np.array_equal(got.as_numpy("probabilities"), rows), got.get_response())
        got = client.infer("census", inputs(), model_version="1", request_id="r7", outputs=[module.InferRequestedOutput("probabilities"), module.InferRequestedOutput("classes")])
        response = got.get_response()
        ident = response["id"] if kind == "http" else response.id
        check(name + "outputs, version, id", ident == "r7" and np.array_equal(got.as_numpy("probabilities"), rows) and got.as_numpy("logits") is None and got.as_numpy("classes").dtype == np.object_, response)
        if kind == "http":
            got = client.infer("census", inputs(binary_data=False), outputs=[module.InferRequestedOutput("probabilities", binary_data=False)])
            check(name + "JSON both ways", np.array_equal(got.as_numpy("probabilities"), rows))
            for coding in ("gzip", "deflate"):
                got = client.infer("census", inputs(), request_compression_algorithm=coding, response_compression_algorithm=coding)
                check(name + f"{coding} both ways", np.array_equal(got.as_numpy("probabilities"), rows))
            check(name + "asynchronous", all(np.array_equal(r.get_result().as_numpy("probabilities"), rows) for r in [client.async_infer("census", inputs()) for _ in range(8)]))
        else:
            got = client.infer("census", inputs(), compression_algorithm="gzip", client_timeout=5)
            check(name + "gzip, a deadline", np.array_equal(got.as_numpy("probabilities"), rows))
        index = client.get_model_repository_index(**plain)
        check(name + "repository index", "census" in str(index), index)
        check(name + "statistics", "census" in str(client.get_inference_statistics("census", **plain)))
        check(name + "configuration", "census" in str(client.get_model_config("census", **plain)))
        check(name + "an unknown model", raises(lambda: client.infer("none", inputs()), InferenceServerException, "none"))
        check(name + "a missing input", raises(lambda: client.infer("census", inputs("ab")), InferenceServerException))
        wrong = inputs()
        wrong[0] = module.InferInput("a", [3], "INT32")
        wrong[0].set_data_from_numpy(np.int32([1, 2, 3]))
        check(name + "a wrong type", raises(lambda: client.infer("census", wrong), InferenceServerException, "FP32|INT32"))
        client.close()


# --- KServe's client ----------------------------------------------------------------------------------------------------
def kserve(s, d, check, wanted):
    import numpy as np
    from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
    rows = np.float32([row["probabilities"] for row in wanted])

    def request():
        tensors = []
        for name in "abcd":
            data = np.array([row[name] for row in ROWS], dtype=np.float32) if name in "ab" else np.array([row[name] for row in ROWS], dtype=np.object_)
            tensor = InferInput(name, list(data.shape), "FP32" if name in "ab" else "BYTES")
            tensor.set_data_from_numpy(data, binary_data=False)
            tensors.append(tensor)
        return InferRequest(model_name="census", infer_inputs=tensors)

    async def v1():
        client = InferenceRESTClient(RESTConfig(protocol="v1"))
        check("kserve v1: alive and ready", await client.is_server_live(s.url) and await client.is_model_ready(s.url, "census"))
        got = await client.infer(s.url, {"instances": ROWS}, model_name="census")
        check("kserve v1: predict", got["predictions"] == wanted, got)
        await client.close()

    async def v2():
        client = InferenceRESTClient(RESTConfig(protocol="v2"))
        check("kserve v2: live and ready", await client.is_server_live(s.url) and await client.is_server_ready(s.url) and await client.is_model_ready(s.url, "census"))
        got = await client.infer(s.url, request(), model_name="census")
        out = {o.name: o.as_numpy() for o in got.outputs}
        check("kserve v2: infer", np.array_equal(np.float32(out["probabilities"]).reshape(rows.shape), rows), out)
        await client.close()

    async def grpc():
        from kserve import InferenceGRPCClient
        client = InferenceGRPCClient(f"127.0.0.1:{s.port}")
        check("kserve grpc: live and ready", await client.is_server_live() and await client.is_server_ready() and await client.is_model_ready("census"))
        got = await client.infer(request())
        out = {o.name: o.as_numpy() for o in got.outputs}
        check("kserve grpc: infer", np.array_equal(np.float32(out["probabilities"]).reshape(rows.shape), rows), out)
        await client.close()

    for part in (v1, v2, grpc):
        asyncio.run(part())


# --- gRPC's own services ------------------------------------------------------------------------------------------------
def grpc_services(s, d, check, wanted):
    import grpc
    from google.protobuf.descriptor_pool import DescriptorPool
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
    channel = grpc.insecure_channel(f"127.0.0.1:{s.port}")
    health = health_pb2_grpc.HealthStub(channel)
    check("grpc health: Check", health.Check(health_pb2.HealthCheckRequest()).status == 1 and health.Check(health_pb2.HealthCheckRequest(service="inference.GRPCInferenceService")).status == 1)
    check("grpc health: an unknown service", raises(lambda: health.Check(health_pb2.HealthCheckRequest(service="none")), grpc.RpcError, code=grpc.StatusCode.NOT_FOUND))
    watch = health.Watch(health_pb2.HealthCheckRequest())
    check("grpc health: Watch", next(watch).status == 1)
    watch.cancel()
    database = ProtoReflectionDescriptorDatabase(channel)
    services = set(database.get_services())
    check("grpc reflection: services", {"inference.GRPCInferenceService", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService", "grpc.health.v1.Health"} <= services, services)
    pool = DescriptorPool(database)
    method = pool.FindServiceByName("inference.GRPCInferenceService").FindMethodByName("ModelInfer")
    check("grpc reflection: descriptors", method.input_type.full_name == "inference.ModelInferRequest" and "raw_input_contents" in method.input_type.fields_by_name)
    unknown = channel.unary_unary("/none.Service/Method", request_serializer=bytes, response_deserializer=bytes)
    check("grpc: an unknown method", raises(lambda: unknown(b""), grpc.RpcError, code=grpc.StatusCode.UNIMPLEMENTED))


# --- curl and schemathesis ----------------------------------------------------------------------------------------------
def curl(s, d, check, wanted):
    if not shutil.which("curl"):
        return
    body = json.dumps({"instances": ROWS})
    for name, options in [("HTTP/1.1", ["--http1.1"]), ("h2c by upgrade", ["--http2"]), ("HTTP/2 with prior knowledge", ["--http2-prior-knowledge"]), ("packed", ["--compressed"])]:
        done = subprocess.run(["curl", "-sS", "--fail", *options, "-d", body, s.url + "/v1/models/census:predict"], capture_output=True, text=True, timeout=60)
        check("curl: " + name, done.returncode == 0 and json.loads(done.stdout)["predictions"] == wanted, done)


def schema(s, d, check, wanted):
    done = subprocess.run([str(pathlib.Path(sys.executable).parent / "schemathesis"), "run", "--checks", "not_a_server_error,response_schema_conformance", "--hypothesis-max-examples", "20",
                           "--hypothesis-suppress-health-check", "all", "--hypothesis-seed", "1", "--experimental", "openapi-3.1", s.url + "/openapi.json"], capture_output=True, text=True, timeout=500)
    summary = [line for line in done.stdout.splitlines() if line.strip()]
    check("schemathesis on the OpenAPI document", done.returncode == 0, "\n".join(summary[-60:]) + done.stderr)


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
    parts = {p.__name__: p for p in (google, tensorflow, triton, kserve, grpc_services, curl, schema)}
    if not os.environ.get("LEAT_SERVING"):  # two clients that bring the same messages do not share a process
        env = dict(os.environ, LEAT_SERVING="1", TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", PYTHONWARNINGS="ignore")
        short = os.environ.get("SHORT")
        python = light(build) if short else environment(build)
        if not python:
            print("ok clients from PyPI # SKIP PyPI cannot be reached")
            return 0
        return max(subprocess.run([python, __file__, build, part], env=env).returncode for part in sys.argv[2:] or (LIGHT_PARTS if short else parts))
    name = sys.argv[2]
    sys.argv[1:] = [str(build)]
    sys.path.insert(0, str(HERE.parent))
    import mlengine
    import registry
    with tempfile.TemporaryDirectory() as tmp:
        d = pathlib.Path(tmp).resolve()
        registry.train(d)
        local = registry.Registry(d, "served")
        local("models", "create", "census")
        local("versions", "create", "v1", "--model", "census", "--origin", "job")
        lines = "".join(json.dumps(row) + "\n" for row in ROWS)
        wanted = [json.loads(line) for line in local("predict", "--model", "census", "--format", "json", stdin=lines).stdout.splitlines()]
        s = mlengine.Server(d)
        try:
            parts[name](s, d, registry.check, wanted)
        except Exception as e:  # a client that stops is a failure of its part
            registry.check(f"{name} ended", False, "".join(traceback.format_exception(e))[-1500:])
        code, err = s.stop()
        registry.check(f"{name}: the server ended well", code == 0, err)
    return 1 if registry.failures else 0


if __name__ == "__main__":
    sys.exit(main())
