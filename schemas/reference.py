"""Every key of a workspace's TOML files, written as tables from the models themselves; nothing is described twice.

``python -m schemas.reference docs/integrator.md`` writes them between the markers of that page.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas import source, workspace

BEGIN, END = "<!-- reference: begin -->", "<!-- reference: end -->"
FILES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("sources/*.toml", source.SourceDefinition),
    ("musubi.toml", workspace.WorkspaceFile),
    ("agencies.toml", workspace.Directory),
)
_PLAIN = {str: "text", bool: "true / false", int: "whole number", float: "number"}


def reference() -> str:
    """Write the reference of all files as Markdown."""
    return "\n\n".join(f"### `{name}`\n\n" + "\n\n".join(_tables(model)) for name, model in FILES)


def keys() -> Iterator[tuple[type[BaseModel], str, FieldInfo]]:
    """Give every key with the table it stands in."""
    for _, root in FILES:
        for _, model in _reached(root):
            for name, field in model.model_fields.items():
                yield model, field.alias or name, field


def description(model: type[BaseModel], key: str) -> str:
    """Give what the model says below a key, as one line."""
    found = _docstrings(inspect.getmodule(model))
    for base in model.__mro__:
        for name, field in model.model_fields.items():
            if key == (field.alias or name) and (base.__name__, name) in found:
                return found[base.__name__, name]
    return ""


def written(page: str) -> str:
    """Give a page with the reference between its markers."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{reference()}\n\n{END}{tail}"


def _tables(root: type[BaseModel]) -> Iterator[str]:
    for where, model in _reached(root):
        title = f"`[{where}]`" if where else "top of the file"
        told = inspect.cleandoc(model.__doc__ or "").splitlines()[0]
        lines = [f"#### {title}", told, "| key | value | unless said | what it does |\n|---|---|---|---|"]
        for name, field in model.model_fields.items():
            key = field.alias or name
            cells = (f"`{key}`", _kind(field.annotation), _default(field), description(model, key))
            lines[-1] += "\n| " + " | ".join(cell.replace("|", "\\|").replace("``", "`") for cell in cells) + " |"
        yield "\n\n".join(lines)


def _reached(root: type[BaseModel]) -> list[tuple[str, type[BaseModel]]]:
    """Give a file's tables in the order in which they are met, each once, with the name it is written under."""
    found: list[tuple[str, type[BaseModel]]] = []
    pending = [("", root)]
    while pending:
        where, model = pending.pop(0)
        if model in (known for _, known in found):
            continue
        found.append((where, model))
        for name, field in model.model_fields.items():
            key = f"{where}.{field.alias or name}" if where else field.alias or name
            several = _models(field.annotation)
            pending += [(f"{key}, kind = {_kind_of(one)}" if len(several) > 1 else key, one) for one in several]
    return found


def _kind_of(model: type[BaseModel]) -> str:
    return str(model.model_fields["kind"].default)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _kind(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(parts[0])
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_kind(part) for part in parts if part is not type(None)))
    if origin is tuple:
        return f"list of {_kind(parts[0])}"
    if origin is dict:
        return f"table of {_kind(parts[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    if isinstance(annotation, type) and hasattr(annotation, "__members__"):
        return ", ".join(f"`{one.value}`" for one in annotation)  # type: ignore[attr-defined]  # an enumeration
    return _PLAIN.get(annotation, "text")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value in ("", (), {}, None) or isinstance(value, BaseModel):
        return "—"
    shown = ", ".join(map(str, value)) if isinstance(value, tuple) else value
    return f"`{str(shown).lower() if isinstance(shown, bool) else shown}`"


def _docstrings(module: ModuleType | None) -> dict[tuple[str, str], str]:
    """Read the strings that stand below the fields of a module's classes."""
    found: dict[tuple[str, str], str] = {}
    for node in ast.parse(inspect.getsource(module)).body if module else ():
        if not isinstance(node, ast.ClassDef):
            continue
        for field, below in zip(node.body, node.body[1:], strict=False):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[node.name, name] = " ".join(text.split())
    return found


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(written(target.read_text("utf-8")), "utf-8")
