#!/usr/bin/env python3
"""Attacks on the server: slow, greedy, malformed and cheating clients; it stays up and serves honest ones meanwhile.

Each attack prints the 99th percentile of what an honest client waited for its answers while it went on, and the most
memory the server had; its buffers have 64 MB (max_memory).
"""
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import resource
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import h2

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
OPTIONS = ["threads=1", "max_memory=67108864", "max_body=8388608", "header_ms=1500", "body_ms=1500", "idle_ms=60000"]
SANITIZED = subprocess.run(["nm", "-D", str(BUILD / "tests/net_server")], capture_output=True, text=True).stdout.find("__asan_init") >= 0
PATIENCE = 4 if SANITIZED else 1


class Server:
    def __init__(self, *more):
        self.process = subprocess.Popen([str(BUILD / "tests/net_server"), *OPTIONS, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())

    def memory(self, what="VmRSS"):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1]) << 10

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def connect(self, data=b"", timeout=10):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if data:
            s.sendall(data)
        return s

    def stop(self):
        assert self.process.poll() is None, f"the server died: {self.process.returncode}"
        self.process.stdin.close()
        assert self.process.wait(30) == 0, "the server's exit status"


class Honest(threading.Thread):
    """Asks over and over, HTTP/1.1 and gRPC in turns, and keeps how long each answer took."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.times, self.faults, self.over = server, [], [], False

    def run(self):
        try:
            grpc, sock = h2.Connection(self.server.port, timeout=30), self.server.connect(timeout=30)
            while not self.over:
                began = time.perf_counter()
                sock.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nhonest")
                answer = b""
                while not answer.endswith(b"honest"):
                    more = sock.recv(4096)
                    if not more:
                        raise ConnectionError("closed")
                    answer += more
                self.times.append(time.perf_counter() - began)
                began = time.perf_counter()
                got = grpc.call("/test.Echo/Unary", h2.message(b"honest"))
                assert got == ("0", None, h2.message(b"honest")), got
                self.times.append(time.perf_counter() - began)
                time.sleep(0.002)
        except Exception as e:
            self.faults.append(f"{type(e).__name__}: {e}")


def read_all(s, limit=1 << 20):
    data = b""
    try:
        while len(data) < limit and (more := s.recv(65536)):
            data += more
    except (ConnectionError, socket.timeout):
        pass
    s.close()
    return data


def statuses(data):
    return [int(line.split()[1]) for line in data.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


# --- Slow clients -------------------------------------------------------------------------------
def slowloris(server):
    """Heads and bodies that trickle in are cut off in time."""
    slow = [server.connect(b"GET / HTTP/1.1\r\nHost: x\r\n") for _ in range(200)]
    slow += [server.connect(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n") for _ in range(200)]
    end = time.time() + 4.5
    while time.time() < end:
        for s in slow:
            try:
                s.send(b"a")
            except OSError:
                pass
        time.sleep(0.3)
    assert server.descriptors() < 60, f"{server.descriptors()} descriptors are still open"
    got = [statuses(read_all(s)) for s in slow]
    assert sum(g == [408] for g in got) > 300, f"{sum(g == [408] for g in got)} of 400 were told why"


def slow_frames(server):
    """The same over HTTP/2: a head without an end, a body in drops, an answer that is not taken."""
    conns = [h2.Connection(server.port) for _ in range(60)]
    for i, c in enumerate(conns):
        if i % 3 == 0:
            c.send(h2.frame(h2.HEADERS, 0, 1, h2.request("/echo")))
        elif i % 3 == 1:
            c.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.request("/echo")))
        else:  # no window for the answer
            c.send(h2.frame(h2.SETTINGS, 0, 0, struct.pack(">HI", 4, 0)))
            c.start("/echo", b"x" * 20000)
    end = time.time() + 3.5
    while time.time() < end:
        for i, c in enumerate(conns):
            try:
                if i % 3 == 1:
                    c.send(h2.frame(h2.DATA, 0, 1, b"x"))
            except OSError:
                pass
        time.sleep(0.3)
    over = 0
    for c in conns:
        c.sock.settimeout(2)
        try:
            while (f := c.read()) is not None:
                over += f[0] in (h2.RST_STREAM, h2.GOAWAY) or (f[0] in (h2.HEADERS, h2.DATA) and bool(f[1] & h2.END_STREAM))
                if over and f[0] in (h2.RST_STREAM, h2.GOAWAY, h2.HEADERS):
                    break
        except socket.timeout:
            raise AssertionError("a stream still stands")
        c.close()


def idle_connections(server):
    """15,000 connections that say nothing, or have been answered, cost a kilobyte of user memory each."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = min(15000, limit - 1000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    before, conns = server.memory(), []
    for i in range(count):
        s = socket.socket()
        s.bind((f"127.0.0.{2 + i // 20000}", 0))
        s.connect(("127.0.0.1", server.port))
        if i % 2:
            s.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
            s.recv(1000)
        conns.append(s)
    time.sleep(1)
    each = (server.memory() - before) / count
    kept = sum(1 for s in conns[::50] if s.send(b"\r\n") == 2)
    for s in conns:
        s.close()
    if not SANITIZED:
        assert each <= 1024, f"{each:.0f} bytes of memory a connection"
    assert kept == len(conns[::50])
    return f"{count} connections, {each:.0f} bytes each"


