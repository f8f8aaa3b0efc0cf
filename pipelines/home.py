"""Dagster's home below the workspace: made when missing; deleting it loses nothing but Dagster's own history."""

import os
from importlib.resources import files
from pathlib import Path

from schemas.workspace import Workspace

HOME = "dagster"
CONFIGURATION = "dagster.yaml"


def dagster_home(workspace: Workspace) -> Path:
    """Make Dagster's home with its configuration and give its path; telemetry is off whatever the file says."""
    home = workspace.var / HOME
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    shipped = (files("pipelines") / CONFIGURATION).read_text("utf-8")
    path = home / CONFIGURATION
    if not path.is_file() or path.read_text("utf-8") != shipped:
        path.write_text(shipped, "utf-8")
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    os.environ["DAGSTER_HOME"] = str(home)
    return home
