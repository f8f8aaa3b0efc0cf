"""What ``musubi doctor`` looks at.

It reads only: no store is made, nothing is migrated, nothing is asked of a source unless the check goes deep.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from connectors.sources import load_sources, open_source
from musubi.demonstration import is_demonstration
from musubi.founding import OPEN_CODE
from privacy.audit import verify
from privacy.keyring import Keyring, open_keyring, refuse_open_permissions
from privacy.log import verifier_key
from privacy.policy import load_policy
from schemas.errors import MusubiError
from schemas.source import Files, SourceDefinition
from schemas.store import migration_config, open_store
from schemas.tables import data_key, delivery
from schemas.vocabulary import AgencyKind
from schemas.workspace import Workspace

Level = Literal["ok", "warn", "fail"]
GIB = 1 << 30
DISK_WARN, DISK_FAIL = 5 * GIB, GIB // 2
"""Free space below which a sync may soon, or will, run out."""
KEYS_TRIED = 500
"""Data keys a deep check opens."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; ``text`` is a key of the catalogue, ``values`` its places."""

    check: str
    level: Level
    text: str
    values: dict[str, object]


@dataclass
class Patient:
    """A workspace under examination; what an earlier check opened is there for later ones."""

    workspace: Workspace
    deep: bool
    keyring: Keyring | None = None
    engine: Engine | None = None
    sources: dict[str, SourceDefinition] | None = None


Result = Iterator[tuple[Level, str, dict[str, object]]]


def examine(workspace: Workspace, *, deep: bool = False) -> list[Finding]:
    """Look at everything; a check that breaks is a finding, not the end."""
    patient = Patient(workspace, deep)
    findings: list[Finding] = []
    for name, check in CHECKS.items():
        try:
            findings += [Finding(name, level, f"doctor.{text}", values) for level, text, values in check(patient)]
        except MusubiError as error:
            findings.append(Finding(name, "fail", "doctor.error", {"error": error}))
        except (SQLAlchemyError, OSError) as error:
            findings.append(Finding(name, "fail", "doctor.broke", {"kind": type(error).__name__}))
    if patient.engine is not None:
        patient.engine.dispose()
    return findings


def _configuration(patient: Patient) -> Result:
    site = patient.workspace.config.site
    yield "ok", "configuration", {"name": site.name}
    if site.municipality_code == OPEN_CODE:
        yield "warn", "code_open", {}
    policy = load_policy(patient.workspace.root / "policy")
    yield "ok", "policy", {"version": policy.version}


def _agencies(patient: Patient) -> Result:
    agencies, today = patient.workspace.agencies, date.today().isoformat()  # noqa: DTZ011 - contracts end at local midnight
    yield ("ok" if agencies else "fail"), "agencies", {"count": len(agencies), "staff": len(patient.workspace.staff)}
    if agencies and not any(agency.integrated_desk for agency in agencies.values()):
        yield "warn", "no_desk", {}
    for agency in agencies.values():
        if agency.kind is not AgencyKind.ENTRUSTED_OPERATOR:
            continue
        if not agency.contract_to:
            yield "warn", "contract_open", {"agency": agency.name}
        elif not agency.contract_from <= today <= agency.contract_to:
            yield "warn", "contract_over", {"agency": agency.name}


def _sources(patient: Patient) -> Result:
    patient.sources = load_sources(patient.workspace)
    yield ("ok" if patient.sources else "warn"), "sources", {"count": len(patient.sources)}
    for name, definition in patient.sources.items():
        transport = definition.transport
        if isinstance(transport, Files) and not (patient.workspace.root / transport.path).is_dir():
            yield "warn", "folder_missing", {"source": name, "path": transport.path}
        elif patient.deep:
            try:
                waiting = sum(1 for _ in open_source(definition, patient.workspace.root).deliveries(frozenset()))
                yield "ok", "source_answers", {"source": name, "count": waiting}
            except MusubiError as error:
                yield "warn", "source_silent", {"source": name, "error": error}


def _keys(patient: Patient) -> Result:
    workspace = patient.workspace
    refuse_open_permissions(workspace.keys)
    patient.keyring = open_keyring(workspace.keys, workspace.unlock_secret())
    if not patient.keyring.clear:
        yield "ok", "keys", {"version": patient.keyring.current_version}
    elif is_demonstration(workspace.root.parent):
        yield "warn", "keys_demo", {}
    else:
        yield "fail", "keys_clear", {}
    old = [version for version in patient.keyring.versions if version != patient.keyring.current_version]
    if old:
        yield "warn", "keys_old", {"versions": ", ".join(map(str, old))}