# --- Greedy clients -----------------------------------------------------------------------------
def oversize(server):
    """Heads, fields and bodies above the limits, and bodies that only say so."""
    large = b"a" * 20000
    for request, want in [
        (b"GET /" + large + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + large + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"A%d: b\r\n" % i for i in range(100)) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + large, 431),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8388609\r\n\r\n", 413),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999999\r\n\r\n", 413),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n" + b"x" * (9 << 20), 413),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 30000, 400),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 5000, 400),
    ]:
        s = server.connect()
        try:
            s.sendall(request)
        except ConnectionError:
            pass
        got = statuses(read_all(s))
        assert got == [want], (request[:60], got, want)
    # Many that say they bring 8 MB hold what they brought.
    conns = [server.connect(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\nabc") for _ in range(500)]
    time.sleep(0.2)
    held = server.memory()
    for s in conns:
        s.close()
    assert held < 100 << 20, f"{held >> 20} MB"


def memory_limit(server):
    """Bodies that are large together: some are refused with 503, the others are answered."""
    conns = [server.connect() for _ in range(16)]
    body = b"x" * 7000000

    def fill(s):
        try:
            s.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:-1])
        except OSError:
            pass

    threads = [threading.Thread(target=fill, args=(s,)) for s in conns]
    [t.start() for t in threads]
    [t.join() for t in threads]
    for s in conns:
        try:
            s.sendall(b"x")
        except OSError:
            pass
    got = [statuses(read_all(s, 8 << 20)) for s in conns]
    assert server.memory() < 200 << 20, f"{server.memory() >> 20} MB"
    assert sum(g == [503] for g in got) >= 4 and sum(g == [200] for g in got) >= 4, got


