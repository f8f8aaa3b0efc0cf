"""The statements that make a generation, for SQLite and PostgreSQL alike; each works on a whole set at once.

Temporary tables of one connection: ``t_person`` (affected persons, numbered), ``t_near`` (they and whoever shares a
household with them), ``t_case`` (those of them with an open case), ``t_known`` (affected persons that are published),
``t_late`` (mentions whose changed address must wait, and the version whose address is shown meanwhile).
"""

from schemas.tables import FACT_COLUMNS, GENERATION_OPEN, SEARCH_KINDS

OPEN = GENERATION_OPEN
VIEWS = ("view_mention", "view_member", "view_fact", "view_search")
PLACES = ("town_lot", "phone")
"""Search kinds that tell where somebody is."""

TEMPORARY = {
    "t_person": "n INTEGER PRIMARY KEY, person_id BIGINT NOT NULL",
    "t_near": "person_id BIGINT PRIMARY KEY",
    "t_case": "person_id BIGINT PRIMARY KEY",
    "t_known": "person_id BIGINT PRIMARY KEY",
    "t_late": "mention_id BIGINT PRIMARY KEY, address_version BIGINT NOT NULL",
}

LATE = """
INSERT INTO t_late
SELECT m.mention_id, COALESCE(w.address_version, 0)
FROM touched u
JOIN mention m ON m.mention_id = u.mention_id
JOIN source_record r ON r.record_id = m.record_id
JOIN (
    SELECT s.source_id FROM source s
    JOIN (SELECT source_id, MAX(SUBSTR(as_of, 1, 10)) AS as_of FROM delivery WHERE status = 'applied'
          GROUP BY source_id) d ON d.source_id = s.source_id
    WHERE s.carries_address = 1 AND s.protects = 0
      AND EXISTS (SELECT 1 FROM source p WHERE p.protects = 1)
      AND d.as_of > COALESCE((SELECT MAX(SUBSTR(x.as_of, 1, 10)) FROM delivery x JOIN source p
                              ON p.source_id = x.source_id AND p.protects = 1 WHERE x.status = 'applied'), '')
) late ON late.source_id = r.source_id
LEFT JOIN view_mention w ON w.mention_id = m.mention_id AND w.g_from <= :g AND w.g_to > :g
WHERE w.address_version IS NULL OR w.address_version <> m.version_id
"""

LATE_COUNT = """
SELECT COUNT(*) FROM t_late l
JOIN person_mention pm ON pm.mention_id = l.mention_id JOIN t_known k ON k.person_id = pm.person_id
"""
"""Late mentions of persons that are published; those of others show no address anyway."""

AFFECTED = """
INSERT INTO t_person
SELECT ROW_NUMBER() OVER (ORDER BY person_id), person_id FROM (
    WITH changed AS (
        SELECT pm.person_id FROM touched u JOIN person_mention pm ON pm.mention_id = u.mention_id
        UNION
        SELECT v.person_id FROM touched u JOIN view_mention v ON v.mention_id = u.mention_id
        WHERE v.g_from <= :g AND v.g_to > :g
    )
    SELECT person_id FROM changed
    UNION
    SELECT b.person_id FROM changed c
    JOIN membership a ON a.person_id = c.person_id JOIN membership b ON b.household_id = a.household_id
    UNION
    SELECT b.person_id FROM changed c
    JOIN view_member a ON a.person_id = c.person_id AND a.g_from <= :g AND a.g_to > :g
    JOIN view_member b ON b.household_id = a.household_id AND b.g_from <= :g AND b.g_to > :g
) found
"""

NEAR = """
INSERT INTO t_near
SELECT person_id FROM t_person
UNION
SELECT b.person_id FROM t_person t
JOIN membership a ON a.person_id = t.person_id JOIN membership b ON b.household_id = a.household_id
"""

