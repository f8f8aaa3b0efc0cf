"""What the desk hands out: the shapes of the JSON API, of the console's pages and of the command line.

Every shape is frozen and already decided: it holds nothing its reader may not see. References are pseudonyms
of the reader's agency; no internal id stands here.
"""

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """Base of everything that leaves the desk; faults never echo input."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Query(Shape):
    """What a worker knows of a person; at least two kinds, or a full name."""

    name: str = Field(default="", max_length=100)
    """Full name as written (氏名)."""
    kana: str = Field(default="", max_length=100)
    """Reading of the name (フリガナ); the surname alone also counts as a kind."""
    birth: str = Field(default="", max_length=40)
    """Date of birth, or year and month; Japanese eras welcome (昭和61年3月)."""
    address: str = Field(default="", max_length=200)
    """Town and lot number (町字と番地)."""
    phone: str = Field(default="", max_length=40)


class Basis(Shape):
    """Why a part may be seen: the kind of basis and the policy row or consent it rests on."""

    kind: str
    """own_programme, consent, statute, session, emergency."""
    rule: str = ""
    """Id of the policy row."""
    label_ja: str = ""
    label_en: str = ""
    article_ja: str = ""
    """The article of law the row rests on."""
    article_en: str = ""


class Part(Shape):
    """How much of one data category the reader has on one person, and on what bases."""

    category: str
    tier: str
    """What the reader has of everybody's records."""
    own: bool = False
    """True where the reader has more of what the reader's own agency delivered."""
    bases: tuple[Basis, ...] = ()


class Explained(Part):
    """The same with the policy's sentence: why a category is shown or not, and what would change it."""

    ja: str
    en: str


class Withheld(Shape):
    """A category not (wholly) shown and how the reader could obtain it.

    A function of the policy alone: it is the same whether or not anything lies behind it.
    """

    category: str
    tier: str
    own: bool = False
    """True where the reader's own agency's records are shown nevertheless."""
    ways: tuple[str, ...]


class Agency(Shape):
    """An agency as the directory of the workspace names it (機関)."""

    id: str
    name: str
    name_en: str = ""
    contact: str = ""


class Fact(Shape):
    """One coded fact, as fine as its tier allows."""

    kind: str
    category: str
    programme: str
    tier: str
    code: str = ""
    level: str = ""
    status: str = ""
    valid_from: str = ""
    valid_to: str = ""
    acting: Agency | None = None
    """The agency that acts in this fact, where it is not the delivering one."""
    detail: dict[str, str] = {}
    """Further coded values. Under ``plan`` and ``meeting`` a mark, A, B …: equal marks of one answer are one plan or
    meeting; the number itself is not shown."""
    source: str = ""
    as_of: str = ""
    bases: tuple[Basis, ...] = ()


class Card(Shape):
    """What one agency's records say about one person within one programme."""

    agency: Agency
    programme: str
    tier: str
    """``pointer``: only that this agency is involved and how to reach it."""
    as_of: str = ""
    """How old the newest of these records is."""
    facts: tuple[Fact, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    """(field, text) pairs of free text, where a grant for notes of their own exists."""
    bases: tuple[Basis, ...] = ()


class Identity(Shape):
    """Names, birth and sex of a person, or as much of them as may be seen."""

    name: str = ""
    kana: str = ""
    other_names: tuple[str, ...] = ()
    birth: str = ""
    """``YYYY-MM-DD`` at full, ``YYYY-MM`` at summary, empty otherwise."""
    sex: str = ""
    death: str = ""


class Whereabouts(Shape):
    """Address and telephone, only with the category ``address``."""

    address: str = ""
    town: str = ""
    phones: tuple[str, ...] = ()


class Member(Shape):
    """One person of the household as this reader may see him or her."""

    ref: str
    identity: Identity
    whereabouts: Whereabouts
    relation: str = ""
    """続柄 code towards the head of household."""
    state: str = "present"
    """``present`` or ``away`` (living in the household, staying elsewhere)."""
    evidence: tuple[str, ...] = ()
    asked_for: bool = False
    """True for the person by whose reference the household was opened."""
    cards: tuple[Card, ...] = ()
    parts: tuple[Part, ...] = ()
    withheld: tuple[Withheld, ...] = ()


class SourceAge(Shape):
    """How old one source is that stands behind this page."""

    source: str
    agency: Agency
    programme: str
    as_of: str


class Proof(Shape):
    """What this reading left in the log, and the state it was answered from."""

    act_id: str
    policy: str
    generation: int
    instant: str
    purpose: str


class Found(Shape):
    """One person found."""

    ref: str
    opening: str
    """What opens the household: the reference with the proof of how this person was found."""
    identity: Identity
    whereabouts: Whereabouts
    matched: tuple[str, ...]
    """Kinds of the query that met this person: name, kana, birth, address, phone."""
    cards: tuple[Card, ...] = ()
    """Agencies that may be pointed to."""


class Results(Shape):
    """Answer to a query."""

    found: tuple[Found, ...]
    more: bool = False
    """True when more people met the query than are shown; ask with one more kind."""
    proof: Proof


class HouseholdView(Shape):
    """One living household as one reader may see it at one instant."""

    ref: str
    """Reference of the person it was opened by."""
    members: tuple[Member, ...]
    ages: tuple[SourceAge, ...]
    proof: Proof


class Explanations(Shape):
    """What one reader has on one person, category by category, and why."""

    ref: str
    parts: tuple[Explained, ...]
    proof: Proof


class Reading(Shape):
    """One entry of the log as the log room shows it."""

    act_id: str
    kind: str
    recorded_at: str
    body: dict[str, object]
    leaf_index: int | None = None
    """None until the sequencer has taken the entry."""


class Inclusion(Shape):
    """A reading with its place in the log: checkpoint, leaf hash and inclusion proof (RFC 6962)."""

    reading: Reading
    leaf_hash: str = ""
    path: tuple[str, ...] = ()
    size: int = 0
    root: str = ""
    checkpoint: str = ""
    key: str = ""
    """The log's public key in its text form (vkey)."""
    receipt: str = ""
    """The offline receipt (C2SP tlog-proof); verifies without Musubi."""
    verified: bool = False