def _secret(patient: Patient) -> Result:
    workspace = patient.workspace
    how, _, name = workspace.config.keys.unlock.partition(":")
    if how == "demo":
        return
    if how != "file":
        yield "ok", "secret", {"how": how}
        return
    path = (workspace.root / name).resolve()
    if path.is_relative_to(workspace.root):
        yield "fail", "secret_inside", {}
    elif path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield "fail", "secret_open", {}
    else:
        yield "ok", "secret", {"how": how}


def _files(patient: Patient) -> Result:
    var = patient.workspace.var
    if var.is_dir() and var.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield "warn", "var_open", {"path": var}
    free = shutil.disk_usage(patient.workspace.root).free
    level: Level = "fail" if free < DISK_FAIL else "warn" if free < DISK_WARN else "ok"
    yield level, "disk", {"gib": f"{free / GIB:.1f}"}


def _store(patient: Patient) -> Result:
    url = make_url(patient.workspace.store_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        yield "fail", "store_missing", {}
        return
    engine = open_store(patient.workspace.store_url)
    with engine.connect() as conn:
        newest = ScriptDirectory.from_config(migration_config(conn)).get_current_head()
        stands = MigrationContext.configure(conn).get_current_revision()
    if stands == newest:
        patient.engine = engine
        yield "ok", "store", {"kind": url.get_backend_name(), "revision": newest}
    else:
        engine.dispose()
        yield "fail", "store_old", {"stands": stands or "—", "newest": newest}


def _log(patient: Patient) -> Result:
    if patient.engine is None or patient.keyring is None:
        yield "fail", "not_looked", {}
        return
    workspace = patient.workspace
    key = verifier_key(patient.keyring, workspace.config.site.log_origin)
    report = verify(patient.engine, workspace.var / "log", key)
    for finding in report.findings:
        yield "fail", "log_finding", {"finding": finding}
    if report.clean:
        yield "ok", "log", {"size": report.size, "pending": report.pending}


def _protection(patient: Patient) -> Result:
    """The protection feed is the one whose lateness hides changes of address."""
    if patient.engine is None or patient.sources is None:
        yield "fail", "not_looked", {}
        return
    query = select(delivery.c.source_id, func.max(delivery.c.as_of)).where(delivery.c.status == "applied")
    with patient.engine.connect() as conn:
        ages = {name: str(as_of) for name, as_of in conn.execute(query.group_by(delivery.c.source_id))}
    feeds = [name for name, definition in patient.sources.items() if definition.protects]
    if patient.sources and not feeds:
        yield "warn", "no_protection", {}
    newest = max(
        (ages[name][:10] for name, found in patient.sources.items() if found.carries_address and name in ages),
        default="",
    )
    for name in feeds:
        age = ages.get(name, "")[:10]
        level: Level = "warn" if age < newest or not age else "ok"
        yield level, "protection_late" if level == "warn" else "protection", {"source": name, "as_of": age or "—"}


def _telemetry(patient: Patient) -> Result:
    """Dagster reads this from its home or from the environment; every way Musubi starts it says no."""
    home = patient.workspace.var / "dagster" / "dagster.yaml"
    said = os.environ.get("DAGSTER_DISABLE_TELEMETRY", "").lower() in {"yes", "true", "1"}
    written = home.is_file() and "enabled: false" in home.read_text("utf-8")
    yield ("ok" if said or written or not home.is_file() else "fail"), "telemetry", {}


def _sealed(patient: Patient) -> Result:
    """Try whether the keys open what the store holds."""
    if not patient.deep or patient.engine is None or patient.keyring is None:
        return
    tried = 0
    with patient.engine.connect() as conn:
        for wrapped, version in conn.execute(select(data_key.c.wrapped, data_key.c.kek_version).limit(KEYS_TRIED)):
            patient.keyring.unwrap(wrapped, version)
            tried += 1
    yield "ok", "sealed", {"count": tried}


CHECKS: dict[str, Callable[[Patient], Result]] = {
    "configuration": _configuration,
    "agencies": _agencies,
    "sources": _sources,
    "keys": _keys,
    "secret": _secret,
    "files": _files,
    "store": _store,
    "log": _log,
    "protection": _protection,
    "telemetry": _telemetry,
    "sealed": _sealed,
}
