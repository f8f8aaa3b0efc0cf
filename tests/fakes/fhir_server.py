"""A FHIR R4 server on the loopback: searches with paging, and on demand every way such a server can misbehave."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
Trouble = Literal["http500", "http401", "slow", "garbage", "no-bundle", "broken-entry", "loop", "elsewhere"]
SLOW = 1.5
"""Seconds a slow answer takes; the sources under test wait for less."""


class FhirServer:
    """Resources by type. ``trouble`` is what every answer suffers from, or only the next ``times`` answers."""

    def __init__(self, resources: dict[str, list[Json]], updated: str = "2026-11-01T00:00:00+09:00") -> None:
        self.resources = resources
        self.updated = updated
        self.trouble: Trouble | None = None
        self.times: int | None = None
        self.requests: list[str] = []
        self.url = ""

    def break_down(self, trouble: Trouble, times: int | None = None) -> None:
        """Misbehave from now on, or only so many times."""
        self.trouble, self.times = trouble, times

    def suffers(self) -> Trouble | None:
        """Say what the answer being given suffers from."""
        if self.times is None:
            return self.trouble
        self.times -= 1
        return self.trouble if self.times >= 0 else None

    def page(self, kind: str, count: int, start: int) -> Json:
        """Give one page of a search and the link to the next."""
        found = sorted(self.resources.get(kind, ()), key=lambda resource: str(resource["id"]))
        bundle: Json = {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(found),
            "meta": {"lastUpdated": self.updated},
            "entry": [{"resource": resource} for resource in found[start : start + count]],
            "link": [],
        }
        if start + count < len(found):
            following = f"{self.url}/{kind}?_count={count}&_sort=_id&start={start + count}"
            bundle["link"] = [{"relation": "next", "url": following}]
        return bundle


@contextmanager
def serving(server: FhirServer) -> Iterator[FhirServer]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    server.url = f"http://127.0.0.1:{httpd.server_address[1]}/fhir"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def _handler(server: FhirServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.requests.append(self.path)
            where = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(where.query).items()}
            kind = where.path.rpartition("/")[2]
            bundle = server.page(kind, int(asked["_count"]), int(asked.get("start", "0")))
            status, body = 200, json.dumps(bundle)
            match server.suffers():
                case "http500":
                    status, body = 500, "Internal Server Error"
                case "http401":
                    status, body = 401, "{}"
                case "slow":
                    time.sleep(SLOW)
                case "garbage":
                    body = "<html>結城　花子</html>"
                case "no-bundle":
                    body = json.dumps({"resourceType": "OperationOutcome"})
                case "broken-entry":
                    body = json.dumps(bundle | {"entry": [None, "結城　花子"]})
                case "loop":
                    body = json.dumps(
                        bundle | {"link": [{"relation": "next", "url": f"{server.url}/{kind}?_count=1"}]}
                    )
                case "elsewhere":
                    link = {"relation": "next", "url": "http://127.0.0.1:9/fhir/Patient?_count=1"}
                    body = json.dumps(bundle | {"link": [link]})
            content = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/fhir+json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            try:
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                return  # the client gave up waiting

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name for it
            """Stay silent."""

    return Handler
