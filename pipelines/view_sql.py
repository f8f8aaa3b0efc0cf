"""The statements that make a generation, for SQLite and PostgreSQL alike; each works on a whole set at once.

Temporary tables of one connection: ``t_changed`` (persons whose own mentions changed), ``t_affected`` (they and
whoever shares or shared a household with them, numbered: their memberships are written anew), ``t_near`` (they and
their households), ``t_case`` (those of them with an open case), ``t_known`` (affected persons that are published),
``t_anew`` (what is written anew, numbered: in the first generation persons, later mentions), ``t_late`` (mentions
whose changed address must wait, and the version whose address is shown meanwhile). ``CROSS JOIN`` tells SQLite to
begin with the few rows.
"""

from schemas.tables import FACT_COLUMNS, GENERATION_OPEN

OPEN = GENERATION_OPEN

TEMPORARY = {
    "t_changed": "person_id {id} PRIMARY KEY",
    "t_affected": "n INTEGER PRIMARY KEY, person_id {id} NOT NULL",
    "t_near": "person_id {id} PRIMARY KEY",
    "t_case": "person_id {id} PRIMARY KEY",
    "t_known": "person_id {id} PRIMARY KEY",
    "t_anew": "n INTEGER PRIMARY KEY, id {id} NOT NULL",
    "t_late": "mention_id {id} PRIMARY KEY, address_version BIGINT NOT NULL",
}
ID = {"sqlite": "INTEGER", "postgresql": "BIGINT"}
"""The type of an id that is a table's key; SQLite needs no index beside it."""

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
      AND d.as_of > COALESCE((
        SELECT MAX(SUBSTR(x.as_of, 1, 10)) FROM delivery x
        JOIN source p ON p.source_id = x.source_id AND p.protects = 1
        WHERE x.status = 'applied' AND NOT EXISTS (
            SELECT 1 FROM quarantine q WHERE q.delivery_id = x.delivery_id AND q.state = 'waiting')), '')
) late ON late.source_id = r.source_id
LEFT JOIN view_mention w ON w.mention_id = m.mention_id AND w.g_from <= :g AND w.g_to > :g
WHERE w.address_version IS NULL OR w.address_version <> m.version_id
"""

"""A protection feed of which rows wait in quarantine has not come: nobody knows whom they protect."""

LATE_COUNT = """
SELECT COUNT(*) FROM t_late l
JOIN person_mention pm ON pm.mention_id = l.mention_id JOIN t_known k ON k.person_id = pm.person_id
"""
"""Late mentions of persons that are published; those of others show no address anyway."""

CHANGED = """
INSERT INTO t_changed
SELECT pm.person_id FROM touched u CROSS JOIN person_mention pm WHERE pm.mention_id = u.mention_id
UNION
SELECT v.person_id FROM touched u CROSS JOIN view_mention v
WHERE v.mention_id = u.mention_id AND v.g_from <= :g AND v.g_to > :g
"""

AFFECTED = """
INSERT INTO t_affected
SELECT ROW_NUMBER() OVER (ORDER BY person_id), person_id FROM (
    SELECT person_id FROM t_changed
    UNION
    SELECT b.person_id FROM t_changed c CROSS JOIN membership a CROSS JOIN membership b
    WHERE a.person_id = c.person_id AND b.household_id = a.household_id
    UNION
    SELECT b.person_id FROM t_changed c CROSS JOIN view_member a CROSS JOIN view_member b
    WHERE a.person_id = c.person_id AND b.household_id = a.household_id
      AND a.g_from <= :g AND a.g_to > :g AND b.g_from <= :g AND b.g_to > :g
) found
"""

NEAR = """
INSERT INTO t_near
SELECT person_id FROM t_affected
UNION
SELECT b.person_id FROM t_affected t CROSS JOIN membership a CROSS JOIN membership b
WHERE a.person_id = t.person_id AND b.household_id = a.household_id
"""

_OPEN_CASE = """
s.population = 'all' AND r.source_id = s.source_id AND r.deleted = 0 AND r.history = 0 AND r.closed_as_of IS NULL
"""

CASES = f"""
INSERT INTO t_case
SELECT DISTINCT n.person_id
FROM t_near n CROSS JOIN person_mention pm CROSS JOIN mention m CROSS JOIN source_record r CROSS JOIN source s
WHERE pm.person_id = n.person_id AND m.mention_id = pm.mention_id AND r.record_id = m.record_id AND {_OPEN_CASE}
"""

KNOWN = """
INSERT INTO t_known
SELECT t.person_id FROM t_affected t JOIN t_case c ON c.person_id = t.person_id
UNION
SELECT t.person_id FROM t_case c CROSS JOIN membership a CROSS JOIN membership b CROSS JOIN t_affected t
WHERE a.person_id = c.person_id AND b.household_id = a.household_id AND t.person_id = b.person_id
"""

ANEW = """
INSERT INTO t_anew
WITH turned AS (
    SELECT t.person_id FROM t_affected t LEFT JOIN t_known k ON k.person_id = t.person_id
    WHERE (k.person_id IS NULL) = EXISTS (
        SELECT 1 FROM view_mention v WHERE v.person_id = t.person_id AND v.g_from <= :g AND v.g_to > :g)
)
SELECT ROW_NUMBER() OVER (ORDER BY mention_id), mention_id FROM (
    SELECT mention_id FROM touched
    UNION
    SELECT pm.mention_id FROM turned t CROSS JOIN person_mention pm WHERE pm.person_id = t.person_id
    UNION
    SELECT v.mention_id FROM turned t CROSS JOIN view_mention v
    WHERE v.person_id = t.person_id AND v.g_from <= :g AND v.g_to > :g
) found
"""
"""What changed, and everything of persons whose household opened its first case or closed its last."""

FIRST = (
    """
