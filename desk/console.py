"""The console: server-rendered pages that need no JavaScript.

Search terms travel in form bodies only, never in an address: addresses are kept by browsers and proxies.
"""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from desk.context import Desk, desk_of
from desk.languages import LANGUAGES, catalogue, negotiate
from desk.readers import PRESENT, REASONS, reader_of, stated_in, statement_of
from desk.refusals import NotShown, QueryRefused
from desk.sessions import SESSION_SECONDS, Session
from desk.views import Query
from privacy.policy import Reader
from schemas.errors import AccessDenied
from schemas.vocabulary import Purpose

SESSION_COOKIE = "musubi_session"
LANGUAGE_COOKIE = "musubi_language"
READING_PURPOSES = tuple(
    purpose for purpose in Purpose if purpose not in {Purpose.STATISTICS, Purpose.OPERATIONS, Purpose.SUBJECT_ACCESS}
)
"""Purposes a worker may sign in with; the others have rooms of their own."""

router = APIRouter(prefix="/console", include_in_schema=False)
Text = Annotated[str, Form(max_length=400)]


class Visit:
    """One request to the console: its desk, session and language."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.desk: Desk = desk_of(request)
        self.now = self.desk.clock()
        found = self.desk.sessions.read(request.cookies.get(SESSION_COOKIE, ""), self.now)
        self.fresh = found is None
        self.session: Session = found or self.desk.sessions.begin(self.now)
        self.language = negotiate(
            request.cookies.get(LANGUAGE_COOKIE, ""), request.headers.get("accept-language", "")
        )

    @property
    def reader(self) -> Reader:
        """The reader this visit stands for."""
        session = self.session
        return reader_of(self.desk.workspace, session.staff, session.purpose, self.now, stated=stated_in(session))

    def page(self, name: str, status: int = 200, **values: object) -> Response:
        """Answer with a page; a first visit gets the anonymous session its forms are bound to."""
        worker = self.desk.workspace.staff.get(self.session.staff)
        agency = self.desk.workspace.agencies[worker.agency] if worker else None
        html = self.desk.pages.render(
            name,
            self.language,
            site=self.desk.workspace.config.site.name,
            demo=self.desk.demo,
            session=self.session,
            worker=worker,
            worker_agency=agency,
            csrf=self.desk.sessions.form_token(self.session),
            here=self.request.url.path,
            **values,
        )
        response = HTMLResponse(html, status, headers={"Content-Language": self.language, "Vary": "Cookie"})
        return self.keep(response) if self.fresh else response

    def agency_names(self) -> dict[str, str]:
        """Return the agencies' names in the page's language."""
        return {
            agency.id: agency.name_en if self.language == "en" and agency.name_en else agency.name
            for agency in self.desk.workspace.agencies.values()
        }

    def keep(self, response: Response) -> Response:
        """Put the session into its cookie: out of scripts' reach, never sent from another site."""
        response.set_cookie(
            SESSION_COOKIE,
            self.desk.sessions.write(self.session),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="strict",
            secure=self.request.url.scheme == "https",
            path="/console",
        )
        return response

    def go(self, path: str) -> Response:
        """Go on to another page after a form."""
        return RedirectResponse(f"/console/{path}", 303)

    def form_ok(self, token: str) -> bool:
        """Check that a form came from a page of this session."""
        return not self.fresh and self.desk.sessions.form_ok(self.session, token)

    def refuse(self, key: str, status: int) -> Response:
        """Answer with a page that says why not and what to do."""
        return self.page("refused", status, message=catalogue(self.language)(f"error.{key}"))


At = Annotated[Visit, Depends(Visit)]


def _signed_in(visit: Visit, then: Callable[[], Response]) -> Response:
    """Lead to sign-in and to the first minute before anything else."""
    if visit.session.staff not in visit.desk.workspace.staff:
        return visit.go("sign-in")
    if not visit.session.reason:
        return visit.go("statement")
    try:
        return then()
    except (NotShown, AccessDenied):
        return visit.refuse("not_found", 404)


@router.get("")
def start(visit: At) -> Response:
    """Lead to the page that comes next."""
    return _signed_in(visit, lambda: visit.go("find"))


@router.get("/sign-in")
def sign_in_page(visit: At) -> Response:
    """Show the demo workers and the purposes."""
    return _sign_in(visit, 200, "")


def _sign_in(visit: Visit, status: int, fault: str) -> Response:
    workspace = visit.desk.workspace
    groups = [
        (agency, [worker for worker in workspace.staff.values() if worker.agency == agency.id])
        for agency in workspace.agencies.values()
    ]
    return visit.page(
        "sign_in",
        status,
        groups=[(agency, staff) for agency, staff in groups if staff],
        purposes=READING_PURPOSES,
        fault=fault,
    )


