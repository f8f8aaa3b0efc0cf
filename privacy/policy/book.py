"""The policy as data: rules, legal bases and form texts, read from TOML and checked before anybody reads.

A site's directory may replace any of the four files; what it does not hold comes from the package. The digest
covers the bytes of all four, so a log entry names exactly what was in force.
"""

import hashlib
from functools import cached_property
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.errors import ConfigurationError
from schemas.tables import SEARCH_KINDS
from schemas.vocabulary import AgencyKind, Category, MentionRole, Programme, Purpose, StaffRole, Tier
from schemas.workspace import Settings, read_toml

PACKAGED = Path(__file__).parent / "data"
FILES = ("rules.toml", "legal_bases.toml", "forms.toml", "explanations.toml")
CATEGORIES = tuple(Category)
"""The fixed order of categories in a tier vector."""

TierName = Literal["none", "pointer", "summary", "full"]
Vector = tuple[int, ...]
"""One tier per category, in the order of CATEGORIES."""

NOTHING: Vector = (0,) * len(CATEGORIES)


class Label(Settings):
    """A text in both languages."""

    ja: str
    en: str


class BasisRule(Settings):
    """One row of the policy: who, for what, under which conditions, gets which tier per category."""

    id: str
    kind: Literal["own_programme", "consent", "statute", "session", "emergency"]
    legal: str
    ja: str
    en: str
    roles: frozenset[StaffRole]
    agency_kinds: frozenset[AgencyKind]
    purposes: frozenset[Purpose]
    stated: frozenset[str] = frozenset()
    """Statements the reader must have made (who is present, why)."""
    attributes: Annotated[int, Field(ge=0)] = 0
    """By how many attributes the person must have been found."""
    under_protection: Literal["masked", "defeated"] = "defeated"
    """What is left of this basis for a protected person: all but address, or nothing."""
    tiers: dict[Category, TierName]

    @cached_property
    def vector(self) -> Vector:
        """Tier per category; a category the row does not name gets none."""
        return tuple(int(Tier[self.tiers.get(category, "none").upper()]) for category in CATEGORIES)


class Search(Settings):
    """Which search kinds are one attribute, which tell a place, and what it takes to be found."""

    attributes: dict[str, tuple[str, ...]]
    places: frozenset[str]
    alone: frozenset[str]
    """Kinds of which one is enough; otherwise it takes two attributes."""


class Fields(Settings):
    """What beside the category ``address`` may tell a place."""

    address: frozenset[str]
    """Keys of a fact's detail that follow ``address``."""
    plain: frozenset[str]
    """Keys that can tell no place: all there is of a protected person."""
    placed: frozenset[Programme]
    """Programmes whose agencies are a place themselves."""


class Rules(Settings):
    """``rules.toml``."""

    version: str
    fiscal_year_start: Annotated[str, Field(pattern=r"^\d{2}-\d{2}$")]
    protection_programme: str
    consent_given_by: frozenset[str]
    principal_roles: frozenset[MentionRole]
    categories: dict[Category, Label]
    roles: dict[StaffRole, frozenset[Purpose]]
    search: Search
    fields: Fields
    basis: tuple[BasisRule, ...]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if missing := set(Category) - set(self.categories):
            raise ValueError(f"categories without a label: {', '.join(sorted(missing))}")
        if idle := set(StaffRole) - set(self.roles):
            raise ValueError(f"roles without purposes: {', '.join(sorted(idle))}")
        covered = [kind for kinds in self.search.attributes.values() for kind in kinds]
        if sorted(covered) != sorted(SEARCH_KINDS) or not self.search.places | self.search.alone <= set(SEARCH_KINDS):
            raise ValueError("search: attributes must hold every search kind exactly once, places and alone no other")
        ids = [row.id for row in self.basis]
        if len(set(ids)) != len(ids):
            raise ValueError("basis: the same id twice")
        for kind in ("own_programme", "consent"):
            if sum(row.kind == kind for row in self.basis) > 1:
                raise ValueError(f"basis: at most one row of kind {kind}")
        return self


