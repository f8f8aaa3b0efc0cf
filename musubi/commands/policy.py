"""``musubi policy``: what a worker could see and on what, before anybody is looked at."""

from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from desk.languages import catalogue
from musubi.asking import Asking, asks, policy_of, service_of
from musubi.call import Call, as_json, pass_call, print_json
from musubi.texts import Noun, option
from privacy.policy import CATEGORIES, Policy, Reader, decide, explain_all
from schemas.vocabulary import Tier

if TYPE_CHECKING:
    from privacy.policy.book import BasisRule


@click.group("policy", cls=Noun, help="policy")
def command() -> None:
    """Hold the verbs."""


@command.command("explain", help="policy_explain")
@option("--reference", default="", metavar="REFERENCE")
@asks
@as_json
@pass_call
def explain(call: Call, reference: str, asking: Asking, as_json: bool) -> None:
    """Say which rows of the policy serve a worker, what stops the others, and what that means for each category.

    Without a reference nothing stored about anybody is looked at. With one, what holds for that person; this is a
    reading and stands in the log.
    """
    with call.site() as site:
        policy, reader = policy_of(site), asking.reader(site)
        rows = [row_json(policy, reader, rule) for rule in policy.rules.basis]
        told: dict[str, Any] = {"policy": policy.version, "digest": policy.digest, "rows": rows}
        if reference:
            answer = service_of(site).explain(reader, reference, asking.statement)
            told["person"] = {
                "reference": answer.ref,
                "parts": [part.model_dump(mode="json") for part in answer.parts],
                "act": answer.proof.act_id,
            }
        else:
            with site.engine.connect() as conn:
                nobody = decide(conn, policy, reader, 0, ())
            told["anybody"] = [
                {"category": str(said.category), "ja": said.ja, "en": said.en} for said in explain_all(nobody, 0)
            ]
    if as_json:
        print_json(told)
        return
    _tell_rows(call, rows)
    if reference:
        _tell_sentences(call, "policy.person", told["person"]["parts"])
        call.console().print(
            f"{catalogue(call.words.language)('household.act')}: {told['person']['act']}", style="dim"
        )
    else:
        _tell_sentences(call, "policy.anybody", told["anybody"])


def row_json(policy: Policy, reader: Reader, rule: "BasisRule") -> dict[str, Any]:
    """Say whether a row of the policy serves a reader, what it still needs and what it gives."""
    stops = [
        name
        for name, holds in (
            ("role", reader.role in rule.roles),
            ("purpose", reader.purpose in rule.purposes and reader.purpose in policy.rules.roles[reader.role]),
            ("agency_kind", reader.agency_kind in rule.agency_kinds),
            ("statement", rule.stated <= reader.stated),
        )
        if not holds
    ]
    needs = [*(["attributes"] if rule.attributes else []), *(["consent"] if rule.kind == "consent" else [])]
    law = policy.laws[rule.legal]
    return {
        "row": rule.id,
        "kind": rule.kind,
        "label": {"ja": rule.ja, "en": rule.en},
        "article": {"ja": law.ja, "en": law.en},
        "serves": not stops,
        "stops": stops,
        "needs": needs,
        "attributes": rule.attributes,
        "under_protection": rule.under_protection,
        "tiers": {
            str(category): Tier(tier).name.lower() for category, tier in zip(CATEGORIES, rule.vector, strict=True)
        },
    }


def _tell_rows(call: Call, rows: list[dict[str, Any]]) -> None:
    words, desk, console = call.words, catalogue(call.words.language), call.console()
    for row in rows:
        mark, style = ("○", "bold green") if row["serves"] else ("×", "dim")
        language = words.language
        console.print(f"{mark} {row['label'][language]}", style=style)
        console.print(f"  {row['article'][language]}", style="dim")
        if row["stops"]:
            stops = [words(f"policy.stop_{stop}") for stop in row["stops"]]
            console.print(f"  {words('policy.stops')}{' / '.join(stops)}")
            continue
        for need in row["needs"]:
            console.print(f"  {words(f'policy.need_{need}', count=row['attributes'])}")
        tiers = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
        for category, tier in row["tiers"].items():
            tiers.add_row(desk.label("category", category), desk.label("tier", tier))
        console.print(tiers)
        console.print(f"  {words('policy.protection_' + row['under_protection'])}", style="dim")


def _tell_sentences(call: Call, heading: str, said: list[dict[str, Any]]) -> None:
    """Print the policy's own sentence on each category."""
    console = call.console()
    console.print(call.words(heading), style="bold")
    for sentence in said:
        console.print(f"  {sentence[call.words.language]}")
