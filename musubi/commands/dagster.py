"""``musubi dagster``: Dagster's own pages on this workspace, with the nightly schedule and the drop-folder sensor."""

import os
import sys

import click

from musubi.call import Call, pass_call
from musubi.texts import Verb, option

MODULE = "pipelines.definitions"


@click.command("dagster", cls=Verb, help="dagster")
@option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@pass_call
def command(call: Call, port: int) -> None:
    """Open the pages until interrupted; telemetry is off and nothing is kept outside the workspace."""
    from pipelines.home import dagster_home

    with call.site() as site:
        home, root, temporary = dagster_home(site.workspace), site.workspace.root, site.workspace.var / "tmp"
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "MUSUBI_WORKSPACE": str(root),
        "TMPDIR": str(temporary),
    }
    call.remark("dagster.open", port=port)
    place = ("--host", "127.0.0.1", "--port", str(port))
    program = (sys.executable, "-m", "dagster", "dev", "--module-name", MODULE, *place)
    os.chdir(root)
    os.execve(sys.executable, program, environment)  # noqa: S606 - our own arguments; Dagster ends its children itself