CASES = """
INSERT INTO t_case
SELECT DISTINCT n.person_id FROM t_near n
JOIN person_mention pm ON pm.person_id = n.person_id
JOIN mention m ON m.mention_id = pm.mention_id
JOIN source_record r ON r.record_id = m.record_id
JOIN source s ON s.source_id = r.source_id
WHERE s.population = 'all' AND r.deleted = 0 AND r.history = 0 AND r.closed_as_of IS NULL
"""

KNOWN = """
INSERT INTO t_known
SELECT t.person_id FROM t_person t JOIN t_case c ON c.person_id = t.person_id
UNION
SELECT t.person_id FROM t_case c
JOIN membership a ON a.person_id = c.person_id
JOIN membership b ON b.household_id = a.household_id
JOIN t_person t ON t.person_id = b.person_id
"""

CARRIED = (
    """
INSERT INTO view_member (g_from, g_to, household_id, person_id, kind, state, relation, evidence, valid_from, valid_to)
SELECT DISTINCT :next, :next, b.household_id, moved.person_id, b.kind, '', '', '', '', ''
FROM (
    SELECT DISTINCT v.person_id AS before_id, pm.person_id FROM t_person t
    JOIN view_mention v ON v.person_id = t.person_id AND v.g_from <= :g AND v.g_to > :g
    JOIN person_mention pm ON pm.mention_id = v.mention_id AND pm.person_id <> v.person_id
) moved
JOIN view_member b ON b.person_id = moved.before_id
WHERE NOT EXISTS (
    SELECT 1 FROM view_member x WHERE x.household_id = b.household_id AND x.person_id = moved.person_id
)
""",
    """
INSERT INTO view_member (g_from, g_to, household_id, person_id, kind, state, relation, evidence, valid_from, valid_to)
SELECT DISTINCT :next, :next, h.retired_to, b.person_id, b.kind, '', '', '', '', ''
FROM household h JOIN view_member b ON b.household_id = h.household_id
WHERE h.retired_to > 0 AND NOT EXISTS (
    SELECT 1 FROM view_member x WHERE x.household_id = h.retired_to AND x.person_id = b.person_id
)
""",
)
"""Who ever lived where follows a person and a household to their new ids: rows that no generation shows, for
protection orders go by them."""

END = (
    "UPDATE {view} SET g_to = :next WHERE g_to = :open AND person_id IN"
    " (SELECT person_id FROM t_person WHERE n BETWEEN :first AND :last)"
)

_SHOWN = """
    FROM t_person t
    JOIN t_known k ON k.person_id = t.person_id
    JOIN person_mention pm ON pm.person_id = t.person_id
    JOIN mention m ON m.mention_id = pm.mention_id
    JOIN source_record r ON r.record_id = m.record_id AND r.deleted = 0
"""

MENTIONS = f"""
INSERT INTO view_mention (g_from, g_to, mention_id, person_id, role, source_id, agency_id, programme, sensitive,
    identity_version, address_version, birth_year, birth_month, sex, town, as_of, closed)
SELECT :next, :open, m.mention_id, pm.person_id, m.role, r.source_id, s.agency_id, s.programme, s.sensitive,
    m.version_id, COALESCE(l.address_version, m.version_id), v.birth_year, v.birth_month, v.sex,
    COALESCE(w.town, ''), r.as_of, CASE WHEN r.closed_as_of IS NULL AND r.history = 0 THEN 0 ELSE 1 END
{_SHOWN}
    JOIN source s ON s.source_id = r.source_id
    JOIN mention_version v ON v.version_id = m.version_id
    LEFT JOIN t_late l ON l.mention_id = m.mention_id
    LEFT JOIN mention_version w ON w.version_id = COALESCE(l.address_version, m.version_id)
WHERE t.n BETWEEN :first AND :last
"""

_LATE_BLANK = {
    "detail": "CASE WHEN l.mention_id IS NULL THEN f.detail ELSE '{}' END",
    "agency_id": "CASE WHEN l.mention_id IS NULL THEN f.agency_id ELSE '' END",
}
"""What of a fact may name a place (school, provider, office) stays out while its mention's address waits."""

