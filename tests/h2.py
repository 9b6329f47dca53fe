"""A small HTTP/2 client for tests: frames as bytes, HPACK without indexing, one connection."""
# SPDX-License-Identifier: Apache-2.0
import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL, STREAM_CLOSED, FRAME_SIZE, REFUSED, CANCEL, CALM = 0, 1, 3, 5, 6, 7, 8, 11

# RFC 7541, appendix A.
STATIC = [(":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"), (":scheme", "http"), (":scheme", "https")]
STATIC += [(":status", s) for s in "200 204 206 304 400 404 500".split()]
STATIC += [("accept-charset", ""), ("accept-encoding", "gzip, deflate")]
STATIC += [(n, "") for n in "accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control content-disposition content-encoding content-language content-length content-location content-range content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate".split()]
# Appendix B: the bits of each byte's code, as letters from '<' = 0; codes of one length count up.
LENGTHS = ("ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJBKABABABBBACCBBBABCBAABCCCCCKGJIX"
           "PRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRSVVPORSRUVVVWWVTUOQVWWVWTQQVVXWWWPTPQRQQSRRUUTTVSVWVVWWWWWXWWWWWVZ")


def huffman_table():
    table, code, last = {}, 0, 0
    for length, symbol in sorted((ord(c) - 60, i) for i, c in enumerate(LENGTHS)):
        code <<= length - last
        table[length, code] = symbol
        code, last = code + 1, length
    return table


HUFFMAN = huffman_table()


def unhuffman(data):
    out, code, length = bytearray(), 0, 0
    for byte in data:
        for bit in range(7, -1, -1):
            code, length = code << 1 | byte >> bit & 1, length + 1
            if (length, code) in HUFFMAN:
                out.append(HUFFMAN[length, code])
                code = length = 0
    return bytes(out)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def integer(value, bits, first=0):
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    out, value = bytearray([first | limit]), value - limit
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def fields(pairs):
    """A header block, nothing indexed and nothing packed."""
    out = b""
    for name, value in pairs:
        name, value = name.encode(), value if isinstance(value, bytes) else value.encode()
        out += b"\0" + integer(len(name), 7) + name + integer(len(value), 7) + value
    return out


def request(path, method="POST", extra=()):
    return fields([(":method", method), (":scheme", "http"), (":path", path), (":authority", "test"), *extra])


def message(data, packed=0):
    return bytes([packed]) + struct.pack(">I", len(data)) + data


class Decoder:
    def __init__(self):
        self.table = []

    def integer(self, data, at, bits):
        limit = (1 << bits) - 1
        value, at, shift = data[at] & limit, at + 1, 0
        if value < limit:
            return value, at
        while True:
            value += (data[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if not data[at - 1] & 128:
                return value, at

    def text(self, data, at):
        packed = data[at] & 128
        length, at = self.integer(data, at, 7)
        raw = data[at:at + length]
        return (unhuffman(raw) if packed else raw).decode("latin-1"), at + length

    def entry(self, index):
        return STATIC[index - 1] if index <= len(STATIC) else self.table[index - 1 - len(STATIC)]

    def decode(self, data):
        at, out = 0, []
        while at < len(data):
            first = data[at]
            if first & 128:
                index, at = self.integer(data, at, 7)
                out.append(self.entry(index))
                continue
            if first & 0xE0 == 0x20:
                _, at = self.integer(data, at, 5)
                continue
            index, at = self.integer(data, at, 6 if first & 64 else 4)
            name = self.entry(index)[0] if index else None
            if name is None:
                name, at = self.text(data, at)
            value, at = self.text(data, at)
            out.append((name, value))
            if first & 64:
                self.table.insert(0, (name, value))
        return out


class Connection:
    def __init__(self, port, sock=None, timeout=5, settings=b""):
        self.sock = sock or socket.create_connection(("127.0.0.1", port))
        self.sock.settimeout(timeout)
        if self.sock.family == socket.AF_INET:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.decoder, self.next = b"", Decoder(), 1
        self.sock.sendall(PREFACE + frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30)))

    def send(self, *frames):
        self.sock.sendall(b"".join(frames))

    def reply(self, *frames):
        """Sends what the server may be gone for; reading tells."""
        try:
            self.send(*frames)
        except OSError:
            pass

    def stream(self):
        self.next += 2
        return self.next - 2

    def read(self):
        """(kind, flags, stream, payload), or None at the end."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            try:
                more = self.sock.recv(1 << 16)
            except ConnectionError:
                more = b""
            if not more:
                return None
            self.buffer += more
        length = int.from_bytes(self.buffer[:3], "big")
        kind, flags, stream = self.buffer[3], self.buffer[4], int.from_bytes(self.buffer[5:9], "big")
        payload, self.buffer = self.buffer[9:9 + length], self.buffer[9 + length:]
        return kind, flags, stream, payload

    def start(self, path, body=b"", extra=(), method="POST"):
        stream = self.stream()
        out = frame(HEADERS, END_HEADERS | (0 if body else END_STREAM), stream, request(path, method, extra))
        for at in range(0, len(body), 16384):
            out += frame(DATA, END_STREAM if at + 16384 >= len(body) else 0, stream, body[at:at + 16384])
        self.send(out)
        return stream

    def answers(self, wanted):
        """{stream: [fields, body, trailers, error]} when all of `wanted` are over; error "goaway" or "end" for the connection's."""
        got = {s: [None, b"", None, None] for s in wanted}
        left = set(wanted)
        while left:
            f = self.read()
            if f is None or f[0] == GOAWAY and f[3][4:8] != b"\0\0\0\0":
                for s in left:
                    got[s][3] = "end" if f is None else ("goaway", int.from_bytes(f[3][4:8], "big"))
                break
            kind, flags, stream, payload = f
            if kind == SETTINGS and not flags & ACK:
                self.reply(frame(SETTINGS, ACK, 0))
            if kind == HEADERS:
                pairs = dict(self.decoder.decode(payload))
                if stream in got:
                    got[stream][0 if got[stream][0] is None or ":status" in pairs else 2] = pairs
            if stream not in left:
                continue
            if kind == DATA:
                got[stream][1] += payload
                if payload:
                    self.reply(frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", len(payload))))
            if kind == RST_STREAM:
                got[stream][3] = int.from_bytes(payload, "big")
            if kind == RST_STREAM or kind in (DATA, HEADERS) and flags & END_STREAM:
                left.discard(stream)
        return got

    def ask(self, path, body=b"", extra=(), method="POST"):
        stream = self.start(path, body, extra, method)
        return self.answers([stream])[stream]

    def call(self, path, data, extra=()):
        """A gRPC call: (status, message, answer)."""
        head, body, trailers, error = self.ask(path, data, [("te", "trailers"), ("content-type", "application/grpc"), *extra])
        end = trailers or head or {}
        return end.get("grpc-status"), end.get("grpc-message"), body if error is None else error

    def close(self):
        self.sock.close()
