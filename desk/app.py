"""The composition root of the serving side: service, API and console on one FastAPI application."""

from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from typing import Protocol

from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.staticfiles import StaticFiles

from desk import api, console
from desk.context import Desk
from desk.log_room import LogRoom
from desk.pages import Pages
from desk.reads import Reads
from desk.security import secure
from desk.service import Service
from desk.sessions import Sessions
from desk.views import Agency
from privacy.keyring import Keyring
from privacy.policy import Policy
from schemas.workspace import Workspace

LOG_DIRECTORY = "log"
"""Where, below ``var``, the log lies."""
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


def create_app(
    *,
    workspace: Workspace,
    engine: Engine,
    keyring: Keyring,
    policy: Policy,
    clock: Callable[[], datetime] = utc_now,
) -> FastAPI:
    """Serve one opened workspace."""
    service = open_service(workspace, engine, keyring, policy)
    return build_app(workspace=workspace, reads=service, keyring=keyring, clock=clock)


def open_service(workspace: Workspace, engine: Engine, keyring: Keyring, policy: Policy) -> Service:
    """Open the query service of a workspace; the command line reads through the same one."""
    log = LogRoom(engine, keyring, workspace.var / LOG_DIRECTORY, workspace.config.site.log_origin)
    agencies = [
        Agency(id=agency.id, name=agency.name, name_en=agency.name_en, contact=agency.contact)
        for agency in workspace.agencies.values()
    ]
    return Service(engine, keyring, policy, log, agencies)


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