def deep_json(server):
    """100,000 levels, numbers of a million digits, exponents without an end."""
    for body in (b"[" * 100000, b'{"a":' * 100000, b"1" * 1000000, b"1e" + b"9" * 100000, b"-" * 100000, b'"' + b"\\u0000" * 100000, b"[" + b"1e999999999," * 10000 + b"1]"):
        s = server.connect(b"POST /json HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        got = statuses(read_all(s))
        assert got in ([200], [400]), (body[:20], got)


# --- Cheating clients ---------------------------------------------------------------------------
def smuggling(server):
    """Whatever two parsers could read as one request or as two is refused and ends the connection."""
    smuggled = b"GET /counters HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
    for request in [
        head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
        head + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled,
        head + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(smuggled) + smuggled,
        head + b"Content-Length: 0, %d\r\n\r\n" % len(smuggled) + smuggled,
        head + b"Content-Length : 0\r\n\r\n" + smuggled,
        head + b"Content-Length: +0\r\n\r\n" + smuggled,
        head + b"Content-Length: 0x0\r\n\r\n" + smuggled,
        head + b"Content-Length:\x0b0\r\n\r\n" + smuggled,
        head + b"Content-Length: 0\r\nTransfer-Encoding:\x0bchunked\r\n\r\n" + smuggled,
        head + b"Transfer-Encoding: xchunked\r\n\r\n" + smuggled,
        head + b"Transfer-Encoding: chunked, identity\r\n\r\n" + smuggled,
        head + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + smuggled,
        head + b"Transfer-Encoding\x00: chunked\r\n\r\n" + smuggled,
        head + b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
        head + b"X: y\rTransfer-Encoding: chunked\r\n\r\n" + smuggled,
        head + b" Transfer-Encoding: chunked\r\n\r\n" + smuggled,
        head + b"Transfer-Encoding: chunked\r\n\r\n5\n12345\r\n0\r\n\r\n" + smuggled,
        head + b"Transfer-Encoding: chunked\r\n\r\n5\r\n123456\r\n0\r\n\r\n" + smuggled,
        head + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\n12345\r\n0\r\n\r\n" + smuggled,
        head + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + smuggled,
        head + b"Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\n12345\r\n0\r\n\r\n" + smuggled,
        head + b"Transfer-Encoding: chunked\r\n\r\n5;a\nb\r\n12345\r\n0\r\n\r\n" + smuggled,
        b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
        b"GET /echo HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + smuggled,
        b"GET http://x/a b HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled,
    ]:
        got = read_all(server.connect(request))
        codes = statuses(got)
        assert len(codes) == 1 and codes[0] in (400, 501), (request[:90], got[:300])
        assert b"connections" not in got, (request[:90], "the smuggled request was answered")
    # The body of a request is no request, whatever it says.
    body = smuggled * 3
    got = read_all(server.connect(head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body))
    assert statuses(got)[:1] == [200] and got.endswith(body)
    # Over HTTP/2: fields that would be two lines, or framing, in HTTP/1.1.
    c = h2.Connection(server.port)
    for extra in ([("a", b"b\r\nc: d")], [("a\r\nb", "c")], [("transfer-encoding", "chunked")], [("connection", "close")], [("A", "b")], [(":path", "/")], [("content-length", "7")], [("a", b"\0")]):
        got = c.ask("/echo", b"x", extra)
        assert got[3] == h2.PROTOCOL_ERROR or (got[0] or {}).get(":status") == "400", (extra, got)
    assert c.ask("/echo", b"good")[1] == b"good"
    c.close()


def rapid_reset(server):
    """CVE-2023-44487: streams opened and reset at once end the connection, not the server."""
    ended = 0
    for _ in range(10):
        c = h2.Connection(server.port)
        try:
            for at in range(0, 20000, 100):
                frames = []
                for i in range(100):
                    s = c.stream()
                    frames += [h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, s, h2.request("/later")), h2.frame(h2.RST_STREAM, 0, s, struct.pack(">I", h2.CANCEL))]
                c.send(*frames)
        except OSError:
            pass
        while (f := c.read()) is not None:
            ended += f[0] == h2.GOAWAY and f[3][4:8] != b"\0\0\0\0"
        c.close()
    assert ended >= 5, f"{ended} of 10 connections were told to calm down"


def continuation_flood(server):
    """CVE-2024-28182: a head that goes on and on."""
    for _ in range(10):
        c = h2.Connection(server.port)
        sent = 0
        try:
            c.send(h2.frame(h2.HEADERS, 0, 1, h2.request("/echo")))
            piece = h2.frame(h2.CONTINUATION, 0, 1, h2.fields([("a", "b" * 1000)]) * 15)
            for _ in range(2000):
                c.send(piece)
                sent += len(piece)
            raise AssertionError(f"{sent} bytes of one head were taken")
        except OSError:
            pass
        c.close()


def hpack_bomb(server):
    """One large field in the table, named again and again: a little text that stands for much."""
    block = b"\x40" + h2.integer(1, 7) + b"a" + h2.integer(4000, 7) + b"b" * 4000
    for count in (10, 1000, 16000):
        c = h2.Connection(server.port)
        head = h2.request("/echo") + block + b"\xbe" * count
        frames = [h2.frame(h2.HEADERS, h2.END_STREAM, 1, head[:16384])]
        for at in range(16384, len(head), 16384):
            frames.append(h2.frame(h2.CONTINUATION, 0, 1, head[at:at + 16384]))
        frames.append(h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1))
        try:
            c.send(*frames)
        except OSError:
            pass
        got = c.answers([1])[1]
        assert got[3] is not None or got[0][":status"] == "431", got
        c.close()
    assert server.memory() < 150 << 20


