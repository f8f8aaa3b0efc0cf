"""The glossary names everything the model and its vocabularies name; the model's page names every model."""

import re
from pathlib import Path

from schemas.fhir import KINDS
from schemas.model import MODELS, Model
from schemas.vocabulary import Category, MentionRole, Programme, Purpose, Tier

DOCS = Path(__file__).parents[3] / "docs"


def subclasses(model: type[Model]) -> set[type[Model]]:
    found = {one for one in model.__subclasses__() if one.__module__.startswith("schemas.model.")}
    return found.union(*(subclasses(one) for one in found))


def test_the_glossary_names_everything_once():
    rows = re.findall(
        r"^\| ([A-Za-z_]+(?: [a-z ]+)?) \| (\S.*?) \| (\S.*?) \|$",
        (DOCS / "glossary.md").read_text("utf-8"),
        re.MULTILINE,
    )
    named = [row[0] for row in rows if row[0] != "identifier"]
    wanted = {model.__name__ for model in subclasses(Model)} - {"Graded"}
    for vocabulary in (Category, MentionRole, Programme, Purpose):
        wanted |= {member.value for member in vocabulary}
    wanted |= {tier.name.lower() for tier in Tier}
    assert wanted <= set(named)
    models = [name for name in named if name[0].isupper()]
    assert sorted(models) == sorted({model.__name__ for model in subclasses(Model)} - {"Graded"})


def test_the_page_of_the_model_names_every_model_and_resource():
    page = (DOCS / "model.md").read_text("utf-8")
    assert [model.__name__ for model in MODELS if not re.search(rf"\b{model.__name__}s?\b", page)] == []
    assert [kind for kind in KINDS if not re.search(rf"\b{kind}\b", page)] == []
    assert [category.value for category in Category if f"`{category.value}`" not in page] == []