INSERT INTO t_anew
SELECT ROW_NUMBER() OVER (ORDER BY person_id), person_id FROM (SELECT DISTINCT person_id FROM person_mention) found
""",
    "INSERT INTO t_affected SELECT n, id FROM t_anew",
    "CREATE INDEX ix_t_affected ON t_affected (person_id)",
    f"""
INSERT INTO t_case
SELECT DISTINCT pm.person_id
FROM mention m CROSS JOIN source_record r CROSS JOIN source s CROSS JOIN person_mention pm
WHERE r.record_id = m.record_id AND pm.mention_id = m.mention_id AND {_OPEN_CASE}
""",
    KNOWN,
)
"""The first generation is about everybody: read in the order in which it is stored, nothing asked per person."""

NEXT = (CHANGED, AFFECTED, "CREATE INDEX ix_t_affected ON t_affected (person_id)", NEAR, CASES, KNOWN, ANEW)

CARRIED = (
    """
INSERT INTO view_member (g_from, g_to, household_id, person_id, kind, state, relation, evidence, valid_from, valid_to)
SELECT DISTINCT :next, :next, b.household_id, moved.person_id, b.kind, '', '', '', '', ''
FROM (
    SELECT DISTINCT v.person_id AS before_id, pm.person_id
    FROM t_affected t CROSS JOIN view_mention v CROSS JOIN person_mention pm
    WHERE v.person_id = t.person_id AND v.g_from <= :g AND v.g_to > :g
      AND pm.mention_id = v.mention_id AND pm.person_id <> v.person_id
) moved CROSS JOIN view_member b
WHERE b.person_id = moved.before_id AND NOT EXISTS (
    SELECT 1 FROM view_member x WHERE x.household_id = b.household_id AND x.person_id = moved.person_id
)
""",
    """
INSERT INTO view_member (g_from, g_to, household_id, person_id, kind, state, relation, evidence, valid_from, valid_to)
SELECT DISTINCT :next, :next, h.retired_to, b.person_id, b.kind, '', '', '', '', ''
FROM household h CROSS JOIN view_member b
WHERE h.retired_to > 0 AND b.household_id = h.household_id AND NOT EXISTS (
    SELECT 1 FROM view_member x WHERE x.household_id = h.retired_to AND x.person_id = b.person_id
)
""",
)
"""Who ever lived where follows a person and a household to their new ids: rows that no generation shows, for
protection orders go by them."""

_SPAN = "t.n BETWEEN :first AND :last"
END_MENTIONS = f"""
UPDATE view_mention SET g_to = :next
WHERE g_to = :open AND mention_id IN (SELECT t.id FROM t_anew t WHERE {_SPAN})
"""
END_FACTS = f"""
UPDATE view_fact SET g_to = :next
WHERE g_to = :open AND mention_id IN (SELECT t.id FROM t_anew t WHERE {_SPAN}) AND person_id IN (
    SELECT v.person_id FROM t_anew t CROSS JOIN view_mention v
    WHERE v.mention_id = t.id AND v.g_to = :next AND {_SPAN})
"""
"""Facts lie by person: by the one their mention was shown with."""
END_MEMBERS = f"""
UPDATE view_member SET g_to = :next
WHERE g_to = :open AND person_id IN (SELECT t.person_id FROM t_affected t WHERE {_SPAN})
"""

_MENTIONS = f"""
INSERT INTO view_mention (g_from, g_to, mention_id, person_id, role, source_id, agency_id, programme, sensitive,
    identity_version, address_version, birth_year, birth_month, sex, town, as_of, closed)
