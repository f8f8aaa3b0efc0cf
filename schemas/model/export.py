"""Export the model as JSON Schema 2020-12: ``python -m schemas.model.export DIR``.

One file per model, self-contained and deterministic. A property carries its data category as ``x-musubi-category``;
a row with a category of its own (property ``category``) is decided by that one, as ``docs/model.md`` says.
"""

import json
import sys
from pathlib import Path
from typing import Any

from schemas.model import MODELS, Model

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VERSION = "1.0.0"
"""Of the model: the first number moves when a field goes or changes its meaning, the second when one comes."""


def schema_name(model: type[Model]) -> str:
    """Give the name a model has outside: ``SourceRecord`` is ``source-record``."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in model.__name__)[1:]


def schema_of(model: type[Model]) -> dict[str, Any]:
    """Give the JSON Schema of one model."""
    head = {"$schema": DIALECT, "$id": f"urn:musubi:schema:{schema_name(model)}:{VERSION}", "version": VERSION}
    return head | model.model_json_schema(mode="validation")


def export(directory: Path) -> list[Path]:
    """Write every schema; give the files, in the order of the model."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for model in MODELS:
        path = directory / f"{schema_name(model)}.schema.json"
        path.write_text(json.dumps(schema_of(model), ensure_ascii=False, indent=2) + "\n", "utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m schemas.model.export DIR")
    for exported in export(Path(sys.argv[1])):
        sys.stdout.write(f"{exported}\n")
