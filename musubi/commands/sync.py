"""``musubi sync``: take every delivery that is there, link, publish."""

from collections.abc import Container

import click

from musubi.call import Call, as_json, pass_call, print_json
from musubi.texts import Verb, option


@click.command("sync", cls=Verb, help="sync")
@option("--source", "sources", multiple=True, metavar="ID")
@option("--accept-removals", type=click.IntRange(min=0), default=0, metavar="N")
@option("--by", default="", metavar="WORKER")
@as_json
@pass_call
@click.pass_context
def command(
    ctx: click.Context, call: Call, sources: tuple[str, ...], accept_removals: int, by: str, as_json: bool
) -> None:
    """Run the assets in this process and say what they did."""
    from musubi.runs import following, run_json, tell_run
    from pipelines.sync import sync

    with call.site() as site:
        _refuse_unknown(ctx, "--source", sources, site.sources())
        _refuse_unknown(ctx, "--by", (by,) if by else (), site.workspace.staff)
        with following(call.aside(), call.words) as progress:
            report = sync(site, sources=sources, accept_removals=accept_removals, by=by, progress=progress)
    if as_json:
        print_json(run_json(report))
    else:
        tell_run(call.console(), call.words, report)
    ctx.exit(report.exit_code)


def _refuse_unknown(ctx: click.Context, option: str, asked: tuple[str, ...], known: Container[str]) -> None:
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise click.BadParameter(", ".join(unknown), ctx, param_hint=option)
