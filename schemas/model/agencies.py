"""Who helps and with what: agencies and the resources of the community.

Neither is about a person. The category is the one a field has as soon as it stands beside a person: the place of a
nursery tells where its child is by day.
"""

from typing import Annotated

from pydantic import Field

from schemas.model.categories import InAddress, InParticipation, Model
from schemas.model.values import Code, Day
from schemas.vocabulary import AgencyKind

Count = Annotated[int, Field(ge=0)]


class Agency(Model):
    """An agency that delivers, reads or both (機関)."""

    id: InParticipation[Code]
    name: InParticipation[str]
    name_en: InParticipation[str] = ""
    kind: InParticipation[AgencyKind]
    """What it is in law; every legal basis names the kinds it serves."""
    contact: InParticipation[str] = ""
    """How to reach it; part of every pointer."""
    office: InAddress[str] = ""
    """Where its counter is."""
    contract_from: InParticipation[Day] = ""
    """An entrusted operator (受託事業者) acts only within its contract."""
    contract_to: InParticipation[Day] = ""
    integrated_desk: InParticipation[bool] = False
    """The integrated consultation desk (断らない相談支援の窓口)."""


class ResourceContact(Model):
    """One contact made with a resource (働きかけ): when, by whom, with what result."""

    on: InParticipation[Day]
    agency: InParticipation[Code] = ""
    result: InParticipation[Code] = ""


class Resource(Model):
    """A place, service or firm that people can take part in (地域資源)."""

    id: InParticipation[Code]
    name: InParticipation[str]
    kind: InParticipation[Code]
    host: InParticipation[str] = ""
    """Who runs it (実施主体)."""
    place: InAddress[str] = ""
    area: InAddress[Code] = ""
    """Living area (日常生活圏域)."""
    phone: InAddress[str] = ""
    targets: InParticipation[tuple[Code, ...]] = ()
    age_from: InParticipation[Count | None] = None
    age_to: InParticipation[Count | None] = None
    capacity: InParticipation[Count | None] = None
    vacancy: InParticipation[Count | None] = None
    """None: nobody knows; zero: full."""
    vacancy_on: InParticipation[Day] = ""
    """The day the vacancy was seen; without it a vacancy is a guess."""
    off_scheme: InParticipation[bool | None] = None
    """May be used outside its scheme (制度外利用)."""
    employer: InParticipation[Code] = ""
    """Kind of employer, where it is one."""
    needs: InParticipation[tuple[Code, ...]] = ()
    """Needs it answers to."""
    contacts: InParticipation[tuple[ResourceContact, ...]] = ()
    valid_from: InParticipation[Day] = ""
    valid_to: InParticipation[Day] = ""
