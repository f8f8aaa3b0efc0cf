"""Founding a workspace: its files, its keys, its store. It appears whole or not at all."""

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from privacy.keyring import create_keyring
from schemas.errors import ConfigurationError
from schemas.store import migrate, open_store
from schemas.values.identifiers import municipality_code_ok
from schemas.workspace import DEFAULT_STORE, Workspace

OPEN_CODE = "000000"
"""Stands for a municipality code that nobody filled in yet; `musubi doctor` says so."""
FOLDERS = ("sources", "policy", "var")
CLOSED = 0o700


@dataclass(frozen=True)
class Plan:
    """What a new workspace is to be."""

    name: str
    code: str = OPEN_CODE
    unlock: str = "demo"
    store: str = DEFAULT_STORE


def found(directory: Path, plan: Plan) -> Workspace:
    """Make a new workspace; refuse a directory that holds anything."""
    if plan.code != OPEN_CODE and not municipality_code_ok(plan.code):
        raise ConfigurationError(f"{plan.code}: not a municipality code; its check digit does not fit")
    with _appearing(directory) as beside:
        values = {
            "name": json.dumps(plan.name, ensure_ascii=False),
            "code": json.dumps(plan.code),
            "origin": json.dumps("musubi.local/log"),
            "store": json.dumps(plan.store),
            "unlock": json.dumps(plan.unlock),
        }
        template = files("musubi").joinpath("template")
        text = Template(template.joinpath("musubi.toml").read_text("utf-8")).substitute(values)
        (beside / "musubi.toml").write_text(text, "utf-8")
        (beside / "agencies.toml").write_bytes(template.joinpath("agencies.toml").read_bytes())
        establish(beside)
    return Workspace.open(directory)


def establish(root: Path) -> None:
    """Give a workspace that has its configuration its folders, keys and store."""
    for folder in FOLDERS:
        (root / folder).mkdir(exist_ok=True, mode=CLOSED if folder == "var" else 0o755)
    workspace = Workspace.open(root)
    create_keyring(workspace.keys, workspace.unlock_secret())
    engine = open_store(workspace.store_url)
    try:
        migrate(engine)
    finally:
        engine.dispose()


@contextmanager
def _appearing(directory: Path) -> Iterator[Path]:
    """Make a directory beside its place and put it there when it is whole."""
    directory = directory.absolute()
    if directory.is_symlink() or (directory.exists() and (not directory.is_dir() or any(directory.iterdir()))):
        raise ConfigurationError(f"{directory}: something is there already; name a new or an empty directory")
    directory.parent.mkdir(parents=True, exist_ok=True)
    beside = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}")
    beside.mkdir()
    try:
        yield beside
        if directory.exists():
            directory.rmdir()
        beside.rename(directory)
    except ConfigurationError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise ConfigurationError(str(error).replace(str(beside), str(directory))) from None
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
