"""Who is who: persons, the households they live in or are registered in, and how they are related."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.model.categories import InAddress, InMembership, InParticipation, Model
from schemas.model.facts import Fact
from schemas.model.records import Mention
from schemas.model.values import Code, Day, Ref
from schemas.vocabulary import Category


class Lineage(Model):
    """One step in the history of a person or household (系譜): opaque ids and kinds of event only."""

    event: InParticipation[Literal["survive", "mint", "retire"]]
    old: InParticipation[Ref | None] = None
    new: InParticipation[Ref | None] = None
    run: InParticipation[Code] = ""


class Person(Model):
    """One human being (人): a cluster of mentions with the lineage of merges and splits.

    There is no record of a person beside them; every merge can be undone by moving mentions.
    """

    ref: InParticipation[Ref]
    mentions: InParticipation[Annotated[tuple[Mention, ...], Field(min_length=1)]]
    """Those that tell most come first."""
    lineage: InParticipation[tuple[Lineage, ...]] = ()

    @model_validator(mode="after")
    def _each_mention_once(self) -> Self:
        if len({mention.ref for mention in self.mentions}) < len(self.mentions):
            raise ValueError("a mention appears twice")
        return self


class Membership(Model):
    """A person's dated place in a household (世帯員).

    An away member stays in the living household; where he or she is follows the category ``address``.
    """

    person: InMembership[Ref]
    state: InMembership[Literal["present", "away"]] = "present"
    away: InAddress[Code] = ""
    """What keeps an away member elsewhere: work, hospital, facility, study, shelter."""
    relation: InMembership[Code] = ""
    """続柄 towards the head, codes of the register joined by commas (``20,20`` = child of the child)."""
    shared_livelihood: InMembership[bool | None] = None
    """Whether the member shares the household's means of living (生計同一); None where nobody said."""
    evidence: InMembership[tuple[Literal["register", "dwelling", "kinship", "case"], ...]] = ()
    valid_from: InMembership[Day] = ""
    valid_to: InMembership[Day] = ""

    @model_validator(mode="after")
    def _place_only_when_away(self) -> Self:
        if self.away and self.state != "away":
            raise ValueError("a present member is nowhere else")
        return self


class Household(Model):
    """People who belong together (世帯): on the register, or actually living together. Both are kept as two facts."""

    ref: InMembership[Ref]
    kind: InMembership[Literal["register", "living"]]
    members: InMembership[tuple[Membership, ...]] = ()
    """Members the reader may know; their number says nothing about anybody else."""
    lineage: InMembership[tuple[Lineage, ...]] = ()

    @model_validator(mode="after")
    def _each_stay_once(self) -> Self:
        stays = {(member.person, member.valid_from) for member in self.members}
        if len(stays) < len(self.members):
            raise ValueError("a member appears twice")
        return self


class Relationship(Fact):
    """How one person is related to another (続柄・親族関係): ``person`` is ``relation`` of ``other``."""

    category: InMembership[Category] = Category.MEMBERSHIP
    relation: InMembership[Code]
    other: InMembership[Ref | None] = None
    """None: towards the head of the register household."""
