"""The composition root of the serving side: service, API and console on one FastAPI application."""

from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from typing import Protocol

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from desk import api, console
from desk.context import Desk
from desk.pages import Pages
from desk.reads import Reads
from desk.security import secure
from desk.sessions import Sessions
from schemas.workspace import Workspace

SESSION_LABEL = "desk session v1"
"""Derivation label of the key that signs sessions."""


class KeySource(Protocol):
    """What the desk asks of the key ring for itself."""

    def derive(self, label: str) -> bytes:
        """Return 32 bytes bound to the label."""
        ...


def utc_now() -> datetime:
    """Read the clock; tests give their own."""
    return datetime.now(UTC)


def build_app(
    *, workspace: Workspace, reads: Reads, keyring: KeySource, clock: Callable[[], datetime] = utc_now
) -> FastAPI:
    """Put API and console on a query service."""
    app = FastAPI(
        title="Musubi",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        description="Household views of municipal welfare, under consent, with proof.",
    )
    app.state.desk = Desk(workspace, reads, Sessions(keyring.derive(SESSION_LABEL)), Pages(), clock)
    app.middleware("http")(secure)
    app.include_router(api.router)
    app.include_router(console.router)
    app.mount("/console/static", StaticFiles(directory=str(files("desk").joinpath("static"))), name="static")
    api.refuse(app)
    return app
