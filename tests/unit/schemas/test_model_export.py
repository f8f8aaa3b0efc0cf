"""The exported JSON Schema is what the models say, and stands in the repository."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.model import MODELS
from schemas.model.export import VERSION, export, schema_name, schema_of
from schemas.vocabulary import Category

STANDING = Path(__file__).parents[3] / "schemas" / "json"
VALUE_TYPES = {"PersonName", "Address", "Identifier", "PartialDate"}
"""They take the category of the field that holds them."""


def test_the_standing_schemas_are_the_models(tmp_path):
    written = {path.name: path.read_bytes() for path in export(tmp_path)}
    standing = {path.name: path.read_bytes() for path in STANDING.glob("*")}
    assert standing == written, "run: python -m schemas.model.export schemas/json"


def test_the_command_writes_the_same(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "schemas.model.export", str(tmp_path)], capture_output=True, check=True, text=True
    )
    assert len(done.stdout.splitlines()) == len(MODELS)
    assert json.loads((tmp_path / "mention.schema.json").read_text("utf-8"))["version"] == VERSION


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_property_has_its_category(model):
    schema = schema_of(model)
    assert schema["$id"] == f"urn:musubi:schema:{schema_name(model)}:{VERSION}"
    assert schema["additionalProperties"] is False
    known = {category.value for category in Category}
    bodies = {model.__name__: schema, **schema.get("$defs", {})}
    for name, body in bodies.items():
        if name in VALUE_TYPES:
            assert body["additionalProperties"] is False
            continue
        for field, told in body.get("properties", {}).items():
            assert told["x-musubi-category"] in known, f"{name}.{field}"
