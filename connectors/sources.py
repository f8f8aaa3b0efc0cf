"""The configured sources of a workspace: ``sources/*.toml``, each alone or on top of a preset."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from connectors import presets
from connectors.deliveries import Source
from connectors.transports.files import FileSource
from schemas.errors import ConfigurationError
from schemas.source import SourceDefinition
from schemas.workspace import Workspace, explain_fault

__all__ = ["load_source", "load_sources", "open_source"]


def load_sources(workspace: Workspace) -> dict[str, SourceDefinition]:
    """Read every ``sources/*.toml``; raise ConfigurationError that names file and key of each fault."""
    found: dict[str, SourceDefinition] = {}
    for path in sorted(workspace.sources.glob("*.toml")):
        definition = load_source(path, workspace)
        if definition.id in found:
            raise ConfigurationError(f"{path}: id: {definition.id} is defined twice")
        found[definition.id] = definition
    return found


def load_source(path: Path, workspace: Workspace | None = None) -> SourceDefinition:
    """Read one source file, on top of its preset; agencies are checked against the workspace where given."""
    try:
        site: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    merged = _merge(presets.table(site["preset"]), site) if isinstance(site.get("preset"), str) else dict(site)
    shared = presets.table(presets.COMMON)["codes"]
    merged["codes"] = {**shared, **{name: {**shared.get(name, {}), **own} for name, own in _codes(merged).items()}}
    if workspace is not None:
        merged["codes"]["agency"] = {**_agencies(workspace), **merged["codes"].get("agency", {})}
        merged.setdefault("issuer", workspace.config.site.municipality_code)
    if "legal" not in merged:
        raise ConfigurationError(f"{path}: legal: a source without its legal footing is refused; add [legal]")
    try:
        definition = SourceDefinition.model_validate(merged)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        raise ConfigurationError("\n".join(_explain(path, faults))) from None
    if workspace is not None and definition.agency not in workspace.agencies:
        raise ConfigurationError(f"{path}: agency: {definition.agency} is not in agencies.toml")
    return definition


def open_source(definition: SourceDefinition, root: Path) -> Source:
    """Open a source; relative paths of its transport are relative to ``root``, the workspace directory."""
    match definition.transport.kind:
        case "files":
            return FileSource(definition, root)
        case "sql":
            from connectors.transports.sql import SqlSource

            return SqlSource(definition, root)
        case "fhir":
            from connectors.transports.fhir import FhirSource

            return FhirSource(definition, root)


def _explain(path: Path, faults: list[Any]) -> Iterator[str]:
    for fault in faults:
        yield explain_fault(path, SourceDefinition, fault)


def _codes(merged: dict[str, Any]) -> dict[str, dict[str, str]]:
    codes = merged.get("codes", {})
    return codes if isinstance(codes, dict) else {}


def _agencies(workspace: Workspace) -> dict[str, str]:
    known = {agency.id: agency.id for agency in workspace.agencies.values()}
    return known | {agency.name: agency.id for agency in workspace.agencies.values()}


def _merge(preset: dict[str, Any], site: dict[str, Any]) -> dict[str, Any]:
    """Lay the site's table over the preset: tables merge, columns merge by name, all else is replaced."""
    merged = dict(preset)
    for key, value in site.items():
        below = merged.get(key)
        if key == "column" and isinstance(below, list):
            own = {column.get("name"): column for column in value}
            merged[key] = [own.pop(column["name"], column) for column in below] + list(own.values())
        elif isinstance(below, dict) and isinstance(value, dict):
            merged[key] = _merge(below, value)
        else:
            merged[key] = value
    return merged
