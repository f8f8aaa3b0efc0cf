"""Who asks at the command line, why and with whom present; every command that prints personal data takes it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from desk.readers import PRESENT, REASONS, reader_of
from musubi.texts import option
from privacy.policy import Policy, Reader, load_policy
from schemas.vocabulary import Purpose

if TYPE_CHECKING:
    from desk import Service
    from pipelines.site import Site

VIA = "via:command"
"""Tells, in the entry of a reading, that it was asked at the command line."""


@dataclass(frozen=True)
class Asking:
    """A worker of the directory with a purpose and the coded answers of the desk's first minute."""

    worker: str
    purpose: str
    present: tuple[str, ...] = ()
    reason: str = ""

    def reader(self, site: "Site") -> Reader:
        """Give the reader the policy judges, as of now."""
        given = {"present": self.present, "reason": self.reason}
        stated = frozenset(name for name, answer in given.items() if answer)
        return reader_of(site.workspace, self.worker, self.purpose, datetime.now(UTC), stated=stated)

    @property
    def statement(self) -> tuple[str, ...]:
        """What the entry keeps of it: codes only."""
        reason = (f"reason:{self.reason}",) if self.reason else ()
        return (*(f"present:{code}" for code in self.present), *reason, VIA)

    @property
    def options(self) -> str:
        """The same asking as it is typed, for the next command."""
        parts = [f"--as {self.worker}", f"--purpose {self.purpose}", *(f"--present {code}" for code in self.present)]
        return " ".join([*parts, *([f"--reason {self.reason}"] if self.reason else [])])


def asks(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of an asking; the command takes it as ``asking``."""

    @wraps(function)
    def with_asking(
        *args: Any, worker: str, purpose: str, present: tuple[str, ...], reason: str | None, **more: Any
    ) -> Any:
        return function(*args, asking=Asking(worker, purpose, present, reason or ""), **more)

    for decorate in (
        option("--reason", type=click.Choice(REASONS)),
        option("--present", type=click.Choice(PRESENT), multiple=True),
        option("--purpose", type=click.Choice([str(purpose) for purpose in Purpose]), required=True),
        option("--as", "worker", metavar="WORKER", required=True),
    ):
        with_asking = decorate(with_asking)
    return with_asking


def policy_of(site: "Site") -> Policy:
    """Read the policy that holds in a workspace."""
    return load_policy(site.workspace.root / "policy")


def service_of(site: "Site") -> "Service":
    """Open the one way by which people read about households."""
    from desk import open_service

    return open_service(site.workspace, site.engine, site.keyring, policy_of(site))
