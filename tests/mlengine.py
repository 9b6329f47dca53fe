#!/usr/bin/env python3
"""ML Engine v1 on a running server: the program's verbs, requests and their errors, pages, masks, tokens, changes by others."""
# SPDX-License-Identifier: Apache-2.0
import atexit
import base64
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import cli
import registry
from registry import Registry, check


class Server:
    """leat serve on a free port."""

    def __init__(self, d, *args):
        self.process = subprocess.Popen([cli.LEAT, "serve", "--registry", str(d / "served"), "--listen", "127.0.0.1:0", *args], cwd=d, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        line = self.process.stdout.readline()
        if "listening on" not in line:
            raise RuntimeError("no server: " + line + self.process.stderr.read())
        self.port = int(line.rsplit(":", 1)[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def ask(self, method, path, body=None, **headers):
        """(status, document or text)."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        text = body if isinstance(body, (str, bytes)) or body is None else json.dumps(body)
        c.request(method, path, text, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = c.getresponse()
        raw = answer.read().decode()
        c.close()
        try:
            return answer.status, json.loads(raw)
        except ValueError:
            return answer.status, raw

    def wait(self, operation):
        for _ in range(400):
            status, got = self.ask("GET", "/v1/" + operation["name"])
            if status != 200 or got.get("done"):
                return got
            time.sleep(0.02)
        return operation

    def stop(self):
        self.process.terminate()
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, err


def refuses(name, answer, code, status, message):
    error = answer[1].get("error", {}) if isinstance(answer[1], dict) else {}
    check(name, answer[0] == code and error.get("code") == code and error.get("status") == status and re.search(message, error.get("message", "")), answer)


def resources(d, s):
    p = "/v1/projects/my-project"
    check("getConfig", s.ask("GET", p + ":getConfig") == (200, {"serviceAccount": "leat@my-project", "serviceAccountProject": "0"}))
    check("an empty list is an empty object", s.ask("GET", p + "/models") == (200, {}) and s.ask("GET", p + "/operations") == (200, {}))
    for i in range(25):
        s.ask("POST", p + "/models", {"name": f"m{i:02}", "labels": {"odd": str(i % 2)}})
    got = s.ask("GET", p + "/models")[1]
    check("twenty are a page", len(got["models"]) == 20 and "nextPageToken" in got, got)
    rest = s.ask("GET", p + "/models?pageToken=" + got["nextPageToken"])[1]
    check("the rest is the next page", [m["name"][-3:] for m in rest["models"]] == ["m20", "m21", "m22", "m23", "m24"] and "nextPageToken" not in rest, rest)
    check("a page that is full and the last one", "nextPageToken" not in s.ask("GET", p + "/models?pageSize=25")[1])
    odd = s.ask("GET", p + "/models?pageSize=10&filter=labels.odd%3D1")[1]
    check("a filter counts before pages do", len(odd["models"]) == 10 and odd["nextPageToken"], odd)
    check("the other names of parameters", len(s.ask("GET", p + "/models?page_size=3")[1]["models"]) == 3)
    refuses("a page size below 0", s.ask("GET", p + "/models?pageSize=-1"), 400, "INVALID_ARGUMENT", "Page size must not be negative")
    refuses("a token that is none", s.ask("GET", p + "/models?pageToken=xyz"), 400, "INVALID_ARGUMENT", "Invalid page token")
    refuses("a parameter that is none", s.ask("GET", p + "/models?pagesize=1"), 400, "INVALID_ARGUMENT", 'Unknown name "pagesize": Cannot bind query parameter')
    check("parameters of every method", s.ask("GET", p + "/models?alt=json&key=x&prettyPrint=false&quotaUser=me&%24.xgafv=2")[0] == 200)
    refuses("another alt", s.ask("GET", p + "/models?alt=media"), 400, "INVALID_ARGUMENT", "alt is json")
    refuses("a model twice", s.ask("POST", p + "/models", {"name": "m00"}), 409, "ALREADY_EXISTS", "model 'm00' exists already")
    bad = s.ask("POST", p + "/models", {"name": "a-b"})
    refuses("a bad name", bad, 400, "INVALID_ARGUMENT", "Field: model.name Error: ")
    check("details name the field", bad[1]["error"]["details"][0]["fieldViolations"][0]["field"] == "model.name", bad)
    refuses("no name", s.ask("POST", p + "/models", {}), 400, "INVALID_ARGUMENT", "Field: model.name Error: The model name must be set")
    refuses("an unknown field", s.ask("POST", p + "/models", {"name": "x", "descripton": "y"}), 400, "INVALID_ARGUMENT", "Unknown name \"descripton\" at 'model': Cannot find field")
    refuses("a field of another type", s.ask("POST", p + "/models", {"name": "x", "labels": {"a": 1}}), 400, "INVALID_ARGUMENT", r"Invalid value at 'model.labels\[a\]' \(TYPE_STRING\), 1")
    refuses("what is no JSON", s.ask("POST", p + "/models", "{\"name\": "), 400, "INVALID_ARGUMENT", "Invalid JSON payload received")
    refuses("a list for an object", s.ask("POST", p + "/models", "[]"), 400, "INVALID_ARGUMENT", "Root element must be a message")
    refuses("JSON that is deep", s.ask("POST", p + "/models", "[" * 100000), 400, "INVALID_ARGUMENT", "Invalid JSON payload")
    refuses("a model that is not there", s.ask("GET", p + "/models/none"), 404, "NOT_FOUND", "no model 'none' in project 'my-project'")
    refuses("a method that is none", s.ask("PUT", p + "/models/m00", {}), 404, "NOT_FOUND", "Method not found")
    check("names may be escaped", s.ask("GET", p + "/models/m%300")[1]["name"].endswith("/m00"))
    check("snake_case is read, null is nothing", s.ask("POST", p + "/models", {"name": "snake", "online_prediction_logging": True, "description": None})[1].get("onlinePredictionLogging") is True)
    for method, path in [("GET", "/jobs"), ("POST", "/jobs"), ("GET", "/jobs/j"), ("POST", "/jobs/j:cancel"), ("GET", "/locations"), ("GET", "/locations/l/studies"), ("POST", "/locations/l/studies/s/trials:suggest"),
                         ("GET", "/models/m00:getIamPolicy"), ("POST", "/models/m00:explain")]:
        refuses(f"not here: {method} {path}", s.ask(method, p + path, "{}" if method == "POST" else None), 501, "UNIMPLEMENTED", "is not implemented here")
    query = "/models?" + "&".join(["pageSize=2"] + ["key=x"] * 300)
    check("a long query as a form", len(s.ask("POST", p + "/models", query.split("?")[1], x_http_method_override="GET", content_type="application/x-www-form-urlencoded")[1]["models"]) == 2)


def masks(d, s):
    p = "/v1/projects/my-project/models/m01"
    before = s.ask("GET", p)[1]
    op = s.ask("PATCH", p + "?updateMask=description", {"description": "one", "labels": {"lost": "1"}})[1]
    after = s.ask("GET", p)[1]
    check("a patch is an operation that is done", op["done"] and op["metadata"]["operationType"] == "UPDATE_MODEL" and op["response"]["description"] == "one", op)
    check("what the mask does not name stays", (after["description"], after["labels"]) == ("one", before["labels"]), after)
    check("the etag changed", before["etag"] != after["etag"] and base64.b64decode(after["etag"]))
    s.ask("PATCH", p + "?update_mask=labels.new", {"labels": {"new": "2"}})
    check("a label alone", s.ask("GET", p)[1]["labels"] == {**before["labels"], "new": "2"})
    s.ask("PATCH", p + "?updateMask=description", {})
    check("what the body does not have goes", "description" not in s.ask("GET", p)[1])
    s.ask("PATCH", p, {"description": "no mask"})
    check("without a mask: what the body has", s.ask("GET", p)[1]["description"] == "no mask")
    refuses("a field that is fixed", s.ask("PATCH", p + "?updateMask=regions", {"regions": ["x"]}), 400, "INVALID_ARGUMENT", "The field 'regions' is unknown or cannot be updated")
    refuses("a field inside what has none", s.ask("PATCH", p + "?updateMask=description.a", {}), 400, "INVALID_ARGUMENT", "The field 'description.a' is unknown or cannot be updated")
    refuses("a field too deep", s.ask("PATCH", p + "?updateMask=labels." + "a." * 80 + "a", {}), 400, "INVALID_ARGUMENT", "is unknown or cannot be updated")
    refuses("an etag of before", s.ask("PATCH", p + "?updateMask=description", {"description": "x", "etag": before["etag"]}), 409, "ABORTED", "is not the present one")
    now = s.ask("GET", p)[1]["etag"]
    check("the etag of now", s.ask("PATCH", p + "?updateMask=description", {"description": "x", "etag": now})[0] == 200)
    refuses("no field", s.ask("PATCH", p, {}), 400, "INVALID_ARGUMENT", "The update mask names no field")


def versions(d, s):
    p, one = "/v1/projects/my-project/models/m02", {"instances": [{"a": 3.5, "b": 2, "c": "p", "d": "w1"}]}
    refuses("no default version yet", s.ask("POST", p + ":predict", one), 400, "FAILED_PRECONDITION", "has no default version")
    op = s.ask("POST", p + "/versions", {"name": "v1", "deploymentUri": f"file://{d}/job"})[1]
    check("a creation is an operation", op["metadata"]["operationType"] == "CREATE_VERSION" and op["metadata"]["version"]["name"] == p[4:] + "/versions/v1", op)
    done = s.wait(op)
    check("it ends with the version", done["response"]["state"] == "READY" and done["response"]["isDefault"] and done["response"]["@type"].endswith("Version"), done)
    status, got = s.ask("POST", p + ":predict", one)
    check("it predicts at once", status == 200 and isinstance(got["predictions"][0], dict), got)
    check("by its name", s.ask("POST", p + "/versions/v1:predict", one) == (200, got))
    refuses("a version that is not there", s.ask("POST", p + "/versions/1:predict", one), 404, "NOT_FOUND", "no version '1' of model 'm02'")
    refuses("a model that is not there", s.ask("POST", "/v1/projects/my-project/models/m99:predict", one), 404, "NOT_FOUND", "no model 'm99'")
    for name, body, message in [("no instances", {}, "instances"), ("empty instances", {"instances": []}, "instances"), ("a wrong type", {"instances": [dict(one["instances"][0], a="x")]}, "Prediction failed"),
                                ("a missing key", {"instances": [{"a": 1}]}, "missing"), ("an unknown key", {"instances": [dict(one["instances"][0], e=1)]}, "e")]:
        status, wrong = s.ask("POST", p + ":predict", body)
        check(f"a bad prediction: {name}", status == 400 and list(wrong) == ["error"] and re.search(message, str(wrong["error"])), (status, wrong))
    status, wrong = s.ask("POST", p + ":predict", json.dumps(one)[:-2] + "," + " " * 1600000 + "]}")
    check("1.5 MiB are the most", status == 413, (status, wrong))
    failed = s.wait(s.ask("POST", p + "/versions", {"name": "bad", "deployment_uri": str(d / "nowhere")})[1])
    check("a failure is in the operation and in the version", failed["error"]["code"] == 5 and "nowhere: no such directory" in failed["error"]["message"] and
          s.ask("GET", p + "/versions/bad")[1]["state"] == "FAILED", failed)
    refuses("a failed version", s.ask("POST", p + "/versions/bad:predict", one), 400, "FAILED_PRECONDITION", "'bad' of model 'm02' is FAILED")
    refuses("no deploymentUri", s.ask("POST", p + "/versions", {"name": "v2"}), 400, "INVALID_ARGUMENT", "Field: version.deployment_uri Error: Deployment URI must be set")
    refuses("a place elsewhere", s.ask("POST", p + "/versions", {"name": "v2", "deploymentUri": "gs://b/m"}), 400, "INVALID_ARGUMENT", "not a directory of this machine")
    refuses("code of its own", s.ask("POST", p + "/versions", {"name": "v2", "deploymentUri": f"{d}/job", "packageUris": ["x.tar.gz"], "predictionClass": "x.Y"}), 400, "INVALID_ARGUMENT", "not run by this server")
    refuses("the default cannot go while there are others", s.ask("DELETE", p + "/versions/v1"), 400, "FAILED_PRECONDITION", "is the default of model")
    refuses("a model with versions", s.ask("DELETE", p), 400, "FAILED_PRECONDITION", "delete them first")
    s.wait(s.ask("POST", p + "/versions", {"name": "v2", "deploymentUri": f"{d}/job", "manualScaling": {"nodes": 2}, "acceleratorConfig": {"count": 1}})[1])
    v2 = s.ask("POST", p + "/versions/v2:setDefault", "")[1]
    check("setDefault answers the version", v2["isDefault"] and v2["name"].endswith("/v2"), v2)
    check("int64 fields are strings", v2["acceleratorConfig"] == {"count": "1"} and v2["manualScaling"] == {"nodes": 2} and v2["versionNumber"] == "3", v2)
    check("the model tells its default", s.ask("GET", p)[1]["defaultVersion"]["name"].endswith("/versions/v2"))
    s.ask("PATCH", p + "?updateMask=defaultVersion.name", {"defaultVersion": {"name": p[4:] + "/versions/v1"}})
    check("a patch moves the default, too", s.ask("GET", p + "/versions/v1")[1].get("isDefault") is True)
    s.ask("PATCH", p + "/versions/v2?updateMask=autoScaling.minNodes", {"autoScaling": {"minNodes": 3, "maxNodes": 9}})
    check("a path of a mask", s.ask("GET", p + "/versions/v2")[1]["autoScaling"] == {"minNodes": 3})
    for name in ("v2", "bad", "v1"):
        check(f"{name} is deleted", s.ask("DELETE", p + "/versions/" + name)[1]["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"})
    refuses("what is deleted does not predict", s.ask("POST", p + ":predict", one), 400, "FAILED_PRECONDITION", "has no default version")
    check("the model is deleted", s.ask("DELETE", p)[1]["metadata"]["operationType"] == "DELETE_MODEL" and s.ask("GET", p)[0] == 404)


def operations(d, s):
    p = "/v1/projects/my-project/operations"
    listed = s.ask("GET", p + "?pageSize=100")[1]["operations"]
    failed = s.ask("GET", p + "?filter=error.code%3D5")[1]["operations"]
    check("operations are listed and filtered", len(listed) > 5 and len(failed) == 1, listed)
    path = "/v1/" + failed[0]["name"]
    check("a done one is not cancelled", s.ask("POST", path + ":cancel", {}) == (200, {}) and "isCancellationRequested" not in s.ask("GET", path)[1]["metadata"])
    check("one is forgotten", s.ask("DELETE", path) == (200, {}) and s.ask("GET", path)[0] == 404)


def others(d, s):
    """What another process changes is served soon; every dialect sees the project's models by their names."""
    local, one = Registry(d, "served"), {"instances": [{"a": 3.5, "b": 2, "c": "p", "d": "w1"}]}
    local("models", "create", "census")
    local("versions", "create", "v1", "--model", "census", "--origin", "job")
    here = local("predict", "--model", "census", "--json-instances", "one.json", "--format", "json")
    got = s.ask("POST", "/v1/projects/local/models/census:predict", one)[1]
    check("a version of another process predicts the same", got.get("predictions") == [json.loads(here.stdout)], got)
    check("as TensorFlow Serving's dialect does", s.ask("POST", "/v1/models/census:predict", one)[1] == got)
    check("by its number and by its name", s.ask("POST", "/v1/models/census/versions/1:predict", one)[1] == got == s.ask("POST", "/v1/models/census/labels/v1:predict", one)[1])
    check("the Open Inference Protocol knows it", s.ask("GET", "/v2/models/census")[1].get("name") == "census" and s.ask("GET", "/v2/models/census/ready")[0] == 200)
    remote = Registry(d, "served", s.url)
    by_url = [remote("predict", "--model", "census", "--json-instances", "one.json", *more).stdout for more in ([], ["--format", "json"], ["--version", "v1"])]
    by_dir = [local("predict", "--model", "census", "--json-instances", "one.json", *more).stdout for more in ([], ["--format", "json"], ["--version", "v1"])]
    check("predict --endpoint prints what predict prints", by_url == by_dir and "PROBABILITIES" in by_url[0], by_url)
    many = "".join(json.dumps({"a": i / 3, "b": i % 5, "c": "pqr"[i % 3], "d": f"w{i % 11}"}) + "\n" for i in range(2500))
    check("many instances, the same bits", remote("predict", "--model", "census", "--format", "json", stdin=many).stdout == local("predict", "--model", "census", "--format", "json", stdin=many).stdout != "")
    done = remote("predict", "--model", "census", stdin='{"a": 1}\n{"a": "x"')
    check("a bad line has its place", done.returncode == 1 and "standard input line 2:" in done.stderr, done)
    done = remote("predict", "--model", "census", stdin='{"a": "x"}')
    check("the server's refusal is told", done.returncode == 1 and "Prediction failed" in done.stderr, done)
    local("versions", "delete", "v1", "--model", "census")
    for _ in range(100):
        status = s.ask("POST", "/v1/models/census:predict", one)[0]
        if status != 200:
            break
        time.sleep(0.02)
    check("what another process deletes is gone within two seconds", status == 404, status)


def documents(d, s):
    doc = s.ask("GET", "/$discovery/rest?version=v1")[1]
    check("the discovery document", doc["id"] == "ml:v1" and doc["rootUrl"] == s.url + "/" and s.ask("GET", "/discovery/v1/apis/ml/v1/rest")[1] == doc)
    refs = set(re.findall(r'"\$ref": "(\w+)"', json.dumps(doc)))
    check("every type it names is in it", refs <= set(doc["schemas"]) and len(refs) > 10, refs)
    methods = re.findall(r'"id": "(ml\.[\w.]+)"', json.dumps(doc))
    check("its methods", len(methods) == len(set(methods)) == 17, methods)


def tokens(d):
    (d / "tokens").write_text("boss admin\nuser predictor\n")
    s = Server(d, "--token-file", "tokens")
    p, as_user, as_boss = "/v1/projects/t/models", {"authorization": "Bearer user"}, {"authorization": "Bearer boss"}
    refuses("no token", s.ask("GET", p), 401, "UNAUTHENTICATED", "missing required authentication credential")
    refuses("a wrong token", s.ask("GET", p, authorization="Bearer nobody"), 401, "UNAUTHENTICATED", "authentication")
    check("a predictor reads", s.ask("GET", p, **as_user) == (200, {}))
    refuses("a predictor changes nothing", s.ask("POST", p, {"name": "m"}, **as_user), 403, "PERMISSION_DENIED", "permission")
    refuses("nor does an override help", s.ask("POST", p, {"name": "m"}, x_http_method_override="POST", **as_user), 403, "PERMISSION_DENIED", "permission")
    check("an administrator does", s.ask("POST", p, {"name": "m"}, **as_boss)[0] == 200)
    check("predictions need one, too", s.ask("POST", p + "/m:predict", {})[0] == 401)
    (d / "token").write_text("boss\n")
    done = Registry(d, "served", s.url)("models", "list", "--project", "t", "--token-file", "token")
    check("--token-file", done.stdout == "NAME  DEFAULT_VERSION_NAME\nm\n", done)
    done = Registry(d, "served", s.url, LEAT_TOKEN="user")("models", "delete", "m", "--project", "t")
    check("$LEAT_TOKEN", done.returncode == 1 and "permission" in done.stderr, done)
    s.stop()


def restart(d):
    """A killed server's creation is FAILED after the next start; what was READY is served."""
    s = Server(d)
    p = "/v1/projects/local/models/r"
    s.ask("POST", "/v1/projects/local/models", {"name": "r"})
    s.wait(s.ask("POST", p + "/versions", {"name": "v1", "deploymentUri": f"{d}/job"})[1])
    s.ask("POST", p + "/versions", {"name": "v2", "deploymentUri": f"{d}/job"})
    s.process.kill()
    s.process.wait()
    s = Server(d)
    states = {v["name"][-2:]: v["state"] for v in s.ask("GET", p + "/versions")[1]["versions"]}
    check("a restart serves what was READY", states["v1"] == "READY" and states["v2"] in ("READY", "FAILED") and
          s.ask("POST", p + ":predict", {"instances": [{"a": 3.5, "b": 2, "c": "p", "d": "w1"}]})[0] == 200, states)
    code, err = s.stop()
    check("SIGTERM ends it well", code == 0, err)


def packages(d):
    """What the Dockerfile starts, with its environment; the unit; the example."""
    file = (cli.ROOT / "packaging" / "Dockerfile").read_text()
    words = [w.replace("/mnt/models", str(d / "mounted")) for w in json.loads(re.search(r"^CMD (.*)$", file, re.M)[1])]
    job_export = d / "job" / "export" / "estimator"
    shutil.copytree(job_export, d / "mounted")
    for _ in range(5):  # a port that was free may be taken meanwhile
        with socket.socket() as free:
            free.bind(("0.0.0.0", 0))
            port = free.getsockname()[1]
        p = subprocess.Popen([cli.LEAT, *words], env=dict(os.environ, PORT=str(port)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = p.stdout.readline()
        if line:
            break
        p.communicate()
    c = http.client.HTTPConnection("127.0.0.1", port)
    if line:
        c.request("GET", "/v2/models/model/ready")
    good = line == f"listening on 0.0.0.0:{port}\n" and c.getresponse().status == 200
    c.close()
    p.terminate()
    check("the container's command serves /mnt/models at $PORT", good, (line, p.communicate()))
    unit = cli.BUILD / "packaging" / "leat.service"
    command = re.search(r"^ExecStart=\S+/leat (.*)$", unit.read_text(), re.M)[1].replace("/var/lib/leat", str(d)).replace("$LEAT_OPTIONS", "--port 0 --rest_api_port 0 --listen 127.0.0.1:0")
    p = subprocess.Popen([cli.LEAT, *command.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check("the unit's command serves", "listening on 127.0.0.1:" in p.stdout.readline())
    p.terminate()
    p.communicate()
    if shutil.which("systemd-analyze"):
        (d / "leat.service").write_text(re.sub(r"^ExecStart=\S+/leat", "ExecStart=" + cli.LEAT, unit.read_text(), flags=re.M))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(d / "leat.service")], capture_output=True, text=True)
        ours = [line for line in done.stderr.splitlines() if "leat" in line]
        check("systemd accepts the unit", not ours, ours)
    if shutil.which("curl"):
        done = subprocess.run([str(cli.ROOT / "examples/census/serve.sh"), str(cli.BUILD)], capture_output=True, text=True, timeout=300)
        check("examples/census/serve.sh", done.returncode == 0 and done.stdout.endswith("the same bits, whichever way the person is asked about\n"), done)


def verbs(d, s):
    """The tests of the verbs, on the server."""
    r = Registry(d, "served", s.url)
    for part in (registry.story, registry.more_versions, registry.updates, registry.operations, registry.errors):
        part(d, r)


def main():
    with tempfile.TemporaryDirectory() as tmp:
        d = pathlib.Path(tmp).resolve()
        registry.train(d)
        s = Server(d)
        for part in (verbs, resources, masks, versions, operations, documents):
            part(d, s)
        s.stop()
        (d / "served").rename(d / "served before")
        s = Server(d)
        others(d, s)
        s.stop()
        tokens(d)
        packages(d)
        restart(d)
    return 1 if registry.failures else 0


if __name__ == "__main__":
    sys.exit(main())
