"""What every response carries and what every form must bring."""

import logging
import traceback
from collections.abc import Awaitable, Callable

from fastapi import Request
from starlette.responses import JSONResponse, Response

from desk.console import Visit

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""No script at all, nothing from elsewhere, nothing kept by the browser (OWASP secure headers)."""

CACHED = {"Cache-Control": "public, max-age=3600"}
"""The style sheet and the mark hold no data."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

log = logging.getLogger(__name__)
Next = Callable[[Request], Awaitable[Response]]


async def secure(request: Request, call_next: Next) -> Response:
    """Refuse forms sent from another site and put the headers on every response."""
    if request.method not in SAFE_METHODS and request.headers.get("sec-fetch-site", "same-origin") == "cross-site":
        response: Response = Response(status_code=403)
    else:
        try:
            response = await call_next(request)
        except Exception as fault:  # noqa: BLE001 - whatever it is, nothing of it may reach the reader
            _report(fault)
            response = _broken(request)
    static = request.url.path.startswith("/console/static/")
    for name, value in {**HEADERS, **(CACHED if static else {})}.items():
        response.headers[name] = value
    return response


def _broken(request: Request) -> Response:
    if request.url.path.startswith("/console"):
        return Visit(request).refuse("server", 500)
    return JSONResponse({"error": "server"}, 500)


def _report(fault: Exception) -> None:
    """Tell the operator where it broke; messages of exceptions may quote records and stay out."""
    where = "".join(traceback.format_tb(fault.__traceback__))
    log.error("a reading broke off: %s\n%s", type(fault).__name__, where)
