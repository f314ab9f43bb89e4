#!/usr/bin/env python3
"""The upstream of the demonstration: prints what reaches it and answers 200.

    receiver.py [--listen 127.0.0.1:10001] [--admin 127.0.0.1:10002] [--quiet]

A request is recorded as soon as its first line arrives, before its headers and
its body, so that incomplete requests are recorded as well, and "the upstream saw
nothing" is reliable.

The admin port reports what arrived, in JSON:

    GET    /ready                  200 as soon as both ports are open
    GET    /received               {"connections": 2, "forgotten": 0, "requests": [REQUEST, ...]}
    GET    /received?header=N:V    only requests with a header N (any case) whose value is V
    DELETE /received               204; forgets all requests and sets both counters to 0

    REQUEST  {"number": 1,                    counts from 1 since the start, never reused
              "method": "POST",               "" if the first line is invalid
              "target": "/hooks/github?a=b",  as on the wire (the whole line if invalid)
              "version": "HTTP/1.1",
              "headers": [["host", "..."]],   names as on the wire, order and duplicates kept;
              "trailers": [],                 bytes beyond ASCII appear as Latin-1 characters
              "body_base64": "...",           the first 2 MiB
              "body_bytes": 1234,             of the whole body
              "body_sha256": "...",           of the whole body
              "complete": true}               false while it arrives, or if it was aborted

Requests are listed in the order in which they began. Beyond 2,000 requests or
64 MiB of bodies the oldest are dropped, and counted in "forgotten".

Credentials in an Authorization header are recorded but not printed.
"""

import argparse
import base64
import collections
import hashlib
import http.server
import json
import os
import signal
import socketserver
import sys
import threading
import time
import urllib.parse

MAX_LINE = 128 * 1024
MAX_HEADERS = 2000
KEPT_BODY = 2 * 1024 * 1024
KEPT_REQUESTS = 2000
KEPT_BYTES = 64 * 1024 * 1024
PRINTED_BODY = 600
IDLE_SECONDS = 120


class Broken(Exception):
    """The peer closed the connection, or what it sent is not HTTP/1.1."""


class Record:
    """One request as received so far."""

    def __init__(self, number, method, target, version):
        self.number = number
        self.method = method
        self.target = target
        self.version = version
        self.headers = []
        self.trailers = []
        self.body = bytearray()
        self.body_bytes = 0
        self.digest = hashlib.sha256()
        self.complete = False
        self.began = time.time()

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name]

    def add_body(self, data):
        self.digest.update(data)
        self.body_bytes += len(data)
        self.body += data[: max(0, KEPT_BODY - len(self.body))]

    def as_json(self):
        return {
            "number": self.number,
            "method": self.method,
            "target": self.target,
            "version": self.version,
            "headers": self.headers,
            "trailers": self.trailers,
            "body_base64": base64.b64encode(bytes(self.body)).decode("ascii"),
            "body_bytes": self.body_bytes,
            "body_sha256": self.digest.hexdigest(),
            "complete": self.complete,
        }


class Journal:
    """A bounded list of records, shared by the threads of both ports."""

    def __init__(self):
        self.lock = threading.Lock()
        self.records = collections.deque()
        self.connections = 0
        self.forgotten = 0
        self.count = 0

    def connected(self):
        with self.lock:
            self.connections += 1

    def begin(self, method, target, version):
        with self.lock:
            self.count += 1
            record = Record(self.count, method, target, version)
            self.records.append(record)
            held = sum(len(kept.body) for kept in self.records)
            while len(self.records) > KEPT_REQUESTS or (held > KEPT_BYTES and len(self.records) > 1):
                held -= len(self.records.popleft().body)
                self.forgotten += 1
            return record

    def forget(self):
        with self.lock:
            self.records.clear()
            self.connections = 0
            self.forgotten = 0

    def as_json(self, wanted):
        with self.lock:
            return {
                "connections": self.connections,
                "forgotten": self.forgotten,
                "requests": [record.as_json() for record in self.records if wanted(record)],
            }


class Upstream(socketserver.StreamRequestHandler):
    """Parses HTTP/1.1 itself, so that requests are shown byte for byte, without corrections."""

    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def handle(self):
        journal = self.server.journal
        journal.connected()
        try:
            while self.serve_one(journal):
                pass
        except (Broken, OSError):
            pass

    def serve_one(self, journal):
        first = self.line(allow_end=True)
        if first is None:
            return False
        parts = first.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            record = journal.begin("", first, "")
            self.server.show(record)
            self.answer(record, b"400 Bad Request", close=True)
            return False
        record = journal.begin(*parts)
        try:
            record.headers = self.header_block()
            if [value for value in record.values("expect") if value.lower() == "100-continue"]:
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.read_body(record)
            record.complete = True
        finally:
            self.server.show(record)
        wants_close = any("close" in value.lower() for value in record.values("connection"))
        close = wants_close or record.version == "HTTP/1.0"
        self.answer(record, b"200 OK", close)
        return not close

    def answer(self, record, status, close):
        body = b"received\n" if status.startswith(b"200") else b"not HTTP/1.1\n"
        head = b"HTTP/1.1 " + status + b"\r\ncontent-type: text/plain\r\n"
        head += b"content-length: %d\r\n" % len(body)
        head += b"connection: close\r\n" if close else b""
        self.wfile.write(head + b"\r\n" + (b"" if record.method == "HEAD" else body))

    def line(self, allow_end=False):
        raw = self.rfile.readline(MAX_LINE + 1)
        if not raw and allow_end:
            return None
        if not raw.endswith(b"\n"):
            raise Broken
        return raw.rstrip(b"\r\n").decode("latin-1")

    def header_block(self):
        headers = []
        while True:
            line = self.line()
            if not line:
                return headers
            name, colon, value = line.partition(":")
            if not colon or len(headers) >= MAX_HEADERS:
                raise Broken
            headers.append([name, value.strip(" \t")])

    def read_body(self, record):
        if any("chunked" in value.lower() for value in record.values("transfer-encoding")):
            while True:
                size = self.number(self.line().split(";")[0], 16)
                if size == 0:
                    break
                self.read_exactly(record, size)
                if self.line() != "":
                    raise Broken
            record.trailers = self.header_block()
        elif record.values("content-length"):
            self.read_exactly(record, self.number(record.values("content-length")[0], 10))

    @staticmethod
    def number(text, base):
        digits = "0123456789abcdef"[:base]
        text = text.strip().lower()
        if not text or any(digit not in digits for digit in text):
            raise Broken
        return int(text, base)

    def read_exactly(self, record, size):
        while size > 0:
            data = self.rfile.read1(min(size, 64 * 1024))
            if not data:
                raise Broken
            record.add_body(data)
            size -= len(data)


