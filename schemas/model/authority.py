"""On what footing something is shown: consents, statutory sessions, protection orders, disclosures.

Validity here is half-open: ``valid_to`` is the first day on which it no longer holds (a paper valid until 31 March
has ``valid_to`` 1 April).
"""

from typing import Annotated, Literal

from pydantic import Field

from schemas.model.categories import Graded, InIdentity, InParticipation, InSensitive, Model
from schemas.model.records import Origin
from schemas.model.values import Code, Day, Grade, Instant, Ref
from schemas.vocabulary import Category, Purpose, StaffRole


class Scope(Model):
    """How much of one category a consent opens (範囲)."""

    category: InParticipation[Category]
    tier: InParticipation[Grade]


class Consent(Graded):
    """A consent, refusal or withdrawal of one person (同意・拒否・撤回).

    It speaks for that person alone. What a refusal or withdrawal leaves open it refuses altogether; what a consent
    leaves open grants nothing.
    """

    ref: InParticipation[Ref]
    person: InParticipation[Ref]
    decision: InParticipation[Literal["permit", "refuse", "withdraw"]]
    agencies: InParticipation[tuple[Code, ...]] = ()
    scope: InParticipation[tuple[Scope, ...]] = ()
    purposes: InParticipation[tuple[Purpose, ...]] = ()
    valid_from: InParticipation[Day] = ""
    valid_to: InParticipation[Day] = ""
    """Empty: it ends with the fiscal year of its first day."""
    given_by: InParticipation[Code] = ""
    """``self`` (本人), ``representative`` (法定代理人), ``guardian`` (後見人)."""
    method: InParticipation[Code] = ""
    form: InParticipation[Code] = ""
    """Id and version of the text that was signed."""
    reference: InIdentity[str] = ""
    """Number of the paper."""
    supersedes: InIdentity[str] = ""
    """Number of the refusal or withdrawal it names and lifts; never "the newest wins"."""
    recorded_at: InParticipation[Instant | None] = None
    origin: InParticipation[Origin | None] = None
    """None: given at the desk."""


class Permit(Graded):
    """A statutory session (支援会議の開催): its listed members may speak of its listed cases while it lasts."""

    ref: InParticipation[Ref]
    legal: InParticipation[Code]
    """Row of the legal bases it rests on (社会福祉法106条の6 ...)."""
    number: InParticipation[Code] = ""
    members: InParticipation[Annotated[tuple[Code, ...], Field(min_length=1)]]
    """Designated agencies."""
    persons: InParticipation[tuple[Ref, ...]] = ()
    """Listed cases."""
    purposes: InParticipation[tuple[Purpose, ...]] = ()
    valid_from: InParticipation[Day]
    valid_to: InParticipation[Day]


class Clearance(Model):
    """An agency and role the protecting authority lists (閲覧可能者)."""

    agency: InSensitive[Code]
    role: InSensitive[StaffRole]


class Protection(Model):
    """A protection order (支援措置): from whom, together with whom, and who is cleared to know.

    It outlives ``valid_to`` until a person lifts it. Its existence alone is sensitive.
    """

    ref: InSensitive[Ref]
    person: InSensitive[Ref]
    kind: InSensitive[Code]
    against: InSensitive[tuple[Ref, ...]] = ()
    with_: InSensitive[tuple[Ref, ...]] = Field(default=(), alias="with")
    """Persons protected together with her (併せて支援を求める者)."""
    cleared: InSensitive[tuple[Clearance, ...]] = ()
    opponent_known: InSensitive[bool] = False
    """False: any co-member may be the one she is protected from."""
    lifted: InSensitive[bool] = False
    valid_from: InSensitive[Day] = ""
    valid_to: InSensitive[Day] = ""
    origin: InSensitive[Origin | None] = None


class Basis(Model):
    """What one part of a disclosure rested on (根拠)."""

    kind: InParticipation[Literal["own_programme", "consent", "session", "statute", "emergency"]]
    rule: InParticipation[Code] = ""
    """Row of the policy."""
    legal: InParticipation[Code] = ""
    """Row of the legal bases."""
    given: InParticipation[Ref | None] = None
    """The consent or permit it rested on."""


class Part(Model):
    """How much of one category was shown (開示部分)."""

    category: InParticipation[Category]
    tier: InParticipation[Grade]
    bases: InParticipation[tuple[Basis, ...]] = ()


class Disclosure(Graded):
    """What one reading showed of one person (開示), to whom, why, on what basis, and where the log has it."""

    ref: InParticipation[Ref]
    """The act in the log."""
    person: InParticipation[Ref]
    agency: InParticipation[Code]
    role: InParticipation[StaffRole]
    purpose: InParticipation[Purpose]
    instant: InParticipation[Instant]
    policy: InParticipation[Code]
    """Version of the policy that decided."""
    parts: InParticipation[tuple[Part, ...]] = ()
    leaf_index: InParticipation[Annotated[int, Field(ge=0)] | None] = None
    """Place in the log; None until it is sequenced."""
