"""Search of a FHIR R4 server: all pages of Patient, RelatedPerson and Encounter, with retries.

The server's own clock (``Bundle.meta.lastUpdated`` or the Date header) says as of when the answer is.
"""

import hashlib
import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
import stamina

from connectors.deliveries import Delivery, RawFault, Rows, dated, pieces_of
from connectors.transports.fhir import HEADER, bundle_text, patient_of
from schemas.errors import ConfigurationError, SourceUnavailable
from schemas.source import Fhir, SourceDefinition

__all__ = ["server_delivery"]

JST = timezone(timedelta(hours=9))
PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))
MOST_PAGES = 100_000
"""More pages than any server of a municipality has: such a walk is not followed for ever."""
Json = dict[str, Any]


class _Passing(Exception):
    """An answer that another try may mend."""


def server_delivery(definition: SourceDefinition, transport: Fhir) -> Delivery:
    """Pull everything once; the rows stay in memory for this run only."""
    headers = {"Accept": "application/fhir+json"}
    if transport.token:
        name = transport.token.removeprefix("env:")
        if name not in os.environ:
            raise ConfigurationError(f"{definition.id}: transport.token: {name} is not set in the environment")
        headers["Authorization"] = f"Bearer {os.environ[name]}"
    with httpx2.Client(headers=headers, timeout=transport.timeout) as client:
        pull = _Pull(definition, transport, client)
        found = {kind: list(pull.search(kind)) for kind in transport.resources}
    table = SearchTable(found)
    as_of = f"{pull.as_of:%Y-%m-%dT%H:%M:%S}"
    return Delivery(definition, definition.id, dated(as_of, table.digest()), as_of, partial(_same, table))


def _same(table: "SearchTable") -> "SearchTable":
    return table


class _Pull:
    """One walk over the pages of a server."""

    def __init__(self, definition: SourceDefinition, transport: Fhir, client: httpx2.Client) -> None:
        self._definition = definition
        self._transport = transport
        self._client = client
        self._base = transport.url.rstrip("/") + "/"
        self.as_of = datetime.min.replace(tzinfo=JST)

    def search(self, kind: str) -> Iterator[Json]:
        """Give every resource of a type, page by page, each once."""
        url: str | None = urljoin(self._base, f"{kind}?_count={self._transport.page}&_sort=_id")
        seen: set[str] = set()
        visited: set[str] = set()
        while url is not None:
            if url in visited or len(visited) >= MOST_PAGES:
                raise SourceUnavailable(
                    f"{self._definition.id}: the server's pages of {kind} do not end; tell whoever runs it"
                )
            visited.add(url)
            bundle = self._page(url)
            try:
                for resource in _resources(bundle):
                    if resource.get("resourceType") == kind and str(resource.get("id")) not in seen:
                        seen.add(str(resource.get("id")))
                        yield resource
                url = self._next(bundle, url)
            except (AttributeError, TypeError, ValueError):
                raise SourceUnavailable(
                    f"{self._definition.id}: a page of {kind} is no FHIR Bundle of resources; check url"
                ) from None

    def _next(self, bundle: Json, current: str) -> str | None:
        links = [link.get("url") for link in bundle.get("link", ()) if link.get("relation") == "next"]
        if not links or not links[0]:
            return None
        following = urljoin(current, str(links[0]))
        if urlsplit(following).netloc != urlsplit(self._base).netloc:
            raise SourceUnavailable(f"{self._definition.id}: the server points to pages on another host; check url")
        return following

    def _page(self, url: str) -> Json:
        source = self._definition.id
        try:
            for attempt in stamina.retry_context(
                on=(httpx2.TransportError, _Passing),
                attempts=self._transport.attempts,
                wait_initial=0.05,
                wait_max=5.0,
            ):
                with attempt:
                    return self._once(url)
        except (httpx2.TransportError, _Passing) as error:
            kind = str(error) if isinstance(error, _Passing) else type(error).__name__
            raise SourceUnavailable(
                f"{source}: the server did not answer ({kind}); the next run tries again"
            ) from None
        raise AssertionError  # the retry context always runs once

    def _once(self, url: str) -> Json:
        source = self._definition.id
        answer = self._client.get(url)
        if answer.status_code in PASSING:
            raise _Passing(f"HTTP {answer.status_code}")
        if answer.status_code != httpx2.codes.OK:
            raise SourceUnavailable(f"{source}: the server refused (HTTP {answer.status_code}); check url and token")
        try:
            bundle = answer.json()
        except ValueError:
            raise _Passing("an answer that is no JSON") from None
        if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
            raise SourceUnavailable(f"{source}: the answer is not a FHIR Bundle; check url")
        self.as_of = max(self.as_of, _instant(source, bundle, answer.headers.get("date", "")))
        return bundle


def _resources(bundle: Json) -> Iterator[Json]:
    """Give the resources of a page; a page of another shape raises TypeError or AttributeError."""
    for entry in bundle.get("entry") or ():
        yield entry.get("resource") or {}


def _instant(source: str, bundle: Json, header: str) -> datetime:
    meta = bundle.get("meta")
    updated = str(meta.get("lastUpdated", "")) if isinstance(meta, dict) else ""
    try:
        return datetime.fromisoformat(updated).astimezone(JST)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(header).astimezone(JST)
    except (TypeError, ValueError):
        raise SourceUnavailable(
            f"{source}: the server says neither lastUpdated nor a Date; have it send one of them"
        ) from None


class SearchTable:
    """What a search gave, joined by patient."""

    def __init__(self, found: dict[str, list[Json]]) -> None:
        self.header = HEADER
        self.problem: tuple[str, str] = ("", "")
        related: dict[str, list[Json]] = {}
        encounters: dict[str, list[Json]] = {}
        for kind, into in (("RelatedPerson", related), ("Encounter", encounters)):
            for resource in found.get(kind, ()):
                into.setdefault(patient_of(resource), []).append(resource)
        self._rows: list[tuple[int, list[str]]] = []
        for line, patient in enumerate(sorted(found.get("Patient", ()), key=lambda one: str(one.get("id"))), 1):
            name = str(patient.get("id", ""))
            text = bundle_text(patient, related.pop(name, []), encounters.pop(name, []))
            self._rows.append((line, [name, text]))
        self._faults = [
            RawFault(0, "unknown-patient", (name, bundle_text({}, related.get(name, []), encounters.get(name, []))))
            for name in sorted(related.keys() | encounters.keys())
        ]

    def digest(self) -> str:
        """Hash of the rows."""
        whole = hashlib.sha256()
        for _, cells in self._rows:
            whole.update("\x1f".join(cells).encode() + b"\x1e")
        for fault in self._faults:
            whole.update("\x1f".join(fault.cells).encode() + b"\x1e")
        return whole.hexdigest()

    def pieces(self, size: int) -> Iterator[Rows]:
        """Give the rows, which are all in memory."""
        return pieces_of(self._rows, self._faults, size)

    def suspects(self, size: int) -> Iterator[Rows]:
        """Give the rows that may hold individual numbers."""
        return (piece for piece in self.pieces(size) if piece.may_hold_numbers())