FACTS = f"""
INSERT INTO view_fact (g_from, g_to, fact_id, person_id, mention_id, source_id, source_agency_id, as_of,
    {", ".join(FACT_COLUMNS)})
SELECT :next, :open, f.fact_id, pm.person_id, f.mention_id, r.source_id, s.agency_id, r.as_of,
    {", ".join(_LATE_BLANK.get(name, f"f.{name}") for name in FACT_COLUMNS)}
{_SHOWN}
    JOIN source s ON s.source_id = r.source_id
    JOIN fact f ON f.record_id = r.record_id AND f.mention_id = m.mention_id
    LEFT JOIN t_late l ON l.mention_id = m.mention_id
WHERE t.n BETWEEN :first AND :last AND (l.mention_id IS NULL OR f.category <> 'address')
"""

MEMBERS = """
INSERT INTO view_member (g_from, g_to, household_id, person_id, kind, state, relation, evidence, valid_from, valid_to)
SELECT :next, :open, b.household_id, b.person_id, h.kind, b.state, b.relation, b.evidence, b.valid_from, b.valid_to
FROM t_person t
JOIN t_known k ON k.person_id = t.person_id
JOIN membership b ON b.person_id = t.person_id
JOIN household h ON h.household_id = b.household_id
WHERE t.n BETWEEN :first AND :last
"""


def _search() -> str:
    columns = [f"{'w' if kind in PLACES else 'v'}.{kind}" for kind in SEARCH_KINDS]
    each = [
        f"SELECT {number} AS kind, {kind} AS token, person_id FROM base WHERE {kind} IS NOT NULL"
        for number, kind in enumerate(SEARCH_KINDS)
    ]
    numbers = " ".join(f"WHEN '{kind}' THEN {number}" for number, kind in enumerate(SEARCH_KINDS))
    listed = ", ".join(f"'{kind}'" for kind in SEARCH_KINDS)
    places = ", ".join(f"'{kind}'" for kind in PLACES)
    told = f"SELECT CASE a.kind {numbers} END AS kind, a.token, b.person_id FROM base b JOIN mention_alias a"
    alias = (
        f"{told} ON a.version_id = b.version_id WHERE a.kind IN ({listed}) AND a.kind NOT IN ({places})",
        f"{told} ON a.version_id = b.shown WHERE a.kind IN ({places})",
    )
    return f"""
INSERT INTO view_search (g_from, g_to, kind, token, person_id)
WITH base AS MATERIALIZED (
    SELECT pm.person_id, m.version_id, COALESCE(l.address_version, m.version_id) AS shown, {", ".join(columns)}
{_SHOWN}
    JOIN mention_version v ON v.version_id = m.version_id
    LEFT JOIN t_late l ON l.mention_id = m.mention_id
    LEFT JOIN mention_version w ON w.version_id = COALESCE(l.address_version, m.version_id)
    WHERE t.n BETWEEN :first AND :last
)
SELECT :next, :open, kind, token, person_id FROM (
    {" UNION ".join((*each, *alias))}
) found
"""


SEARCH = _search()
WRITTEN = (MENTIONS, FACTS, MEMBERS, SEARCH)

SOURCES_END = """
UPDATE view_source SET g_to = :next WHERE g_to = :open
"""
SOURCES = """
INSERT INTO view_source (g_from, g_to, source_id, agency_id, programme, as_of)
SELECT :next, :open, s.source_id, s.agency_id, s.programme, COALESCE(MAX(SUBSTR(d.as_of, 1, 10)), '')
FROM source s LEFT JOIN delivery d ON d.source_id = s.source_id AND d.status = 'applied'
GROUP BY s.source_id, s.agency_id, s.programme
"""

OLD_VERSIONS = """
SELECT v.version_id FROM touched u JOIN mention_version v ON v.mention_id = u.mention_id
LEFT JOIN mention m ON m.mention_id = v.mention_id
WHERE (m.mention_id IS NULL OR v.version_id <> m.version_id)
  AND NOT EXISTS (SELECT 1 FROM t_late l WHERE l.mention_id = v.mention_id AND l.address_version = v.version_id)
"""
