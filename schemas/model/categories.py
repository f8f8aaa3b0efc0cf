"""Every field of the model says what kind of thing it tells: its data category (design: categories).

A field without a category, or with two, is an error when the module is imported, so no process starts with one. A
field that holds another model has a category too: what stands inside is told only to who may see both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from schemas.errors import ConfigurationError, RecordRejected
from schemas.vocabulary import Category

CATEGORY_KEYWORD = "x-musubi-category"
"""Keyword of the exported JSON Schema that carries a property's category."""


@dataclass(frozen=True, slots=True)
class Told:
    """The category a field is marked with."""

    category: Category


def of(category: Category) -> Told:
    """Mark a field with its category inside ``Annotated``; the aliases below are shorter."""
    return Told(category)


T = TypeVar("T")
InIdentity = Annotated[T, of(Category.IDENTITY)]
InAddress = Annotated[T, of(Category.ADDRESS)]
InMembership = Annotated[T, of(Category.MEMBERSHIP)]
InParticipation = Annotated[T, of(Category.PARTICIPATION)]
InAssessment = Annotated[T, of(Category.ASSESSMENT)]
InSensitive = Annotated[T, of(Category.SENSITIVE)]
InNotes = Annotated[T, of(Category.NOTES)]


class Model(BaseModel):
    """Base of the unified model: frozen, unknown fields refused, values never echoed, every field categorised."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )
    categories: ClassVar[Mapping[str, Category]] = MappingProxyType({})
    """The category of each field."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_kwargs: Any) -> None:
        """Collect the categories; refuse a class that leaves one open."""
        found = {}
        for name, field in cls.model_fields.items():
            told = [mark.category for mark in field.metadata if isinstance(mark, Told)]
            if len(told) != 1:
                fault = "no data category" if not told else "more than one data category"
                raise ConfigurationError(f"{cls.__name__}.{name}: {fault}")
            found[name] = told[0]
        cls.categories = MappingProxyType(found)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Write each property's category beside it."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, category in cls.categories.items():
            properties[cls.model_fields[name].alias or name][CATEGORY_KEYWORD] = category.value
        return schema

    @classmethod
    def read(cls, raw: object) -> Self:
        """Take a value from outside; raise RecordRejected that names fields and faults, never a value."""
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            raise rejection(f"not-{cls.__name__.lower()}", error) from None

    def category_of(self, field: str) -> Category:
        """Give the category under which this field of this very row is decided."""
        return self.categories[field]


class Graded(Model):
    """A row that states its own category, which stands in for the field's wherever the class does not keep it.

    Being on public assistance (生活保護) is an enrolment like any other, yet the whole row is ``sensitive``.
    """

    KEEPS: ClassVar[frozenset[Category]] = frozenset((Category.ADDRESS, Category.NOTES))
    """Categories that a field keeps whatever the row says."""

    category: InParticipation[Category] = Category.PARTICIPATION
    """The row's own category."""

    def category_of(self, field: str) -> Category:
        """Give the row's category, or the field's own where the class keeps it."""
        own = self.categories[field]
        return own if own in self.KEEPS else self.category


UNKNOWN_KEY = frozenset(("extra_forbidden", "unexpected_keyword_argument"))
"""Faults whose place ends with a key of the input."""


def rejection(code: str, error: ValidationError) -> RecordRejected:
    """Turn a validation error into a rejection without any value of the input, unknown keys included.

    To be raised ``from None``: the error itself quotes its input.
    """
    faults = []
    for fault in error.errors(include_input=False, include_url=False, include_context=False):
        place = fault["loc"][:-1] if fault["type"] in UNKNOWN_KEY else fault["loc"]
        faults.append((".".join(str(part) for part in place), fault["type"]))
    return RecordRejected(code, faults[0][0], faults=faults)
