"""What is done together: plans, referrals, meetings and placements."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.model.categories import Graded, InAssessment, InNotes, InParticipation, Model
from schemas.model.facts import Fact
from schemas.model.values import Code, Day, Ref
from schemas.vocabulary import Category

CLOSED_REFERRALS = frozenset(("declined", "ineligible", "completed", "stopped"))
"""States from which a referral asks nothing more of anybody."""


class Agreement(Model):
    """Who agreed, or did not, to a step, and when (合意)."""

    by: InAssessment[Code]
    """``self`` (本人), ``representative``, ``family``, ``agency``."""
    agreed: InAssessment[bool]
    on: InAssessment[Day] = ""


class PlanStep(Fact):
    """One step of a plan (支援内容): which support, by which agency, until when, agreed by whom."""

    category: InAssessment[Category] = Category.ASSESSMENT
    step: InAssessment[Code]
    scheme: InAssessment[Code] = ""
    """``in_scheme`` or ``off_scheme`` (制度外利用)."""
    status: InAssessment[Code] = ""
    plan: InAssessment[Code] = ""
    """Reference of the plan it belongs to, equal for its steps and never its number; empty: it stands alone."""
    lead: InParticipation[Code] = ""
    """The agency that leads the plan (主担当機関)."""
    review_on: InAssessment[Day] = ""
    agreements: InAssessment[tuple[Agreement, ...]] = ()


class Plan(Graded):
    """A support plan (支援プラン) with its steps and the person's wishes in his or her own words."""

    category: InAssessment[Category] = Category.ASSESSMENT
    ref: InAssessment[Ref]
    person: InAssessment[Ref]
    mark: InAssessment[Code] = ""
    """What tells it from others of its source: the reference its parts share, never its number."""
    lead: InParticipation[Code] = ""
    review_on: InAssessment[Day] = ""
    wishes: InNotes[tuple[str, ...]] = ()
    steps: InAssessment[Annotated[tuple[PlanStep, ...], Field(min_length=1)]]

    @model_validator(mode="after")
    def _steps_are_its_own(self) -> Self:
        if any(step.person != self.person for step in self.steps):
            raise ValueError("a step of another person's plan")
        return self


class Referral(Fact):
    """Handing somebody on to another agency (つなぎ), open until it is answered (closed loop)."""

    category: InAssessment[Category] = Category.ASSESSMENT
    reason: InAssessment[Code]
    level: InAssessment[Code] = ""
    status: InAssessment[Code] = ""
    """Empty or ``requested`` at first, then accepted, declined, ineligible, completed, stopped."""
    outcome: InAssessment[Code] = ""
    answered_on: InAssessment[Day] = ""
    wishes: InNotes[str] = ""
    agreements: InAssessment[tuple[Agreement, ...]] = ()

    @property
    def closed(self) -> bool:
        """Whether the loop is closed: an answer came, or nothing more is asked."""
        return self.status in CLOSED_REFERRALS or bool(self.outcome or self.answered_on)


class MeetingItem(Fact):
    """What one record says of a meeting about one person (会議記録): kind, day, agency present, next day."""

    category: InAssessment[Category] = Category.ASSESSMENT
    item: InAssessment[Code]
    """``support_meeting``, ``multi_layer_meeting``, ``participant`` or ``next_meeting``."""
    level: InAssessment[Code] = ""
    status: InAssessment[Code] = ""
    meeting: InAssessment[Code] = ""
    """Reference of the meeting, equal for what is said of it and never its number."""


class Meeting(Graded):
    """A meeting about cases (支援会議・重層的支援会議): two bodies of different legal effect, told apart by kind."""

    category: InAssessment[Category] = Category.ASSESSMENT
    ref: InAssessment[Ref]
    kind: InAssessment[Code]
    """``support_meeting`` (社会福祉法106条の6, no consent needed) or ``multi_layer_meeting`` (consented cases)."""
    mark: InAssessment[Code] = ""
    """What tells it from others of its source: the reference its parts share, never its number."""
    held_on: InAssessment[Day] = ""
    next_on: InAssessment[Day] = ""
    lead: InParticipation[Code] = ""
    participants: InParticipation[tuple[Code, ...]] = ()
    """Agencies present."""
    persons: InAssessment[tuple[Ref, ...]] = ()
    """Whom it was about, as far as the reader may know."""


class Placement(Fact):
    """A person brought together with a resource (参加支援のマッチング), and what came of it."""

    category: InAssessment[Category] = Category.ASSESSMENT
    resource: InAssessment[Code]
    scheme: InAssessment[Code] = ""
    status: InAssessment[Code] = ""
    outcome: InAssessment[Code] = ""
    """Why it ended or was refused."""
