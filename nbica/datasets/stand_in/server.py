"""The server: ranges, ETags and dates as a good one has them, and faults on command."""

import re
import sys
import threading
import time
import zlib
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

_DATE = "Wed, 01 Jan 2025 00:00:00 GMT"
_PAGE = b"<!DOCTYPE html><html><body>We are down for maintenance.</body></html>"


@dataclass
class Fault:
    """One way to misbehave, for one request.

    `status` instead of the file; more `headers`; `cut_after` so many bytes; `ignores_ranges`;
    `etag` instead of the true one (empty: none); `changes` bytes of the file; `is_page` sends HTML;
    `loops` redirects to itself; `drip` seconds between pieces of 4096 bytes; `waits_after` so many
    bytes until the event `gate` is set; `without_length` streams without saying how much;
    `ignores_conditions` answers a range although If-Range does not hold.
    """

    status: int | None = None
    headers: tuple = ()
    cut_after: int | None = None
    ignores_ranges: bool = False
    ignores_conditions: bool = False
    etag: str | None = None
    changes: bool = False
    is_page: bool = False
    loops: bool = False
    drip: float = 0.0
    waits_after: int = 0
    gate: threading.Event | None = None
    without_length: bool = False


class Mirror(ThreadingHTTPServer):
    """Serves contents on 127.0.0.1; knows what it was asked, and misbehaves as it was told.

    Parameters
    ----------
    contents : mapping of str to bytes
        Paths such as "adhd/adhd40_0010042.tgz"; a KeyError is a 404.
    port : int
        0 takes a free one.

    Attributes
    ----------
    requests : list of (path, headers)
    """

    daemon_threads = True

    def __init__(self, contents, port=0):
        super().__init__(("127.0.0.1", port), _Handler)
        self.contents = contents
        self.requests = []
        self.guard = threading.Lock()
        self._faults = defaultdict(list)
        self._always = []

    @property
    def url(self):
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def start(self):
        """Serve in the background."""
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def misbehave(self, path, *faults, always=False):
        """Meet the next requests for a path with these faults, one each, or all with one."""
        if always:
            self._always.append((re.compile(path), faults[0]))
        else:
            self._faults[path].extend(faults)

    def fault_for(self, path):
        """How to meet this request."""
        if self._faults[path]:
            return self._faults[path].pop(0)
        found = [fault for pattern, fault in self._always if pattern.fullmatch(path)]
        return found[0] if found else Fault()

    def handle_error(self, request, client_address):
        """Say nothing of clients that go away, as those that are killed do."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def paths(self):
        """What was asked for, in order."""
        return [path for path, _ in self.requests]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        try:
            self._answer()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_):
        pass

    def _answer(self):
        path = unquote(urlsplit(self.path).path).lstrip("/")
        with self.server.guard:
            self.server.requests.append((path, dict(self.headers)))
            fault = self.server.fault_for(path)
        if fault.loops:
            self._send(302, b"", {"Location": self.path})
        elif fault.is_page:
            self._send(200, _PAGE, {"Content-Type": "text/html; charset=utf-8"})
        elif fault.status:
            self._send(fault.status, b"", dict(fault.headers))
        else:
            self._send_file(path, fault)

    def _send_file(self, path, fault):
        try:
            data = self.server.contents[path]
        except KeyError:
            self._send(404, b"", {})
            return
        data = bytes(byte ^ 0x55 for byte in data) if fault.changes else data
        etag = f'"{zlib.crc32(data):08x}"' if fault.etag is None else fault.etag
        headers = {"Content-Type": "application/octet-stream", "Last-Modified": _DATE}
        headers |= dict(fault.headers)
        headers |= {"ETag": etag} if etag else {}
        start = 0 if fault.ignores_ranges else self._start(etag, fault)
        if start >= len(data) > 0 and start:
            self._send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            return
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self._send(206 if start else 200, data[start:], headers, fault)

    def _start(self, etag, fault):
        """First byte asked for, if the condition holds."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        holds = condition in (None, etag, _DATE) or fault.ignores_conditions
        return int(asked[1]) if asked and holds else 0

    def _send(self, status, body, headers, fault=None):
        fault = fault or Fault()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if fault.without_length:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        body = body[: fault.cut_after]
        if fault.gate is not None:
            self.wfile.write(body[: fault.waits_after])
            fault.gate.wait()
            body = body[fault.waits_after :]
        self._write(body, fault.drip)
        if fault.cut_after is not None or fault.without_length:
            self.close_connection = True

    def _write(self, body, drip):
        if not drip:
            self.wfile.write(body)
            return
        for start in range(0, len(body), 4096):
            self.wfile.write(body[start : start + 4096])
            self.wfile.flush()
            time.sleep(drip)
