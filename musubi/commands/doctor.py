"""``musubi doctor``: is this workspace fit for work? Exit 1 where anything is not."""

import click

from musubi.call import Call, as_json, pass_call, print_json
from musubi.texts import Verb, option
from schemas.workspace import Workspace

MARKS = {"ok": ("○", "green"), "warn": ("△", "yellow"), "fail": ("×", "bold red")}


@click.command("doctor", cls=Verb, help="doctor")
@option("--deep", is_flag=True)
@as_json
@pass_call
@click.pass_context
def command(ctx: click.Context, call: Call, deep: bool, as_json: bool) -> None:
    """Examine the workspace and say what is wrong."""
    from musubi.checkup import examine

    findings = examine(Workspace.open(call.root), deep=deep)
    failed = any(finding.level == "fail" for finding in findings)
    if as_json:
        told = [
            {"check": one.check, "level": one.level, "text": call.words(one.text, **one.values)} for one in findings
        ]
        print_json({"healthy": not failed, "findings": told})
    else:
        console = call.console()
        for one in findings:
            mark, style = MARKS[one.level]
            console.print(f"{mark} {call.words(one.text, **one.values)}", style=style if one.level != "ok" else "")
        counts = {level: sum(one.level == level for one in findings) for level in MARKS}
        call.tell("doctor.unfit" if failed else "doctor.fit", **counts)
    ctx.exit(1 if failed else 0)