class Admin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/ready":
            self.reply(200, {"ready": True})
        elif url.path == "/received":
            query = urllib.parse.parse_qs(url.query).get("header", [])
            self.reply(200, self.server.journal.as_json(self.wanted(query)))
        else:
            self.reply(404, {"error": "use /ready or /received"})

    def do_DELETE(self):
        if urllib.parse.urlsplit(self.path).path != "/received":
            self.reply(404, {"error": "use /received"})
            return
        self.server.journal.forget()
        self.reply(204, None)

    @staticmethod
    def wanted(query):
        pairs = [(item.partition(":")[0].lower(), item.partition(":")[2].strip()) for item in query]
        return lambda record: all(value in record.values(name) for name, value in pairs)

    def reply(self, status, document):
        body = b"" if document is None else json.dumps(document).encode("ascii") + b"\n"
        self.send_response(status)
        if document is not None:
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Admin requests are not logged."""


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, handler, journal, show=None):
        self.journal = journal
        self.show = show or (lambda record: None)
        super().__init__(address, handler)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Printer:
    """Prints one block for each request; blocks of concurrent requests do not mix."""

    # First the headers of hookwarden, then those of the sender, last those that proxies add.
    PLUMBING = ("x-envoy-", "x-forwarded-", "x-request-id")

    def __init__(self, stream):
        self.stream = stream
        self.lock = threading.Lock()
        self.colour = stream.isatty() and "NO_COLOR" not in os.environ

    def paint(self, code, text):
        return "\033[%sm%s\033[0m" % (code, text) if self.colour else text

    def __call__(self, record):
        clock = time.strftime("%H:%M:%S", time.localtime(record.began))
        title = " ".join(printable(part) for part in (record.method, record.target) if part)
        state = "" if record.complete else ", incomplete"
        lines = ["%s  %s  (%d bytes%s)" % (clock, self.paint("1", title), record.body_bytes, state)]
        for name, value in sorted(record.headers, key=self.rank):
            if name.lower() in ("authorization", "proxy-authorization"):
                value = value.partition(" ")[0] + " (credentials not printed)"
            text = "  %s: %s" % (printable(name), printable(value))
            lines.append(self.paint("32", text) if name.lower().startswith("x-hookwarden-") else text)
        if record.body_bytes:
            text = printable(bytes(record.body[:PRINTED_BODY]).decode("utf-8", "replace"))
            more = " ... (the first %d bytes)" % PRINTED_BODY if record.body_bytes > PRINTED_BODY else ""
            lines += ["", "  " + text + more]
        with self.lock:
            try:
                print("\n".join(lines) + "\n", file=self.stream, flush=True)
            except OSError:
                # The output is closed; the records stay available on the admin port.
                pass

    def rank(self, pair):
        name = pair[0].lower()
        return (not name.startswith("x-hookwarden-"), name.startswith(self.PLUMBING))


def printable(text):
    """Escapes control characters, which must not reach the terminal."""
    return "".join(char if char.isprintable() else "\\x%02x" % ord(char) for char in text)


def address(text):
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError("%r is not of the form 127.0.0.1:10001" % text)
    return host, int(port)


def open_port(where, option, *rest):
    try:
        return Server(where, *rest)
    except OSError as error:
        sys.exit(
            "receiver: cannot listen on %s:%d (%s); choose another port with %s"
            % (where + (error.strerror or error, option))
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listen", type=address, default=("127.0.0.1", 10001), metavar="HOST:PORT")
    parser.add_argument("--admin", type=address, default=("127.0.0.1", 10002), metavar="HOST:PORT")
    parser.add_argument("--quiet", action="store_true", help="record requests without printing them")
    options = parser.parse_args()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    # As process 1 of a container, Python has no default handler for it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    journal = Journal()
    show = None if options.quiet else Printer(sys.stdout)
    upstream = open_port(options.listen, "--listen", Upstream, journal, show)
    admin = open_port(options.admin, "--admin", Admin, journal)
    print(
        "receiver: listening on %s:%d, admin on %s:%d\n"
        % (upstream.server_address[:2] + admin.server_address[:2]),
        flush=True,
    )
    threading.Thread(target=admin.serve_forever, daemon=True).start()
    try:
        upstream.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
