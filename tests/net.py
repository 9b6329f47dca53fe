#!/usr/bin/env python3
"""The server of src/net asked over sockets: HTTP/2, h2c, gRPC, TLS, streams, draining, descriptors running out."""
# SPDX-License-Identifier: Apache-2.0
import gzip
import http.client
import json
import pathlib
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import h2

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()


class Server:
    def __init__(self, *options, limit=None):
        command = [str(BUILD / "tests/net_server"), *options]
        if limit:
            command = ["sh", "-c", f"ulimit -n {limit}; exec \"$@\"", "sh", *command]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())

    def ask(self, path, body=b"", headers={}):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        c.request("POST", path, body, headers)
        answer = c.getresponse()
        data = answer.read()
        c.close()
        return answer.status, data

    def counters(self):
        return json.loads(self.ask("/counters")[1])

    def raw(self, data):
        s = socket.create_connection(("127.0.0.1", self.port))
        s.settimeout(10)
        s.sendall(data)
        return s

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0, "the server's exit status"

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            self.process.kill()
        self.stop() if not kind else self.process.wait()


def streams_interleave():
    with Server() as s:
        c = h2.Connection(s.port)
        later = [c.start("/later", b"%d" % i) for i in range(100)]
        big = c.start("/echo", bytes(1000) * 900)
        got = c.answers([*later, big])
        assert all(got[n][1] == b"%d" % i for i, n in enumerate(later)), "bodies"
        assert got[big][0][":status"] == "200" and len(got[big][1]) == 900000
        head, body, _, error = c.ask("/stream")
        assert body.endswith(b"<48><49>") and error is None, (head, body)
        assert c.ask("/none")[0][":status"] == "404"
        head, body, _, _ = c.ask("/echo", b"x" * 5000, [("accept-encoding", "gzip")])
        assert head["content-encoding"] == "gzip" and gzip.decompress(body) == b"x" * 5000
        head, body, _, _ = c.ask("/echo", gzip.compress(b"y" * 5000), [("content-encoding", "gzip")])
        assert body == b"y" * 5000 and head["content-length"] == "5000"
        assert c.ask("/echo", method="HEAD")[0][":status"] == "200"
        c.close()


