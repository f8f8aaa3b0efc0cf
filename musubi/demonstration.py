"""The demonstration: a synthetic city's systems, the truth about it, and a workspace that reads them.

``D/systems`` is what the city's systems delivered, ``D/truth`` who is who (never read by the pipeline),
``D/workspace`` everything Musubi itself writes. ``D/musubi-demo.json`` says that all of it may be replaced.
"""

import json
import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from musubi.founding import establish
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from linkage.evaluate import Accuracy
    from musubi.city import CityReport
    from pipelines.site import Site

MARK = "musubi-demo.json"
PARTS = ("systems", "truth", "workspace")
FIRST_FAMILY = {"name": "髙澤 明子", "birth": "1988-04-17"}
"""The ill mother of the seed document's first family: what the worker at the desk is told of her."""


def is_demonstration(directory: Path) -> bool:
    """Tell whether a directory was made by ``musubi demo``."""
    return (directory / MARK).is_file()


def clear(directory: Path, *, people: int, seed: int, noise: float) -> None:
    """Make room for a new demonstration; refuse a directory that holds anything but an older one."""
    if directory.exists() and not directory.is_dir():
        raise ConfigurationError(f"{directory}: not a directory")
    if directory.is_dir() and any(directory.iterdir()) and not is_demonstration(directory):
        raise ConfigurationError(f"{directory}: not made by `musubi demo`; name a new or an empty directory")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MARK).write_text(json.dumps({"people": people, "seed": seed, "noise": noise}) + "\n", "utf-8")
    for part in PARTS:
        path = directory / part
        if path.is_symlink():
            path.unlink()
        elif path.exists():
            shutil.rmtree(path)


def generate(directory: Path, *, people: int, seed: int, noise: float) -> "CityReport":
    """Write the systems and the truth, in a process of its own: its memory is no part of what Musubi needs."""
    from musubi.city import make_city

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(make_city, directory, people=people, seed=seed, noise=noise).result()


def settle(directory: Path) -> Path:
    """Lay down the demo workspace with keys in clear; return its directory."""
    workspace = directory / "workspace"
    with as_file(files("musubi.city").joinpath("workspace")) as shipped:
        shutil.copytree(shipped, workspace, copy_function=shutil.copyfile)
    establish(workspace)
    return workspace


def measure(site: "Site", directory: Path) -> "Accuracy":
    """Compare what was linked with the truth."""
    from linkage.evaluate import evaluate
    from pipelines.rows import record_token
    from privacy.tokens import TokenMinter

    minter = TokenMinter(site.keyring)
    return evaluate(
        site.engine, directory / "truth" / "truth.csv", lambda source, key: record_token(minter, source, key)
    )