class LegalBasis(Settings):
    """An article of law and what it permits to whom."""

    id: str
    ja: str
    en: str
    permits: str
    consent_needed: bool
    agency_kinds: frozenset[AgencyKind]
    expires: str
    checked: Literal["text", "unconfirmed"]


class LegalBases(Settings):
    """``legal_bases.toml``."""

    version: str
    law: tuple[LegalBasis, ...]


class Form(Settings):
    """One consent form text."""

    id: str
    ja: str
    en: str


class Forms(Settings):
    """``forms.toml``."""

    version: str
    form: tuple[Form, ...]


GAPS = frozenset({"category", "tier", "bases", "ways", "purposes", "basis", "article"})
SentenceName = Literal["shown", "own", "basis", "withheld", "ways", "never"]
JoinName = Literal["bases", "ways", "purposes", "sentences"]
Step = Literal["purpose", "consent", "statement", "search", "other"]
"""What a basis still lacks."""


class Words(Settings):
    """``explanations.toml``: sentences with their gaps, every one of them there."""

    version: str
    sentences: Annotated[dict[SentenceName, Label], Field(min_length=6)]
    between: Annotated[dict[JoinName, Label], Field(min_length=4)]
    tiers: Annotated[dict[Literal["pointer", "summary", "full"], Label], Field(min_length=3)]
    ways: Annotated[dict[Step, Label], Field(min_length=5)]
    purposes: Annotated[dict[Purpose, Label], Field(min_length=len(Purpose))]

    @model_validator(mode="after")
    def _gaps(self) -> Self:
        for label in (*self.sentences.values(), *self.ways.values()):
            for text in (label.ja, label.en):
                if not {gap for _, gap, _, _ in Formatter().parse(text) if gap is not None} <= GAPS:
                    raise ValueError(f"a sentence has a gap other than {', '.join(sorted(GAPS))}")
        return self


class Policy:
    """One loaded, checked policy. Immutable; ``version`` for people, ``digest`` for the log."""

    def __init__(self, rules: Rules, laws: LegalBases, forms: Forms, words: Words, digest: str) -> None:
        self.rules = rules
        self.words = words
        self.laws = {law.id: law for law in laws.law}
        self.forms = {form.id: form for form in forms.form}
        self.ceilings = {row.id: row.vector for row in rules.basis}
        """The most that each basis gives, by its id."""
        self.version = rules.version
        self.digest = digest

    def label(self, category: Category) -> Label:
        """Return the name of a category in both languages."""
        return self.rules.categories[category]

    def attributes(self, kinds: frozenset[str]) -> int:
        """Count by how many attributes of a person these search kinds identify."""
        return sum(not kinds.isdisjoint(group) for group in self.rules.search.attributes.values())

    def suffices(self, kinds: frozenset[str]) -> bool:
        """Tell whether a person who meets these search kinds is found: two attributes or a full name."""
        return self.attributes(kinds) > 1 or not kinds.isdisjoint(self.rules.search.alone)


def load_policy(directory: Path | None = None) -> Policy:
    """Read the policy of a site, or the shipped one; raise ConfigurationError that names the file."""
    paths: dict[str, Path] = {}
    for name in FILES:
        own = directory / name if directory is not None else None
        paths[name] = own if own is not None and own.is_file() else PACKAGED / name
    digest = hashlib.sha256()
    for name, path in paths.items():
        content = path.read_bytes()
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
    rules = read_toml(paths["rules.toml"], Rules)
    laws = read_toml(paths["legal_bases.toml"], LegalBases)
    forms = read_toml(paths["forms.toml"], Forms)
    words = read_toml(paths["explanations.toml"], Words)
    known = {law.id: law for law in laws.law}
    for row in rules.basis:
        if row.legal not in known:
            raise ConfigurationError(f"{paths['rules.toml']}: basis {row.id}: unknown legal basis {row.legal}")
        if beyond := row.agency_kinds - known[row.legal].agency_kinds:
            kinds = ", ".join(sorted(beyond))
            raise ConfigurationError(f"{paths['rules.toml']}: basis {row.id}: {row.legal} does not serve {kinds}")
    return Policy(rules, laws, forms, words, digest.hexdigest())