def upgrade_to_h2c():
    with Server() as s:
        sock = s.raw(b"GET /later HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n")
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(1)
        assert head.startswith(b"HTTP/1.1 101 "), head
        c = h2.Connection(s.port, sock)
        c.next = 3
        assert c.answers([1])[1][0][":status"] == "200"
        assert c.ask("/echo", b"again")[1] == b"again"
        c.close()
        # Settings that are none: the request is answered as it came.
        sock = s.raw(b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: !\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 404 ")
        sock.close()


def grpc_calls():
    with Server() as s:
        c = h2.Connection(s.port)
        assert c.call("/test.Echo/Unary", h2.message(b"hello")) == ("0", None, h2.message(b"hello"))
        assert c.call("/test.Echo/Unary", h2.message(b"")) == ("0", None, h2.message(b""))
        status, text, body = c.call("/test.Echo/Unary", h2.message(b"fail"))
        assert (status, text, body) == ("5", "no 100%25 %C3%A4nswer", b""), (status, text, body)
        assert c.call("/test.Echo/None", h2.message(b""))[0] == "12"
        packed = h2.message(gzip.compress(b"z" * 1000), 1)
        assert c.call("/test.Echo/Unary", packed, [("grpc-encoding", "gzip")]) == ("0", None, h2.message(b"z" * 1000))
        status, _, body = c.call("/test.Echo/Unary", packed, [("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip")])
        assert status == "0" and body[0] == 1 and gzip.decompress(body[5:]) == b"z" * 1000
        several = b"".join(h2.message(b"%d" % i * i) for i in range(40))
        assert c.call("/test.Echo/Stream", several) == ("0", None, several)
        stream = c.stream()
        extra = [("te", "trailers"), ("content-type", "application/grpc")]
        c.send(h2.frame(h2.HEADERS, h2.END_HEADERS, stream, h2.request("/test.Echo/Stream", extra=extra)))
        for i in range(3):  # each is answered while the call goes on; the message comes in two frames
            m = h2.message(b"part %d" % i)
            c.send(h2.frame(h2.DATA, 0, stream, m[:3]), h2.frame(h2.DATA, 0, stream, m[3:]))
            data = b""
            while len(data) < len(m):
                kind, _, _, payload = c.read()
                data += payload if kind == h2.DATA else b""
            assert data == m, data
        c.send(h2.frame(h2.DATA, h2.END_STREAM, stream))
        assert c.answers([stream])[stream][0] == {"grpc-status": "0"}, "trailers: the fields came before"
        # A large stream passes in windows, and is not held.
        m = h2.message(bytes(60000))
        stream = c.stream()
        c.send(h2.frame(h2.HEADERS, h2.END_HEADERS, stream, h2.request("/test.Echo/Stream", extra=extra)))
        got = 0
        for i in range(100):
            for at in range(0, len(m), 16000):
                c.send(h2.frame(h2.DATA, 0, stream, m[at:at + 16000]))
            while got < len(m) * (i + 1):
                kind, _, _, payload = c.read()
                if kind == h2.DATA:
                    got += len(payload)
                    c.send(h2.frame(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", len(payload))))
        c.send(h2.frame(h2.RST_STREAM, 0, stream, struct.pack(">I", h2.CANCEL)))
        assert c.call("/test.Echo/Unary", h2.message(b"x"))[0] == "0"
        c.close()


def grpc_faults():
    with Server("max_body=100000") as s:
        c = h2.Connection(s.port)
        for body, extra, want in [
            (b"\0\0\0\0", [], "13"),
            (h2.message(b"abc") + h2.message(b"d"), [], "12"),
            (h2.message(b"abc")[:-1], [], "13"),
            (b"\2\0\0\0\1x", [], "13"),
            (b"\0\xff\xff\xff\xffx", [], "8"),
            (h2.message(b"not packed", 1), [("grpc-encoding", "gzip")], "13"),
            (h2.message(b"x", 1), [("grpc-encoding", "snappy")], "12"),
            (h2.message(b"x", 1), [], "13"),
            (h2.message(gzip.compress(bytes(200000)), 1), [("grpc-encoding", "gzip")], "8"),
            (h2.message(bytes(100001)), [], "8"),
        ]:
            got = c.call("/test.Echo/Unary", body, extra)
            assert got[0] == want, (body[:20], got, want)
        assert c.call("/test.Echo/Stream", h2.message(b"abc") + b"\0")[0] == "13"
        assert c.call("/test.Echo/Unary", h2.message(b"x"))[0] == "0"
        c.close()


def tls():
    if not shutil.which("openssl"):
        return "openssl is missing"
    with tempfile.TemporaryDirectory() as where:
        cert, key = f"{where}/cert.pem", f"{where}/key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        with Server(f"tls_cert={cert}", f"tls_key={key}") as s:
            context = ssl.create_default_context(cafile=cert)
            c = http.client.HTTPSConnection("localhost", s.port, context=context, timeout=10)
            for size in (5, 300000):
                c.request("POST", "/later", b"a" * size)
                assert c.getresponse().read() == b"a" * size
            assert c.sock.version() == "TLSv1.3"
            c.close()
            context.set_alpn_protocols(["h2"])
            sock = context.wrap_socket(socket.create_connection(("127.0.0.1", s.port)), server_hostname="localhost")
            assert sock.selected_alpn_protocol() == "h2"
            c = h2.Connection(s.port, sock)
            assert c.ask("/echo", bytes(300000))[1] == bytes(300000)
            assert c.call("/test.Echo/Unary", h2.message(b"hi")) == ("0", None, h2.message(b"hi"))
            c.close()
            assert s.ask("/echo", b"plain") == (200, b"plain"), "plain text on the same port"
            old = ssl.create_default_context(cafile=cert)
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            try:
                old.wrap_socket(socket.create_connection(("127.0.0.1", s.port)), server_hostname="localhost")
                raise AssertionError("TLS 1.2 was accepted")
            except (ssl.SSLError, ConnectionError):
                pass
        bad = subprocess.run([str(BUILD / "tests/net_server"), f"tls_cert={where}/none"], capture_output=True, text=True)
        assert bad.returncode == 1 and f"{where}/none: No such file" in bad.stderr, bad.stderr


def drains_streams():
    with Server("drain_ms=5000") as s:
        c = h2.Connection(s.port)
        streams = [c.start("/later", b"x") for _ in range(10)]
        time.sleep(0.005)
        stopping = threading.Thread(target=s.process.stdin.close)
        stopping.start()
        got = c.answers(streams)
        assert all(got[n][1] == b"x" and got[n][3] is None for n in streams), got
        while (f := c.read()) is not None:
            assert f[0] != h2.HEADERS
        stopping.join()


def descriptors_run_out():
    with Server("threads=1", limit=64) as s:
        idle = [s.raw(b"") for _ in range(100)]
        time.sleep(0.2)
        assert s.ask("/echo", b"still here") == (200, b"still here")
        for sock in idle:
            sock.close()
        time.sleep(0.5)
        assert s.counters()["connections"] < 10


def connections_make_room():
    with Server("threads=1", "max_connections=20") as s:
        idle = [s.raw(b"") for _ in range(60)]
        assert s.ask("/echo", b"served") == (200, b"served")
        assert s.counters()["connections"] <= 20
        assert idle[0].recv(1) == b"", "who was idle longest has gone"


def unix_socket():
    with tempfile.TemporaryDirectory() as where:
        path = f"{where}/s"
        with Server(f"listen=unix:{path}", "threads=2") as s:
            for _ in range(5):
                sock = socket.socket(socket.AF_UNIX)
                sock.connect(path)
                sock.sendall(b"POST /echo HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi")
                data = b""
                while more := sock.recv(1000):
                    data += more
                assert data.endswith(b"\r\n\r\nhi"), data
                sock.close()
        pathlib.Path(path).write_text("a file")
        bad = subprocess.run([str(BUILD / "tests/net_server"), f"listen=unix:{path}"], capture_output=True, text=True)
        assert bad.returncode == 1 and pathlib.Path(path).read_text() == "a file", bad.stderr


def many_threads_answer():
    with Server("threads=2") as s:
        faults = []

        def work(i):
            try:
                c = h2.Connection(s.port)
                for k in range(20):
                    paths = ["/later", "/echo", "/stream", "/later"]
                    got = c.answers([c.start(p, b"abc") for p in paths])
                    assert sorted(v[1][:3] for v in got.values()) == [b"<0>", b"abc", b"abc", b"abc"]
                c.start("/later", b"left")
                c.close()
            except Exception as e:
                faults.append(repr(e))

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert not faults, faults
        time.sleep(0.1)
        assert s.counters()["memory"] < 200000, s.counters()


TESTS = [streams_interleave, upgrade_to_h2c, grpc_calls, grpc_faults, tls, drains_streams, descriptors_run_out, connections_make_room, unix_socket, many_threads_answer]


def main():
    failed = 0
    for test in TESTS:
        if len(sys.argv) > 2 and test.__name__ not in sys.argv[2:]:
            continue
        try:
            reason = test()
            print(f"ok {test.__name__}" + (f" # SKIP {reason}" if reason else ""), flush=True)
        except Exception as e:
            failed += 1
            print(f"# {type(e).__name__}: {e} (line {e.__traceback__.tb_next.tb_lineno if e.__traceback__.tb_next else '?'})\nnot ok {test.__name__}", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