@router.post("/sign-in")
def sign_in(visit: At, csrf: Text = "", staff: Text = "", purpose: Text = "") -> Response:
    """Sign a demo worker in with a purpose."""
    if not visit.form_ok(csrf):
        return visit.refuse("form", 403)
    if not visit.desk.demo:
        return visit.refuse("not_demo", 403)
    if staff not in visit.desk.workspace.staff or purpose not in READING_PURPOSES:
        return _sign_in(visit, 422, "missing")
    visit.session = visit.desk.sessions.begin(visit.now, staff=staff, purpose=purpose)
    return visit.keep(visit.go("statement"))


@router.post("/sign-out")
def sign_out(visit: At, csrf: Text = "") -> Response:
    """Forget the session."""
    if not visit.form_ok(csrf):
        return visit.refuse("form", 403)
    visit.session = visit.desk.sessions.begin(visit.now)
    return visit.keep(visit.go("sign-in"))


@router.get("/statement")
def statement_page(visit: At) -> Response:
    """Ask who is present and why."""
    if visit.session.staff not in visit.desk.workspace.staff:
        return visit.go("sign-in")
    return visit.page("statement", present=PRESENT, reasons=REASONS, fault="")


@router.post("/statement")
def statement(
    visit: At,
    csrf: Text = "",
    present: Annotated[list[str], Form()] = [],  # noqa: B006
    reason: Text = "",
) -> Response:
    """Take the statement of the first minute into the session."""
    if not visit.form_ok(csrf):
        return visit.refuse("form", 403)
    if not present or not set(present) <= set(PRESENT) or reason not in REASONS:
        return visit.page("statement", 422, present=PRESENT, reasons=REASONS, fault="missing")
    visit.session = visit.session.states(tuple(code for code in PRESENT if code in present), reason)
    return visit.keep(visit.go("find"))


@router.get("/find")
def find_page(visit: At) -> Response:
    """Show the empty search form."""
    return _signed_in(visit, lambda: visit.page("find", query=Query(), results=None, fault=""))


@router.post("/find")
def find(
    *,
    visit: At,
    csrf: Text = "",
    name: Text = "",
    kana: Text = "",
    birth: Text = "",
    address: Text = "",
    phone: Text = "",
) -> Response:
    """Search and show who was found."""
    if not visit.form_ok(csrf):
        return visit.refuse("form", 403)
    query = Query.model_construct(
        name=name.strip()[:100],
        kana=kana.strip()[:100],
        birth=birth.strip()[:40],
        address=address.strip()[:200],
        phone=phone.strip()[:40],
    )

    def answer() -> Response:
        try:
            results = visit.desk.reads.find(visit.reader, query, statement_of(visit.session))
        except QueryRefused as refusal:
            return visit.page("find", 422, query=query, results=None, fault=refusal.code)
        return visit.page("find", query=query, results=results, fault="")

    return _signed_in(visit, answer)


@router.get("/households/{ref}")
def household(visit: At, ref: str) -> Response:
    """Show the household of the person behind a reference."""
    return _signed_in(
        visit,
        lambda: visit.page(
            "household", view=visit.desk.reads.household(visit.reader, ref, statement_of(visit.session))
        ),
    )


@router.get("/log")
def log(visit: At) -> Response:
    """List the worker's own latest readings."""
    return _signed_in(visit, lambda: visit.page("log", readings=visit.desk.reads.readings(visit.reader)))


@router.get("/log/{act_id}")
def log_entry(visit: At, act_id: str) -> Response:
    """Show one reading with its place in the log and the proof of it."""
    return _signed_in(
        visit,
        lambda: visit.page(
            "reading", entry=visit.desk.reads.inclusion(visit.reader, act_id), agencies=visit.agency_names()
        ),
    )


@router.post("/language")
def language(visit: At, csrf: Text = "", to: Text = "", back: Text = "") -> Response:
    """Switch the language and go back to where the worker was."""
    if not visit.form_ok(csrf):
        return visit.refuse("form", 403)
    path = urlsplit(back).path
    here = path if path.startswith("/console") and path == back and ".." not in path else "/console"
    response: Response = RedirectResponse(here, 303)
    if to in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE,
            to,
            max_age=365 * 24 * 3600,
            httponly=True,
            samesite="strict",
            secure=visit.request.url.scheme == "https",
            path="/console",
        )
    return response
