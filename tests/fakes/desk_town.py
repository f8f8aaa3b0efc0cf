"""A few invented people in a real store: sealed under real keys, tokens minted, one generation published by hand.

The household of family A (ill mother, husband, daughter), an unrelated couple on public assistance, and a woman
under address protection with her child, whose former partner is a client of the care department.
"""

from dataclasses import dataclass, field
from itertools import count, groupby
from pathlib import Path
from struct import pack

from sqlalchemy import Engine

from linkage.keys import mention_keys
from privacy.keyring import Keyring, create_keyring
from privacy.sealing import new_data_key, seal
from privacy.tokens import TokenMinter
from schemas import tables
from schemas.drafts import MentionDraft
from schemas.sealed_parts import written_identity, written_notes, written_whereabouts
from schemas.search import part_of
from schemas.store import migrate, open_store
from schemas.tables import GENERATION_OPEN, SEARCH_KINDS
from schemas.values.addresses import parse_address
from schemas.values.dates import parse_date
from schemas.values.names import PersonName
from schemas.vocabulary import MentionRole
from schemas.workspace import Workspace

AGENCIES = """
[[agency]]
id = "desk"
name = "福祉まるごと相談窓口"
name_en = "Integrated desk"
kind = "municipal_department"
contact = "内線 1001"
integrated_desk = true
[[agency]]
id = "kaigo"
name = "介護保険課"
name_en = "Long-term Care Insurance Division"
kind = "municipal_department"
contact = "内線 2101"
[[agency]]
id = "byoin"
name = "市民病院"
name_en = "City Hospital"
kind = "medical"
contact = "医療福祉相談室 03-0000-0001"
[[agency]]
id = "gakko"
name = "教育委員会"
name_en = "Board of Education"
kind = "education"
contact = "学校教育課"
[[agency]]
id = "seiho"
name = "生活福祉課"
name_en = "Public Assistance Division"
kind = "municipal_department"
contact = "内線 3101"
[[agency]]
id = "shimin"
name = "市民課"
kind = "municipal_department"
[[staff]]
id = "desk-1"
agency = "desk"
role = "desk_worker"
[[staff]]
id = "kaigo-1"
agency = "kaigo"
role = "agency_worker"
[[staff]]
id = "kaigo-2"
agency = "kaigo"
role = "agency_worker"
[[staff]]
id = "ops-1"
agency = "desk"
role = "operator"
"""
SOURCES = {
    "ledger": ("shimin", "register", 0),
    "care_ledger": ("kaigo", "elderly", 0),
    "hospital": ("byoin", "medical", 0),
    "school": ("gakko", "education", 0),
    "desk_intake": ("desk", "integrated", 0),
    "seiho": ("seiho", "poverty", 1),
    "protection": ("shimin", "protection", 1),
}
AS_OF = "2026-11-01"


