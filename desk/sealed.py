"""Open sealed identities, addresses and notes: after the decision, in one batch, for one answer.

Callers name exactly the mention versions and parts the decision allows; nothing else is opened, and what was
opened lives as long as the answer is being made.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, text

from privacy.keyring import Keyring
from privacy.sealing import open_sealed
from schemas.sealed_parts import read_part

TABLE = "mention_version"
_ROWS = text(
    "SELECT v.version_id, v.mention_id, v.identity, v.address, v.notes, k.wrapped, k.kek_version,"
    " r.source_id, r.key_token, m.role, m.seq"
    " FROM mention_version v JOIN mention m ON m.mention_id = v.mention_id"
    " JOIN source_record r ON r.record_id = m.record_id JOIN data_key k ON k.mention_id = m.mention_id"
    " WHERE v.version_id IN :versions"
).bindparams(bindparam("versions", expanding=True))

Opened = dict[tuple[int, str], dict[str, Any]]
"""(mention id, part) → what was sealed, by field."""


def open_parts(conn: Connection, keyring: Keyring, wanted: Iterable[tuple[int, str]]) -> Opened:
    """Open (version id, part) pairs; a part that was never delivered, or whose key is destroyed, is absent."""
    parts: dict[int, list[str]] = {}
    for version, part in wanted:
        parts.setdefault(version, []).append(part)
    opened: Opened = {}
    if not parts:
        return opened
    for row in conn.execute(_ROWS, {"versions": sorted(parts)}).mappings():
        data_key = keyring.unwrap(row["wrapped"], row["kek_version"])
        place = f"{row['source_id']}/{row['key_token']}/{row['role']}/{row['seq']}"
        for part in parts[row["version_id"]]:
            if row[part] is not None:
                content = open_sealed(data_key, row[part], table=TABLE, row=place, field=part)
                opened[row["mention_id"], part] = read_part(part, content)
    return opened
