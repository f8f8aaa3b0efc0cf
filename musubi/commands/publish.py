"""``musubi publish``: link and publish what is stored, without asking any source."""

import click

from musubi.call import Call, as_json, pass_call, print_json
from musubi.texts import Verb


@click.command("publish", cls=Verb, help="publish")
@as_json
@pass_call
@click.pass_context
def command(ctx: click.Context, call: Call, as_json: bool) -> None:
    """Make a new generation of views of the records that are stored."""
    from musubi.runs import following, run_json, tell_run
    from pipelines.sync import publish

    with call.site() as site, following(call.aside(), call.words) as progress:
        report = publish(site, progress=progress)
    if as_json:
        print_json(run_json(report))
    else:
        tell_run(call.console(), call.words, report)
    ctx.exit(report.exit_code)
