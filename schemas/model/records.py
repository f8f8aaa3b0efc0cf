"""What was delivered: source records and the people they mention."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from schemas.model.categories import Graded, InAddress, InIdentity, InNotes, InParticipation, Model
from schemas.model.values import Birthday, Code, Day, Ref, Sex
from schemas.values.addresses import Address
from schemas.values.identifiers import Identifier
from schemas.values.names import PersonName
from schemas.vocabulary import Category, MentionRole, Programme


class Origin(Model):
    """Where a value comes from and how old it is (出所): no published value goes without."""

    source: InParticipation[Code]
    """Id of the source system."""
    agency: InParticipation[Code]
    """The agency that delivered it."""
    programme: InParticipation[Programme]
    record: InParticipation[Ref]
    run: InParticipation[Code] = ""
    """The sync run that took it in."""
    as_of: InParticipation[Day] = ""
    """The day the delivery stands for, as the source declared it."""


class Note(Model):
    """One free text with the field it stood in (自由記述)."""

    field: InNotes[str]
    text: InNotes[str]


class Mention(Graded):
    """One person as one source record mentions him or her (記載): what is sealed, linked, consented and erased.

    A withheld part is empty; an empty part tells nothing about what lies behind it.
    """

    KEEPS: ClassVar[frozenset[Category]] = frozenset(Category) - {Category.PARTICIPATION}

    ref: InParticipation[Ref]
    role: InParticipation[MentionRole]
    seq: InParticipation[Annotated[int, Field(ge=0)]] = 0
    names: InIdentity[tuple[PersonName, ...]] = ()
    """The first is the display name; former names (旧氏), aliases (通称) and roman forms follow."""
    birth: InIdentity[Birthday | None] = None
    death: InIdentity[Birthday | None] = None
    sex: InIdentity[Sex] = ""
    addresses: InAddress[tuple[Address, ...]] = ()
    """The first is the current one; past ones follow."""
    phones: InAddress[tuple[str, ...]] = ()
    emails: InAddress[tuple[str, ...]] = ()
    identifiers: InIdentity[tuple[Identifier, ...]] = ()
    """Numbers within their issuer; an individual number (個人番号) is never among them."""
    notes: InNotes[tuple[Note, ...]] = ()
    origin: InParticipation[Origin]


class SourceRecord(Graded):
    """One delivered row (原記録) with the people it mentions."""

    KEEPS: ClassVar[frozenset[Category]] = Mention.KEEPS

    origin: InParticipation[Origin]
    key: InIdentity[str] = ""
    """The source's own key of the row; a number like any other, so it is identity."""
    version: InParticipation[Code] = ""
    """Row history number (履歴番号) where the source keeps one."""
    scope: InParticipation[Code] = ""
    """Office, scheme or period the row belongs to."""
    closed_as_of: InParticipation[Day] = ""
    """First snapshot of its scope that no longer had it; closed records stay evidence."""
    deleted: InParticipation[bool] = False
    """The source's own delete flag (削除フラグ)."""
    mentions: InParticipation[Annotated[tuple[Mention, ...], Field(min_length=1)]]

    @model_validator(mode="after")
    def _mentions_are_its_own(self) -> Self:
        places = [(mention.role, mention.seq) for mention in self.mentions]
        if len(set(places)) < len(places):
            raise ValueError("two mentions in one place")
        if any(mention.origin.record != self.origin.record for mention in self.mentions):
            raise ValueError("a mention of another record")
        return self
