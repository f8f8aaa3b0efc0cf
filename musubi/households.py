"""Search results and households on a terminal: the same answer as the console's page, for people who type.

A member is a tree: what the person wishes and needs first, then who he or she is, then every agency's records with
the basis of each, then what is withheld and how it could be seen.
"""

from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from desk.codes import CodeLabels, code_labels
from desk.languages import catalogue
from desk.pages import age_at, era, tokyo
from desk.views import Agency, Basis, Card, Fact, HouseholdView, Member, Results
from musubi.asking import Asking
from musubi.call import Call, table

DAY = 10
"""Characters of an ISO instant that name the day."""
STYLES = {"present": "green", "away": "yellow"}
QUIET = "dim"


class Household:
    """Prints what one asking was answered."""

    def __init__(self, call: Call, asking: Asking) -> None:
        self._console = call.console()
        self._english = call.english
        self._desk = catalogue(call.words.language)
        self._codes: CodeLabels = code_labels(call.words.language)
        self._colon, self._between = (": ", " · ") if call.english else ("：", "・")
        self._legend: dict[Basis, int] = {}
        self._program = call.program
        self._options = asking.options

    def found(self, results: Results) -> None:
        """Print who was found and how to open the household."""
        say, desk = self._console.print, self._desk
        if not results.found:
            say(desk("find.none"))
            say(desk("find.none_help"), style=QUIET)
        for number, person in enumerate(results.found, 1):
            name = person.identity.name or desk("find.unnamed")
            say(Text.assemble((f"{number}. ", QUIET), (name, "bold"), "  ", (person.identity.kana, QUIET)))
            lines = [
                (desk("household.birth"), self._birth(person.identity.birth, results.proof.instant)),
                (desk("household.address"), person.whereabouts.address),
                (desk("find.matched"), self._between.join(desk(f"matched.{kind}") for kind in person.matched)),
                (desk("find.involved"), self._agencies(person.cards)),
            ]
            for label, value in lines:
                if value:
                    say(Text("   ") + self._pair(label, value))
            say(Text(f"   {self._program} household show {person.opening} {self._options}", QUIET), soft_wrap=True)
        if results.more:
            say(desk("find.more"), style="yellow")
        self._proof(results.proof.act_id, results.proof.instant)

    def show(self, view: HouseholdView) -> None:
        """Print one living household."""
        say, desk = self._console.print, self._desk
        cards = [card for member in view.members for card in member.cards]
        dated = sorted(age.as_of[:DAY] for age in view.ages if age.as_of)
        head = [
            (desk("household.people"), desk("household.people_count", count=len(view.members))),
            (desk("household.agencies_count"), str(len({card.agency.id for card in cards}))),
            (desk("household.programmes_count"), str(len({card.programme for card in cards}))),
            (desk("household.oldest"), dated[0] if dated else "—"),
        ]
        say(
            Panel(
                Text("   ").join(self._pair(*pair) for pair in head), title=desk("household.title"), box=box.ROUNDED
            )
        )
        say(desk("household.members_help"), style=QUIET)
        for member in view.members:
            say()
            say(self._member(member, view.proof.instant))
        if self._legend:
            say()
            say(Text(desk("household.basis"), "bold"))
            for basis, number in self._legend.items():
                say(f"[{number}] {self._label(basis)} ({basis.article_en if self._english else basis.article_ja})")
        if view.ages:
            say()
            say(self._ages(view))
        say()
        self._proof(view.proof.act_id, view.proof.instant)

    def _member(self, member: Member, instant: str) -> Tree:
        desk, identity = self._desk, member.identity
        title = Text.assemble((identity.name or desk("find.unnamed"), "bold"))
        chips = [
            (identity.kana, QUIET),
            (self._codes.kin(member.relation), "cyan"),
            (desk.label("state", member.state) if member.state else "", STYLES.get(member.state, "")),
            (desk("household.you_opened") if member.asked_for else "", "magenta"),
        ]
        for text, style in chips:
            if text:
                title.append("  ")
                title.append(text, style)
        tree = Tree(title, guide_style=QUIET)
        told = [fact for card in member.cards for fact in card.facts]
        for kind, key in (("wish", "wishes"), ("need", "needs")):
            spoken = dict.fromkeys(self._codes.code(fact) for fact in told if fact.kind == kind)
            if spoken:
                tree.add(self._pair(desk(f"household.{key}"), self._between.join(spoken), "bold"))
        for label, value in self._persons_lines(member, instant):
            tree.add(self._pair(label, value))
        if not member.cards:
            tree.add(Text(desk("household.no_cards"), QUIET))
        for card in member.cards:
            branch = tree.add(self._card_title(card))
            for line in self._card_lines(card):
                branch.add(line)
        self._bases_of_parts(member, tree.add(Text(desk("household.parts"))))
        if member.withheld:
            self._withheld(member, tree.add(Text(desk("household.withheld"))))
        return tree

    def _persons_lines(self, member: Member, instant: str) -> Iterator[tuple[str, str]]:
        desk, identity, place = self._desk, member.identity, member.whereabouts
        hidden = desk("household.not_shown")
        yield desk("household.birth"), self._birth(identity.birth, instant) or hidden
        if identity.sex:
            yield desk("household.sex"), desk.label("sex", identity.sex)
        yield desk("household.address"), place.address or hidden
        if place.phones:
            yield desk("household.phone"), " / ".join(place.phones)
        if identity.death:
            yield desk("household.death"), identity.death
        if identity.other_names:
            yield desk("household.other_names"), " / ".join(identity.other_names)
        if member.evidence:
            yield (
                desk("household.evidence"),
                self._between.join(desk.label("evidence", code) for code in member.evidence),
            )

    def _card_title(self, card: Card) -> Text:
        desk = self._desk
        title = Text.assemble(
            (desk.label("programme", card.programme), "blue"), "  ", (self._agency(card.agency), "bold")
        )
        if card.as_of:
            title.append("  " + desk("household.as_of", date=card.as_of[:DAY]), QUIET)
        return title

    def _card_lines(self, card: Card) -> Iterator[RenderableType]:
        desk = self._desk
        if not card.facts and card.tier == "pointer":
            yield Text(desk("household.pointer_only"), QUIET)
        for fact in card.facts:
            yield self._fact(fact)
        if card.notes:
            notes = Tree(Text(desk("household.notes"), QUIET), guide_style=QUIET)
            for field, text in card.notes:
                notes.add(self._pair(field, text))
            yield notes
        if card.agency.contact:
            yield self._pair(desk("household.contact"), card.agency.contact)
        yield self._pair(desk("household.basis"), self._bases(card.bases, named=True) or desk("basis.deny"), QUIET)

    def _fact(self, fact: Fact) -> Text:
        desk, codes = self._desk, self._codes
        line = Text.assemble((desk.label("fact", fact.kind) + "  ", QUIET), codes.code(fact))
        if fact.level:
            line.append(" " + codes.level(fact), "bold")
        if fact.status:
            line.append(f" [{codes.status(fact)}]")
        for name, value in fact.detail.items():
            if value:
                line.append(f"  {codes.detail(name)}{self._colon}{codes.value(value)}")
        if fact.acting:
            line.append("  " + desk("household.acting", agency=self._agency(fact.acting)), QUIET)
        if fact.valid_from or fact.valid_to:
            line.append("  " + self._period(fact.valid_from, fact.valid_to), QUIET)
        return line

    def _period(self, start: str, end: str) -> str:
        key = "period" if start and end else "since" if start else "until"
        return self._desk(f"household.{key}", **{"from": start, "to": end})

    def _bases_of_parts(self, member: Member, branch: Tree) -> None:
        desk = self._desk
        parts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for part in member.parts:
            tier = desk.label("tier", part.tier)
            if part.own:
                tier += f" ({desk('household.own')}{self._colon}{desk('tier.full')})"
            bases = self._bases(part.bases, named=False) or desk("basis.deny")
            parts.add_row(desk.label("category", part.category), tier, Text(bases, QUIET))
        branch.add(parts)

    def _withheld(self, member: Member, branch: Tree) -> None:
        desk = self._desk
        branch.add(Text(desk("household.withheld_help"), QUIET))
        same: dict[tuple[str, ...], list[str]] = {}
        for part in member.withheld:
            same.setdefault(part.ways, []).append(desk.label("category", part.category))
        for ways, categories in same.items():
            told = branch.add(Text(self._between.join(categories)))
            for way in ways:
                told.add(Text(desk.label("way", way), QUIET))

    def _ages(self, view: HouseholdView) -> Group:
        desk = self._desk
        told = table(desk(f"household.{key}") for key in ("programme", "agency", "source", "as_of_head"))
        for age in view.ages:
            programme = desk.label("programme", age.programme)
            told.add_row(programme, self._agency(age.agency), age.source, age.as_of[:DAY])
        return Group(Text(desk("household.ages"), "bold"), told)

    def _proof(self, act_id: str, instant: str) -> None:
        say, desk = self._console.print, self._desk
        say(Text(desk("household.proof"), "bold"))
        say(self._pair(desk("household.act"), act_id))
        say(self._pair(desk("household.instant"), tokyo(instant)))
        say(Text(f"{self._program} audit search --act {act_id} {self._options}", QUIET), soft_wrap=True)

    def _bases(self, bases: Sequence[Basis], *, named: bool) -> str:
        """Name bases by their numbers in the legend below the household."""
        told = []
        for basis in bases:
            number = self._legend.setdefault(basis, len(self._legend) + 1)
            told.append(f"{self._label(basis)} [{number}]" if named else f"[{number}]")
        return (self._between if named else "").join(told)

    def _label(self, basis: Basis) -> str:
        return basis.label_en if self._english else basis.label_ja

    def _agencies(self, cards: Iterable[Card]) -> str:
        return self._between.join(dict.fromkeys(self._agency(card.agency) for card in cards))

    def _agency(self, agency: Agency) -> str:
        return agency.name_en or agency.name if self._english else agency.name

    def _birth(self, value: str, instant: str) -> str:
        if not value:
            return ""
        years = age_at(value, instant)
        told = value if self._english else era(value)
        return told if years is None else f"{told} {self._desk('household.years', count=years)}"

    def _pair(self, label: str, value: str, style: str = "") -> Text:
        return Text.assemble((f"{label}{self._colon}", QUIET), (value, style))