def broken_frames(server):
    """Frames that break the protocol end the stream or the connection."""
    post = h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.request("/echo"))
    for frames in [
        [h2.frame(h2.DATA, 0, 0, b"x")],
        [h2.frame(h2.DATA, 0, 1, b"x")],
        [h2.frame(h2.HEADERS, h2.END_HEADERS, 2, h2.request("/"))],
        [h2.frame(h2.HEADERS, h2.END_HEADERS, 0, h2.request("/"))],
        [h2.frame(h2.HEADERS, h2.END_HEADERS, 1, b"\xff\xff\xff\xff\xff")],
        [h2.frame(h2.HEADERS, h2.END_HEADERS, 1, b"\x80")],
        [post, h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, b"")],
        [h2.frame(h2.SETTINGS, 0, 1, b"")],
        [h2.frame(h2.SETTINGS, 0, 0, b"12345")],
        [h2.frame(h2.SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31))],
        [h2.frame(h2.SETTINGS, 0, 0, struct.pack(">HI", 5, 1))],
        [h2.frame(h2.PING, 0, 0, b"1234567")],
        [h2.frame(h2.WINDOW_UPDATE, 0, 0, b"\0\0\0\0")],
        [post, h2.frame(h2.WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff"), h2.frame(h2.WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff")],
        [h2.frame(h2.RST_STREAM, 0, 1, b"\0\0\0\0")],
        [b"\xff\xff\xff\x00\x00\x00\x00\x00\x01"],
        [h2.frame(h2.DATA, 8, 1, b"\xff")],
        [post, h2.frame(h2.DATA, 8, 1, b"\xff")],
        [h2.frame(h2.HEADERS, h2.END_HEADERS | 0x28, 1, b"\xff\0\0\0\1\1")],
    ]:
        c = h2.Connection(server.port)
        try:
            c.send(*frames)
        except OSError:
            pass
        while (f := c.read()) is not None:
            if f[0] in (h2.RST_STREAM, h2.GOAWAY):
                break
        assert f is None or f[0] in (h2.RST_STREAM, h2.GOAWAY), frames
        c.close()
    for flood in (h2.frame(h2.PING, 0, 0, b"12345678"), h2.frame(h2.SETTINGS, 0, 0), h2.frame(h2.SETTINGS, 0, 0, struct.pack(">HI", 3, 7) * 20)):
        c = h2.Connection(server.port)
        try:
            for _ in range(300):  # nobody reads the acknowledgements
                c.send(flood * 200)
        except OSError:
            pass
        c.close()
    assert server.memory() < 150 << 20


def broken_calls(server):
    """gRPC's framing: lengths that lie, half messages, packing that is none, packing that is a bomb."""
    import zlib
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = bomb.compress(bytes(64 << 20)) + bomb.flush()
    c = h2.Connection(server.port)
    for body, extra, want in [
        (b"\0\xff\xff\xff\xff", [], "8"),
        (b"\0\x7f\xff\xff\xffabc", [], "8"),
        (b"\0\0\0\0\5abc", [], "13"),
        (b"\0\0\0", [], "13"),
        (b"\7\0\0\0\1a", [], "13"),
        (h2.message(packed, 1), [("grpc-encoding", "gzip")], "8"),
        (h2.message(packed[:1000], 1), [("grpc-encoding", "gzip")], "13"),
        (h2.message(b"x", 1), [("grpc-encoding", "gzip, gzip")], "12"),
        (h2.message(b"a" * (9 << 20)), [], "8"),
    ]:
        got = c.call("/test.Echo/Unary", body, extra)
        assert got[0] == want, (body[:9], got, want)
        got = c.call("/test.Echo/Stream", body, extra)
        assert got[0] == want, ("stream", body[:9], got[0], want)
    for timeout in ("", "1", "999999999S", "-1S", "1X", "99999999H"):
        assert c.call("/test.Echo/Unary", h2.message(b"x"), [("grpc-timeout", timeout)])[0] == "0"
    c.close()
    assert server.memory() < 200 << 20


ATTACKS = [slowloris, slow_frames, oversize, memory_limit, deep_json, smuggling, rapid_reset, continuation_flood, hpack_bomb, broken_frames, broken_calls, idle_connections]


def main():
    failed = 0
    for attack in ATTACKS:
        if len(sys.argv) > 2 and attack.__name__ not in sys.argv[2:]:
            continue
        server = Server()
        honest = Honest(server)
        try:
            honest.start()
            end = time.time() + 0.7
            note = attack(server)
            while time.time() < end:  # so that the honest client lives through some of it
                note = attack(server)
            honest.over = True
            honest.join(30)
            assert not honest.faults, f"an honest client: {honest.faults}"
            times = sorted(honest.times)
            assert len(times) > 5, "no honest client was served"
            p99, peak = times[len(times) * 99 // 100], server.memory("VmHWM") / (1 << 20)
            server.stop()
            print(f"# {attack.__name__}: {len(times)} honest answers, p99 {p99 * 1e3:.1f} ms, most memory {peak:.0f} MB" + (f", {note}" if note else ""))
            print(f"ok {attack.__name__}", flush=True)
        except Exception as e:
            failed += 1
            server.process.kill()
            where = e.__traceback__.tb_next
            print(f"# {type(e).__name__}: {e} (line {where.tb_lineno if where else '?'})\nnot ok {attack.__name__}", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
