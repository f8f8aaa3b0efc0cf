"""``/api/v1``: the same readings as JSON, for a site's own front ends.

A client signs in for a bearer token and sends it in the Authorization header; cookies are not read here, so no
other site can make a browser ask.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request
from pydantic import Field
from starlette.responses import JSONResponse, RedirectResponse, Response

from desk.console import READING_PURPOSES
from desk.context import Desk, desk_of
from desk.readers import PRESENT, REASONS, reader_of, stated_in, statement_of
from desk.refusals import NotShown, QueryRefused
from desk.views import HouseholdView, Inclusion, Query, Reading, Results, Shape
from privacy.policy import Reader
from schemas.errors import AccessDenied

router = APIRouter()


class SignIn(Shape):
    """Who signs in, for what purpose, with whom present and why."""

    staff: str
    purpose: str
    present: tuple[str, ...] = Field(min_length=1)
    reason: str


class Token(Shape):
    """A bearer token and when it ends (Unix seconds)."""

    token: str
    expires: int


class Refusal(Shape):
    """Why there is no answer."""

    error: str


REFUSALS: dict[int | str, dict[str, object]] = {
    401: {"model": Refusal, "description": "Sign in first"},
    404: {"model": Refusal, "description": "Nothing there or nothing to show; both look alike"},
    422: {"model": Refusal, "description": "Ask differently"},
}


class Caller:
    """Who calls: the reader and the coded answers of the first minute."""

    def __init__(self, reader: Reader, statement: tuple[str, ...]) -> None:
        self.reader = reader
        self.statement = statement


def _caller(request: Request, authorization: Annotated[str, Header()] = "") -> Caller:
    desk = desk_of(request)
    now = desk.clock()
    session = desk.sessions.read(authorization.removeprefix("Bearer ").strip(), now)
    if session is None or not session.reason:
        raise HTTPException(401, "sign_in")
    try:
        reader = reader_of(desk.workspace, session.staff, session.purpose, now, stated=stated_in(session))
    except AccessDenied:
        raise HTTPException(401, "sign_in") from None
    return Caller(reader, statement_of(session))


At = Annotated[Desk, Depends(desk_of)]
As = Annotated[Caller, Depends(_caller)]


@router.get("/", include_in_schema=False)
def root() -> Response:
    """Lead people to the console."""
    return RedirectResponse("/console", 303)


@router.get("/healthz", tags=["operation"])
def healthz() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@router.post("/api/v1/session", tags=["session"], responses={403: {"model": Refusal}, 422: {"model": Refusal}})
def sign_in(desk: At, body: SignIn) -> Token:
    """Sign a demo worker in; only on a demo workspace."""
    if not desk.demo:
        raise HTTPException(403, "not_demo")
    known = body.staff in desk.workspace.staff and body.purpose in READING_PURPOSES
    if not known or not set(body.present) <= set(PRESENT) or body.reason not in REASONS:
        raise HTTPException(422, "missing")
    session = desk.sessions.begin(desk.clock(), staff=body.staff, purpose=body.purpose)
    session = session.states(tuple(code for code in PRESENT if code in body.present), body.reason)
    return Token(token=desk.sessions.write(session), expires=session.expires)


@router.post("/api/v1/persons/search", tags=["readings"], responses=REFUSALS)
def search(desk: At, caller: As, query: Query) -> Results:
    """Find persons by at least two kinds of clue or a full name; clues travel in the body only."""
    return desk.reads.find(caller.reader, query, caller.statement)


@router.get("/api/v1/households/{ref}", tags=["readings"], responses=REFUSALS)
def household(desk: At, caller: As, ref: str) -> HouseholdView:
    """Show the living household of the person behind a reference."""
    return desk.reads.household(caller.reader, ref, caller.statement)


@router.get("/api/v1/log", tags=["log"], responses=REFUSALS)
def log(desk: At, caller: As) -> tuple[Reading, ...]:
    """List the reader's own latest entries, newest first."""
    return desk.reads.readings(caller.reader)


@router.get("/api/v1/log/{act_id}", tags=["log"], responses=REFUSALS)
def log_entry(desk: At, caller: As, act_id: str) -> Inclusion:
    """Show one of the reader's own entries with its inclusion proof."""
    return desk.reads.inclusion(caller.reader, act_id)


def refuse(app: FastAPI) -> None:
    """Turn refusals into answers that echo nothing of the request."""

    def not_shown(_request: Request, _error: Exception) -> Response:
        return JSONResponse({"error": "not_found"}, 404)

    def query_refused(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, 422)

    def http(_request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 500)
        return JSONResponse({"error": str(getattr(error, "detail", "error"))}, status)

    def invalid(_request: Request, _error: Exception) -> Response:
        return JSONResponse({"error": "malformed"}, 422)

    from fastapi.exceptions import RequestValidationError

    app.add_exception_handler(NotShown, not_shown)
    app.add_exception_handler(AccessDenied, not_shown)
    app.add_exception_handler(QueryRefused, query_refused)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
