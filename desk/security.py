"""What every response carries and what every form must bring."""

from collections.abc import Awaitable, Callable

from fastapi import Request
from starlette.responses import Response

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

Next = Callable[[Request], Awaitable[Response]]


async def secure(request: Request, call_next: Next) -> Response:
    """Refuse forms sent from another site and put the headers on every response."""
    if request.method not in SAFE_METHODS and request.headers.get("sec-fetch-site", "same-origin") == "cross-site":
        response: Response = Response(status_code=403)
    else:
        response = await call_next(request)
    static = request.url.path.startswith("/console/static/")
    for name, value in {**HEADERS, **(CACHED if static else {})}.items():
        response.headers[name] = value
    return response
