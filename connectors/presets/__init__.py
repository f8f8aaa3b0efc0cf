"""Column lists and mappings of known systems, one TOML file each; ``common.toml`` holds the shared code maps."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from schemas.errors import ConfigurationError

__all__ = ["columns", "names", "table"]

COMMON = "common"


@cache
def _raw(name: str) -> str:
    path = files(__name__) / f"{name}.toml"
    if not path.is_file():
        raise ConfigurationError(f"preset {name}: unknown; known presets: {', '.join(names())}")
    return path.read_text("utf-8")


def names() -> tuple[str, ...]:
    """List the presets that ship with Musubi."""
    found = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name[:-5] for name in found if name.endswith(".toml") and name != f"{COMMON}.toml"))


def table(name: str) -> dict[str, Any]:
    """Read a preset as a fresh TOML table that a site's file may extend."""
    return tomllib.loads(_raw(name))


def columns(name: str) -> tuple[str, ...]:
    """Give a preset's column names in the source's own order."""
    return tuple(column["name"] for column in table(name).get("column", ()))
