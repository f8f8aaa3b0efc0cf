"""What Splink said of the parts of patterns met so far: it is asked once, not once a night.

A level is a function of what a comparison looks at and of the model, so what one run was told holds for the next. A
new model begins anew.
"""

import json
from hashlib import blake2b

from sqlalchemy import Connection, Engine, insert, select, update

from linkage.patterns import COMPARED
from linkage.scoring import CONDITIONS, Known, Model
from schemas.tables import setting

_SETTING = "linkage.levels"


def recall(connection: Connection, model: Model) -> Known | None:
    """Give what is known under this model, for a ``Scorer``."""
    text = connection.execute(select(setting.c.value).where(setting.c.name == _SETTING)).scalar()
    found = json.loads(text or "{}")
    if found.get("make") != _make(model):
        return None
    return {name: dict(levels) for name, levels in found["levels"].items()}


def remember(engine: Engine, model: Model, known: Known) -> None:
    """Keep it for the next run."""
    levels = {name: sorted(levels.items()) for name, levels in known.items()}
    value = json.dumps({"make": _make(model), "levels": levels}, separators=(",", ":"))
    with engine.begin() as connection:
        here = setting.c.name == _SETTING
        if not connection.execute(update(setting).where(here).values(value=value)).rowcount:
            connection.execute(insert(setting).values(name=_SETTING, value=value))


def _make(model: Model) -> str:
    """Name what levels follow from: the model, its questions and how patterns are numbered."""
    return blake2b(repr((model, CONDITIONS, COMPARED)).encode(), digest_size=8).hexdigest()
