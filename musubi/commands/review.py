"""``musubi review``: links a person must judge, and why two mentions are one person or are not."""

import click

from desk.languages import catalogue
from desk.pages import era
from musubi.asking import Asking, asks, policy_of
from musubi.call import Call, as_json, pass_call, print_json, table
from musubi.texts import Noun, option


@click.group("review", cls=Noun, help="review")
def command() -> None:
    """Hold the verbs."""


@command.command("list", help="review_list")
@option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@asks
@as_json
@pass_call
def list_waiting(call: Call, limit: int, asking: Asking, as_json: bool) -> None:
    """List the pairs that wait, as this reader may see them."""
    from musubi.review import Review

    with call.site() as site:
        found = Review(site, policy_of(site), asking.reader(site), asking.statement).waiting(limit)
    if as_json:
        print_json(found)
        return
    words, desk, console = call.words, catalogue(call.words.language), call.console()
    if not found.pairs:
        call.tell("review.none")
    for number, pair in enumerate(found.pairs, 1):
        console.print(words("review.pair", number=number, bits=f"{pair.bits:+.1f}"), style="bold")
        for side in pair.sides:
            identity, birth = side.identity, side.identity.birth
            parts = [
                identity.name or desk("find.unnamed"),
                identity.kana,
                birth if call.english else era(birth) if birth else "",
                side.whereabouts.address,
            ]
            console.print(f"  {'  '.join(part for part in parts if part)}")
            role = words.label("mention_role", side.role) if side.role else ""
            origin = "  ".join(part for part in (side.source, role, side.ref) if part)
            console.print(f"    {origin}", style="dim")
        refs = " ".join(side.ref for side in pair.sides)
        console.print(f"    {call.program} review explain {refs} {asking.options}", style="dim", soft_wrap=True)
    console.print(f"{desk('household.act')}: {found.act}", style="dim")


@command.command("explain", help="review_explain")
@click.argument("first")
@click.argument("second")
@asks
@as_json
@pass_call
def explain(call: Call, first: str, second: str, asking: Asking, as_json: bool) -> None:
    """Explain a link from keyed tokens; no identity is opened for it."""
    from musubi.review import Review

    with call.site() as site:
        found = Review(site, policy_of(site), asking.reader(site), asking.statement).explain(first, second)
    told = found.explanation
    if as_json:
        print_json({"explanation": told, "act": found.act})
        return
    words, console = call.words, call.console()
    console.print(words.label("outcome", told.outcome), style="bold")
    console.print(words.label("link_rule", told.rule))
    weights = table((words(f"review.{key}") for key in ("comparison", "result", "bits")), right=(2,))
    for reason in told.reasons:
        said = words.label("level", reason.level) if call.english else reason.said
        weights.add_row(words.label("comparison", reason.comparison), said, f"{reason.bits:+.1f}")
    beforehand = told.bits - sum(reason.bits for reason in told.reasons)
    weights.add_row(words("review.beforehand"), "", f"{beforehand:+.1f}")
    weights.add_row(words("review.total"), "", f"{told.bits:+.1f}", style="bold")
    console.print(weights)
    console.print(words("review.model", model=told.model, normaliser=told.normaliser), style="dim")
    console.print(f"{catalogue(words.language)('household.act')}: {found.act}", style="dim")
