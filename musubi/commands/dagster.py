"""``musubi dagster``: Dagster's own pages on this workspace, with the nightly schedule and the drop-folder sensor."""

import os
import subprocess  # Dagster's pages are a program of their own
import sys

import click

from musubi.call import Call, pass_call
from musubi.texts import Verb, option

MODULE = "pipelines.definitions"


@click.command("dagster", cls=Verb, help="dagster")
@option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@pass_call
@click.pass_context
def command(ctx: click.Context, call: Call, port: int) -> None:
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
    ctx.exit(subprocess.call(program, cwd=root, env=environment))  # noqa: S603 - no shell, our own arguments