SELECT :next, :open, m.mention_id, pm.person_id, m.role, r.source_id, s.agency_id, s.programme, s.sensitive,
    m.version_id, COALESCE(l.address_version, m.version_id), v.birth_year, v.birth_month, v.sex,
    CASE WHEN l.mention_id IS NULL THEN v.town ELSE COALESCE(
        (SELECT w.town FROM mention_version w WHERE w.version_id = l.address_version), '') END,
    r.as_of, CASE WHEN r.closed_as_of IS NULL AND r.history = 0 THEN 0 ELSE 1 END
FROM t_anew t
JOIN person_mention pm ON pm.{{key}} = t.id
JOIN t_known k ON k.person_id = pm.person_id
JOIN mention m ON m.mention_id = pm.mention_id
JOIN source_record r ON r.record_id = m.record_id AND r.deleted = 0
JOIN source s ON s.source_id = r.source_id
JOIN mention_version v ON v.version_id = m.version_id
LEFT JOIN t_late l ON l.mention_id = m.mention_id
WHERE {_SPAN}
"""

_LATE_BLANK = {
    "detail": "CASE WHEN l.mention_id IS NULL THEN f.detail ELSE '{{}}' END",
    "agency_id": "CASE WHEN l.mention_id IS NULL THEN f.agency_id ELSE '' END",
}
"""What of a fact may name a place (school, provider, office) stays out while its mention's address waits."""

_FACTS = f"""
INSERT INTO view_fact (g_from, g_to, fact_id, person_id, mention_id, source_id, source_agency_id, as_of,
    {", ".join(FACT_COLUMNS)})
SELECT :next, :open, f.fact_id, v.person_id, f.mention_id, v.source_id, v.agency_id, v.as_of,
    {", ".join(_LATE_BLANK.get(name, f"f.{name}") for name in FACT_COLUMNS)}
FROM t_anew t
JOIN view_mention v ON v.{{key}} = t.id AND v.g_from = :next
JOIN mention m ON m.mention_id = v.mention_id
JOIN fact f ON f.record_id = m.record_id AND f.mention_id = m.mention_id
LEFT JOIN t_late l ON l.mention_id = m.mention_id
WHERE {_SPAN} AND (l.mention_id IS NULL OR f.category <> 'address')
"""

MEMBERS = f"""
INSERT INTO view_member (g_from, g_to, household_id, person_id, kind, state, relation, evidence, valid_from, valid_to)
SELECT :next, :open, b.household_id, b.person_id, h.kind, b.state, b.relation, b.evidence, b.valid_from, b.valid_to
FROM t_affected t
JOIN t_known k ON k.person_id = t.person_id
JOIN membership b ON b.person_id = t.person_id
JOIN household h ON h.household_id = b.household_id
WHERE {_SPAN}
"""

FIRST_WRITTEN = (
    ("t_anew", (_MENTIONS.format(key="person_id"),)),
    ("t_anew", (_FACTS.format(key="person_id"),)),
    ("t_affected", (MEMBERS,)),
)
"""How a view is written: the table that is gone through, the statements. Facts come after their mentions."""

NEXT_WRITTEN = (
    ("t_anew", (END_MENTIONS, _MENTIONS.format(key="mention_id"))),
    ("t_anew", (END_FACTS, _FACTS.format(key="mention_id"))),
    ("t_affected", (END_MEMBERS, MEMBERS)),
)

SOURCES_END = """
UPDATE view_source SET g_to = :next WHERE g_to = :open
"""
SOURCES = """
INSERT INTO view_source (g_from, g_to, source_id, agency_id, programme, as_of)
SELECT :next, :open, s.source_id, s.agency_id, s.programme, COALESCE(MAX(SUBSTR(d.as_of, 1, 10)), '')
FROM source s LEFT JOIN delivery d ON d.source_id = s.source_id AND d.status = 'applied'
GROUP BY s.source_id, s.agency_id, s.programme
"""

ALL_CURRENT = """
SELECT (SELECT COUNT(*) FROM mention_version) = (SELECT COUNT(*) FROM mention)
"""
"""As many versions as mentions: none is old."""

OLD_VERSIONS = """
SELECT v.version_id FROM touched u CROSS JOIN mention_version v LEFT JOIN mention m ON m.mention_id = v.mention_id
WHERE v.mention_id = u.mention_id AND (m.mention_id IS NULL OR v.version_id <> m.version_id)
  AND NOT EXISTS (SELECT 1 FROM t_late l WHERE l.mention_id = v.mention_id AND l.address_version = v.version_id)
"""