@dataclass
class Town:
    """The store, its keys and workspace; ``people`` maps a given name to the person id."""

    root: Path
    engine: Engine
    keyring: Keyring
    workspace: Workspace
    people: dict[str, int] = field(default_factory=dict)
    _ids: count = field(default_factory=lambda: count(1))
    _rows: list = field(default_factory=list)
    _facts: count = field(default_factory=lambda: count(1))
    _found: set = field(default_factory=set)

    def insert(self, table, **values):
        self._rows.append((getattr(tables, table), values))

    def write(self):
        """Write everything delivered so far in one transaction."""
        for part, entries in groupby(sorted(self._found), key=lambda entry: part_of(entry[0])):
            tokens, kinds, persons = zip(*entries, strict=True)
            packed = pack(f"<{len(tokens)}q{len(tokens)}q", *tokens, *persons) + bytes(kinds)
            self.publish("view_search", part=part, entries=packed)
        self._found.clear()
        with self.engine.begin() as conn:
            for table, values in self._rows:
                conn.execute(table.insert().values(**values))
        self._rows.clear()

    def publish(self, table, **values):
        self.insert(table, **values, g_from=1, g_to=GENERATION_OPEN)

    def person(self, key):
        if key not in self.people:
            self.people[key] = len(self.people) + 1
            self.insert("person", person_id=self.people[key])
        return self.people[key]

    def mention(
        self, key, source, name, *, kana="", birth="", address="", phone="", role="subject", sex="", notes=()
    ):
        """Deliver one mention of a person and publish it; return (mention id, record id)."""
        person_id, mention_id = self.person(key), next(self._ids)
        record_id, version, key_token = mention_id + 1000, mention_id + 2000, mention_id + 3000
        agency, programme, sensitive = SOURCES[source]
        draft = MentionDraft(
            role=MentionRole(role),
            names=(PersonName(full=name, kana=kana),),
            birth=parse_date(birth),
            addresses=(parse_address(address),) if address else (),
            phones=(phone,) if phone else (),
            notes=tuple(dict(notes).items()),
        )
        keys = mention_keys([draft]).tokens
        minter = TokenMinter(self.keyring)
        data_key = new_data_key()
        wrapped, kek = self.keyring.wrap(data_key)
        place = f"{source}/{key_token}/{role}/0"

        def sealed(part, content):
            return seal(data_key, content, table="mention_version", row=place, field=part)

        self.insert(
            "source_record",
            record_id=record_id,
            source_id=source,
            key_token=key_token,
            as_of="",
            digest=0,
            delivery_id=1,
            line=1,
        )
        self.insert("mention", mention_id=mention_id, record_id=record_id, role=role, seq=0, version_id=version)
        self.insert("data_key", mention_id=mention_id, wrapped=wrapped, kek_version=kek)
        town = draft.addresses[0].town if draft.addresses else ""
        self.insert(
            "mention_version",
            version_id=version,
            mention_id=mention_id,
            source_id=source,
            birth_year=draft.birth.year,
            birth_month=draft.birth.month,
            sex=sex,
            town=town,
            key_version=1,
            identity=sealed("identity", written_identity(draft, str(record_id))),
            address=sealed("address", written_whereabouts(draft)),
            notes=sealed("notes", written_notes(draft)) if notes else None,
        )
        self.insert("person_mention", mention_id=mention_id, person_id=person_id)
        self.publish(
            "view_mention",
            mention_id=mention_id,
            person_id=person_id,
            role=role,
            source_id=source,
            agency_id=agency,
            programme=programme,
            sensitive=sensitive,
            identity_version=version,
            address_version=version,
            birth_year=draft.birth.year,
            birth_month=draft.birth.month,
            sex=sex,
            town=town,
            as_of="",
            closed=0,
        )
        for kind, (value,) in keys.items():
            if value and kind in SEARCH_KINDS:
                number, token = SEARCH_KINDS.index(kind), minter.one(kind, value)
                self._found.add((token, number, person_id))
        return mention_id, record_id

    def fact(self, key, mention_id, source, kind, category, code, **more):
        given = {"level": "", "status": "", "valid_from": "2026-04-15", "valid_to": "", "agency_id": ""}
        agency, programme, _sensitive = SOURCES[source]
        self.publish(
            "view_fact",
            fact_id=next(self._facts),
            person_id=self.people[key],
            mention_id=mention_id,
            source_id=source,
            source_agency_id=agency,
            as_of="",
            kind=kind,
            category=category,
            programme=programme,
            code=code,
            other_mention_id=None,
            **{**given, "detail": "{}", **more},
        )

    def household(self, number, **members):
        self.insert("household", household_id=number, kind="living")
        for key, (relation, state) in members.items():
            row = {"household_id": number, "person_id": self.people[key], "state": state, "relation": relation}
            span = {"evidence": "register+dwelling", "valid_from": "2020-04-01", "valid_to": ""}
            self.insert("membership", **row, **span)
            self.publish("view_member", kind="living", **row, **span)

    def consent(self, mention_id, record_id, *, agency="desk", tiers=None, purpose="consultation", decision="permit"):
        wanted = tiers or {"identity": 3, "membership": 3, "participation": 3, "assessment": 3}
        for category, tier in wanted.items():
            self.insert(
                "consent",
                consent_id=next(self._ids),
                record_id=record_id,
                mention_id=mention_id,
                consent_token=mention_id,
                decision=decision,
                agency_id=agency,
                category=category,
                tier=tier,
                purpose=purpose,
                valid_from="2026-06-01",
                valid_to="",
                given_by="self",
                recorded_at="2026-06-01T00:00:00Z",
            )


