"""A web server on loopback that does what servers on the internet do on a bad day."""

import contextlib
import http.server
import re
import threading
import time
import urllib.parse
from collections import Counter

PAGE = b"<!DOCTYPE html>\n<html><head><title>Down for maintenance</title></head></html>"


class MisbehavingServer(http.server.ThreadingHTTPServer):
    """Serves `content` under /<behaviour>/<any name>; counts requests, keeps their headers.

    Behaviours are the methods of `_Handler` that begin with ``do_it_``.
    """

    daemon_threads = True

    def __init__(self, content: bytes):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.etag = '"first"'
        self.requests = Counter()
        self.ranges = []

    def handle_error(self, request, client_address):
        """Say nothing: clients that are killed are part of the tests."""

    def url(self, behaviour: str, name: str = "table.tsv.gz") -> str:
        return f"http://127.0.0.1:{self.server_port}/{behaviour}/{name}"


@contextlib.contextmanager
def serving(content: bytes):
    server = MisbehavingServer(content)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):  # noqa: N802 (the name http.server wants)
        behaviour = urllib.parse.urlsplit(self.path).path.split("/")[1]
        self.server.requests[behaviour] += 1
        self.server.ranges.append(self.headers.get("Range"))
        self.nth = self.server.requests[behaviour]
        getattr(self, f"do_it_{behaviour}")()

    # --- building blocks ---

    def answer(self, status, body=b"", length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def asked_from(self):
        """First byte of the range that was asked for, if it is of the file we still have."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, self.server.etag)
        return int(found[1]) if found and same else 0

    def send_from(self, start, stop=None, content=None):
        """Send bytes start..stop, announce all; hang up if that was not all."""
        content = self.server.content if content is None else content
        headers = {"ETag": self.server.etag}
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.answer(
            206 if start else 200, content[start:stop], length=len(content) - start, **headers
        )
        self.close_connection = stop is not None

    # --- behaviours ---

    def do_it_good(self):
        self.send_from(self.asked_from())

    def do_it_drops(self):
        """Hang up after each quarter of the file."""
        start = self.asked_from()
        self.send_from(start, start + len(self.server.content) // 4 + 1)

    def do_it_never_ends(self):
        """Hang up at the same byte again and again."""
        self.send_from(self.asked_from(), len(self.server.content) // 2)

    def do_it_changes(self):
        """Hang up once, then serve another file under the same address."""
        if self.nth == 1:
            self.send_from(0, len(self.server.content) // 2)
            self.server.etag = '"second"'
            self.server.content = self.server.content[::-1]
        else:
            self.send_from(self.asked_from())

    def do_it_no_range(self):
        """Hang up once; know nothing of ranges."""
        half = len(self.server.content) // 2 if self.nth == 1 else None
        self.send_from(0, half)

    def do_it_no_validator(self):
        """Hang up once; say nothing by which the file could be recognised."""
        body = self.server.content
        stop = len(body) // 2 if self.nth == 1 else None
        self.answer(200, body[:stop], length=len(body))
        self.close_connection = stop is not None

    def do_it_dated(self):
        """Hang up once; know the file by its date, and do not repeat it when going on."""
        date = "Wed, 21 Oct 2015 07:28:00 GMT"
        body, start = self.server.content, 0
        if self.headers.get("If-Range") == date:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        stop = None if start else len(body) // 2
        headers = {"Last_Modified": date}
        if start:
            headers = {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
        self.answer(206 if start else 200, body[start:stop], length=len(body) - start, **headers)
        self.close_connection = stop is not None

    def do_it_wrong_range(self):
        """Hang up once, then answer with another range than was asked for."""
        start = self.asked_from()
        if self.nth == 1:
            self.send_from(0, len(self.server.content) // 2)
        else:
            self.send_from(start and start - 7)

    def do_it_too_long(self):
        """Announce more bytes than there are."""
        body = self.server.content
        start = self.asked_from()
        headers = {"ETag": self.server.etag}
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(body) + 99}/{len(body) + 100}"
        self.answer(206 if start else 200, body[start:], length=len(body) + 100 - start, **headers)
        self.close_connection = True

    def do_it_too_short(self):
        """Announce and send fewer bytes than there are."""
        self.answer(200, self.server.content[:-100], ETag=self.server.etag)

    def do_it_wrong_byte(self):
        body = bytearray(self.server.content)
        body[len(body) // 2] ^= 1
        self.send_from(0, content=bytes(body))

    def do_it_wrong_byte_once(self):
        self.do_it_wrong_byte() if self.nth == 1 else self.do_it_good()

    def do_it_missing(self):
        self.answer(404, b"not here")

    def do_it_busy_twice(self):
        self.answer(503, b"busy") if self.nth <= 2 else self.do_it_good()

    def do_it_busy(self):
        self.answer(503, b"busy", Retry_After="3600")

    def do_it_redirects(self):
        self.answer(302, Location=self.path.replace("redirects", "drops"))

    def do_it_page(self):
        """Answer with a web page and 200, as log-in and maintenance pages do."""
        self.answer(200, PAGE, Content_Type="text/html")

    def do_it_stalls(self):
        """Send half, then say nothing more, at the first request."""
        start = self.asked_from()
        half = len(self.server.content) // 2 if self.nth == 1 else None
        self.send_from(start, half)
        self.wfile.flush()
        time.sleep(2 if self.nth == 1 else 0)

    def do_it_slow(self):
        """Send a piece every 20 ms."""
        start = self.asked_from()
        self.send_from(start, start)
        for position in range(start, len(self.server.content), 8192):
            self.wfile.write(self.server.content[position : position + 8192])
            self.wfile.flush()
            time.sleep(0.02)

    def do_it_chunked(self):
        """Do not say how long the file is."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("ETag", self.server.etag)
        self.end_headers()
        for position in range(0, len(self.server.content), 65536):
            piece = self.server.content[position : position + 65536]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")
