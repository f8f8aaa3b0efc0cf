"""Coded facts about a person: one model for each kind of stored fact (``assembly.py`` reads them)."""

from pydantic import Field

from schemas.model.categories import Graded, InAddress, InAssessment, InIdentity, InNotes, InParticipation
from schemas.model.records import Origin
from schemas.model.values import Code, Day, Ref
from schemas.vocabulary import Category, Programme


class Fact(Graded):
    """What every coded fact has (事実): whose it is, whose record says so, who acts, from when to when."""

    ref: InParticipation[Ref]
    person: InParticipation[Ref]
    mention: InParticipation[Ref]
    programme: InParticipation[Programme]
    agency: InParticipation[Code] = ""
    """The agency that acts in this fact; empty: the one that delivered it."""
    valid_from: InParticipation[Day] = ""
    valid_to: InParticipation[Day] = ""
    """The last day, as sources write it."""
    detail: InAssessment[dict[str, str]] = Field(default_factory=dict)
    """Further codes and numbers, never free text."""
    places: InAddress[dict[str, str]] = Field(default_factory=dict)
    """Details that tell where somebody is or can be met: school, provider, ward."""
    origin: InParticipation[Origin]


class Residence(Fact):
    """Standing on the resident register (住民登録): resident, moved out, dead, removed; or living there since."""

    category: InIdentity[Category] = Category.IDENTITY
    state: InIdentity[Code]
    nationality: InIdentity[Code] = ""
    """Japanese or foreign resident (住民種別)."""


class Away(Fact):
    """A declared stay elsewhere (不在), such as hospital or study: evidence for a membership's state."""

    reason: InAddress[Code]


class Enrolment(Fact):
    """Being in a programme (受給・加入・利用登録): scheme, level and status."""

    scheme: InParticipation[Code]
    level: InAssessment[Code] = ""
    status: InParticipation[Code] = ""


class ServiceUse(Fact):
    """Using one service (サービス利用)."""

    service: InParticipation[Code]
    level: InAssessment[Code] = ""
    status: InParticipation[Code] = ""


class Contact(Fact):
    """A consultation or visit (相談・訪問). Only a two-way one ends a silence."""

    channel: InParticipation[Code]
    """Visit, home visit, telephone, letter, nobody met ..."""
    occasion: InParticipation[Code] = ""
    route: InParticipation[Code] = ""
    """Who brought it: self, family, school, hospital ... (相談経路)."""
    two_way: InParticipation[bool | None] = None
    urgency: InAssessment[Code] = ""


class Need(Fact):
    """A need somebody named (課題・ニーズ), coded."""

    category: InAssessment[Category] = Category.ASSESSMENT
    need: InAssessment[Code]
    level: InAssessment[Code] = ""
    """``most_urgent`` where the person said so."""
    status: InAssessment[Code] = ""


class Wish(Fact):
    """What the person wants (本人の希望), coded; the words themselves are free text."""

    category: InAssessment[Category] = Category.ASSESSMENT
    wish: InAssessment[Code]
    level: InAssessment[Code] = ""
    status: InAssessment[Code] = ""
    words: InNotes[str] = ""