def build_town(root: Path, url: str = "") -> Town:
    """Make the workspace with everybody in it."""
    (root / "musubi.toml").write_text('[site]\nname = "結市"\nmunicipality_code = "132993"\n', "utf-8")
    (root / "agencies.toml").write_text(AGENCIES, "utf-8")
    workspace = Workspace.open(root)
    engine = open_store(url or workspace.store_url)
    migrate(engine)
    town = Town(root, engine, create_keyring(workspace.keys, None), workspace)
    for source, (agency, programme, sensitive) in SOURCES.items():
        protects = int(programme == "protection")
        row = {"source_id": source, "agency_id": agency, "programme": programme}
        town.insert("source", **row, sensitive=sensitive, population="all", carries_address=1, protects=protects)
        town.publish("view_source", **row, as_of=AS_OF)
    _family_a(town)
    _others(town)
    town.insert("setting", name="generation", value="1")
    town.write()
    return town


def _family_a(town: Town) -> None:
    home = "青葉町二丁目3番4号"
    for key, name, kana, birth, sex in (
        ("mother", "結城　幸子", "ユウキ　サチコ", "1986-03-05", "2"),
        ("husband", "結城　健一", "ユウキ　ケンイチ", "1986-07-20", "1"),
        ("daughter", "結城　芽衣", "ユウキ　メイ", "2016-05-09", "2"),
    ):
        town.mention(key, "ledger", name, kana=kana, birth=birth, address=home, sex=sex)
    ill, _ = town.mention(
        "mother", "hospital", "結城幸子", kana="ﾕｳｷ ｻﾁｺ", birth="1986-03-05", phone="090-1234-5678", sex="2"
    )
    town.fact("mother", ill, "hospital", "service_use", "participation", "hospital", valid_to="2026-10-20")
    town.fact("mother", ill, "hospital", "need", "assessment", "illness")
    school, _ = town.mention(
        "daughter", "school", "結城 芽衣", birth="2016-05-09", notes=(("所見", "朝起きられない"),)
    )
    town.fact("daughter", school, "school", "need", "assessment", "school_absence", detail='{"days": "14"}')
    intake = {"kana": "ユウキ サチコ", "birth": "1986-03-05", "address": home, "phone": "090-1234-5678"}
    mine, record = town.mention("mother", "desk_intake", "結城 幸子", notes=(("相談内容", "家事が難しい"),), **intake)
    town.fact("mother", mine, "desk_intake", "wish", "assessment", "rest")
    town.consent(mine, record)
    his, his_record = town.mention("husband", "desk_intake", "結城 健一", birth="1986-07-20", role="subject")
    town.fact("husband", his, "desk_intake", "need", "assessment", "care_burden")
    town.consent(his, his_record)
    town.household(1, mother=("12", "present"), husband=("02", "present"), daughter=("20", "present"))


def _others(town: Town) -> None:
    place = "緑町一丁目1番1号"
    town.mention("poor", "ledger", "佐藤　太郎", kana="サトウ　タロウ", birth="1970-01-02", address=place)
    aid, _ = town.mention("poor", "seiho", "佐藤 太郎", birth="1970-01-02")
    town.fact("poor", aid, "seiho", "enrolment", "participation", "public_assistance")
    her = {"kana": "モリ ユイ", "birth": "1990-08-08", "address": "新町三丁目5番6号", "phone": "080-9999-0000"}
    town.mention("hidden", "ledger", "森　結衣", **her)
    order, order_record = town.mention("hidden", "protection", "森　結衣", birth="1990-08-08")
    town.mention("child", "ledger", "森　空", birth="2018-02-03", address=her["address"])
    beside, _ = town.mention("child", "protection", "森　空", birth="2018-02-03", role="co_protected")
    town.mention("partner", "ledger", "森　剛", birth="1988-09-09", address="旭町四丁目7番8号")
    town.mention("partner", "care_ledger", "森 剛", birth="1988-09-09")
    against, _ = town.mention("partner", "protection", "森　剛", birth="1988-09-09", role="opponent")
    town.insert(
        "protection",
        protection_id=1,
        record_id=order_record,
        mention_id=order,
        kind="domestic_violence",
        valid_from="2025-01-01",
        valid_to="2026-01-01",
        lifted=0,
        opponent_known=1,
    )
    town.insert("protection_party", protection_id=1, mention_id=against, part="against")
    town.insert("protection_party", protection_id=1, mention_id=beside, part="with")
    town.household(2, hidden=("12", "present"), child=("20", "present"), partner=("02", "present"))
