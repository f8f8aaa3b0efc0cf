"""Hypothesis strategies for models as sources make them: names of every kind, all date qualities, odd addresses."""

from hypothesis import strategies as st

from schemas.model import (
    Consent,
    Contact,
    Enrolment,
    Household,
    Membership,
    Mention,
    Origin,
    Person,
    Relationship,
    Scope,
)
from schemas.values.addresses import parse_address
from schemas.values.dates import PartialDate, parse_date
from schemas.values.identifiers import Identifier
from schemas.values.names import PersonName
from schemas.vocabulary import Category, MentionRole, Programme, Purpose, Tier

refs = st.text("0123456789abcdef", min_size=32, max_size=32)
codes = st.from_regex(r"[a-z0-9][a-z0-9_,]{0,11}", fullmatch=True)
maybe_codes = st.one_of(st.just(""), codes)
words = st.text("山田髙﨑邉𠮷葛󠄀々ヶ太郎花子ＡＢab'- 　", min_size=1, max_size=8).filter(str.strip)
readings = st.text("ヤマダタロウﾔﾏﾀﾞﾀﾛｳやまだたろうゐヴー゛ ", min_size=1, max_size=8).filter(
    lambda text: text.strip(" ゛")
)

whole_days = st.dates().map(lambda day: day.isoformat()).filter(lambda text: text >= "1868-01-25")
days = st.one_of(st.just(""), whole_days, whole_days.map(lambda day: day[:7]), whole_days.map(lambda day: day[:4]))


@st.composite
def spans(draw):
    """Two ends in order, open or partial."""
    first, last = sorted((draw(whole_days), draw(whole_days)))
    length = draw(st.sampled_from((10, 7, 4)))
    return draw(st.sampled_from(("", first[:length]))), draw(st.sampled_from(("", last[:length])))


@st.composite
def written_dates(draw):
    """Dates as registers write them: every era, partial, unknown, approximate, impossible."""
    era = draw(st.sampled_from(("明治", "大正", "昭和", "平成", "令和", "S", "H.", "")))
    year = draw(st.integers(1, 64)) if era else draw(st.integers(1868, 2026))
    month, day = draw(st.integers(0, 13)), draw(st.integers(0, 32))
    text = draw(
        st.sampled_from(
            (
                f"{era}{year}年{month}月{day}日",
                f"{era}{year}年{month}月",
                f"{era}{year}年頃",
                f"{era}{year}年",
                f"{era}{year}年{month}月日不詳",
                f"{era}{year}年2月29日",
                f"{year + 1900:04}{month:02}{day:02}",
                f"{era}{year}.{month}.{day}",
                "不詳",
                "昭和20年1月1日から昭和20年3月1日頃までの間",
            )
        )
    )
    try:
        return parse_date(text)
    except ValueError:
        return PartialDate("", "unknown", text)


@st.composite
def names(draw):
    kind = draw(st.sampled_from(("legal", "former", "alias", "roman", "as_written")))
    split = draw(st.booleans())
    if draw(st.integers(0, 5)) == 0:  # known by its reading only
        kana = draw(readings)
        return PersonName(kana, kind if kind != "roman" else "legal", kana=kana)
    family, given = (draw(words), draw(words)) if split else ("", "")
    full = (
        draw(st.sampled_from((f"{family} {given}", f"{family}　{given}", f"{family}{given}")))
        if split
        else draw(words)
    )
    if draw(st.booleans()):
        return PersonName(full, kind, family, given)
    kana_family, kana_given = (draw(readings), draw(readings)) if split else ("", "")
    kana = f"{kana_family} {kana_given}" if split else draw(readings)
    return PersonName(full, kind, family, given, kana, kana_family, kana_given)


@st.composite
def addresses(draw):
    kind = draw(st.sampled_from(("current", "past", "registered", "facility", "away")))
    postcode = draw(st.sampled_from(("", "2090011", "209-0011")))
    city_code = draw(st.sampled_from(("", "132993")))
    lot, building = draw(st.integers(1, 20)), draw(st.sampled_from(("", "メゾン宮前 103号", "市営住宅　Ｂ棟")))
    if draw(st.booleans()):
        return parse_address(
            "",
            town=draw(st.sampled_from(("富士見台一丁目", "大字三番町", "若葉台２丁目"))),
            lot=f"{lot}番地",
            building=building,
            city_code=city_code,
            town_code=draw(st.sampled_from(("", "0002002"))),
            postcode=postcode,
            kind=kind,
        )
    prefix = draw(st.sampled_from(("", "〒209-0011 ", "東京都", "〒2090011東京都")))
    town = draw(st.sampled_from(("富士見台一丁目", "宮前３丁目", "字十八条", "ヶ丘")))
    text = draw(st.sampled_from((f"{prefix}結市{town}{lot}番{lot}号　{building}", f"{prefix}結市{town}", "住所不定")))
    return parse_address(text, city_code=city_code, postcode=postcode, kind=kind)


identifiers = st.builds(
    Identifier,
    st.sampled_from(("atena", "setai", "kaigo", "juku", "techo", "household_case", "patient")),
    st.text("0123456789AH-", min_size=1, max_size=15),
    st.sampled_from(("132993", "131011", "中央 病院")),
    st.one_of(st.just(""), st.just("2001-04-01")),
    st.one_of(st.just(""), st.just("2020-04")),
)
origins = st.builds(
    Origin,
    source=codes,
    agency=codes.map(lambda code: f"o-{code}"),
    programme=st.sampled_from(Programme),
    record=refs,
    run=maybe_codes,
    as_of=days,
)
graded = {"category": st.sampled_from(Category), "origin": origins}
mentions = st.builds(
    Mention,
    ref=refs,
    role=st.sampled_from(MentionRole),
    seq=st.integers(0, 9),
    names=st.lists(names(), max_size=4).map(tuple),
    birth=st.one_of(st.none(), written_dates()),
    death=st.one_of(st.none(), written_dates()),
    sex=st.sampled_from(("", "1", "2")),
    addresses=st.lists(addresses(), max_size=3).map(tuple),
    phones=st.lists(st.text("0123456789", min_size=10, max_size=11), max_size=2).map(tuple),
    emails=st.lists(st.just("hanako@example.jp"), max_size=1).map(tuple),
    identifiers=st.lists(identifiers, max_size=3).map(tuple),
    **graded,
)
persons = st.builds(
    Person, ref=refs, mentions=st.lists(mentions, min_size=1, max_size=3, unique_by=lambda one: one.ref).map(tuple)
)


@st.composite
def memberships(draw):
    valid_from, valid_to = draw(spans())
    state = draw(st.sampled_from(("present", "away")))
    return Membership(
        person=draw(refs),
        state=state,
        away=draw(st.sampled_from(("", "hospital", "shelter", "study"))) if state == "away" else "",
        relation=draw(st.sampled_from(("", "02", "11", "20", "20,20", "11,52", "96", "spouse", "other"))),
        shared_livelihood=draw(st.sampled_from((None, True, False))),
        evidence=tuple(draw(st.lists(st.sampled_from(("register", "dwelling", "kinship", "case")), unique=True))),
        valid_from=valid_from,
        valid_to=valid_to,
    )


households = st.builds(
    Household,
    ref=refs,
    kind=st.sampled_from(("register", "living")),
    members=st.lists(memberships(), max_size=5, unique_by=lambda one: one.person).map(tuple),
)


@st.composite
def facts(draw, model, **fields):
    valid_from, valid_to = draw(spans())
    own = {name: draw(strategy) for name, strategy in fields.items()}
    return model(
        ref=draw(refs),
        person=draw(refs),
        mention=draw(refs),
        programme=draw(st.sampled_from(Programme)),
        agency=draw(maybe_codes),
        valid_from=valid_from,
        valid_to=valid_to,
        detail=draw(st.dictionaries(codes, words, max_size=2)),
        places=draw(st.dictionaries(codes, words, max_size=2)),
        **{name: draw(strategy) for name, strategy in graded.items()},
        **own,
    )


SCHEMES = ("care_insurance", "public_assistance", "integrated_consultation", "school", "techo_mental")
enrolments = facts(Enrolment, scheme=st.sampled_from(SCHEMES), level=maybe_codes, status=maybe_codes)
contacts = facts(
    Contact,
    channel=st.sampled_from(("visit", "home_visit", "phone", "no_answer", "other")),
    occasion=maybe_codes,
    route=maybe_codes,
    two_way=st.sampled_from((None, True, False)),
    urgency=maybe_codes,
)
relationships = facts(
    Relationship, relation=st.sampled_from(("20", "52", "11,52", "spouse", "99", "other")), other=refs
)


def _consents(least, starts, tiers, givers):
    return st.builds(
        Consent,
        ref=refs,
        person=refs,
        category=st.sampled_from(Category),
        decision=st.sampled_from(("permit", "refuse", "withdraw")),
        agencies=st.lists(codes, min_size=least, max_size=3, unique=True).map(tuple),
        scope=st.lists(
            st.builds(Scope, category=st.sampled_from(Category), tier=st.sampled_from(tiers)),
            min_size=least,
            max_size=7,
            unique_by=lambda one: one.category,
        ).map(tuple),
        purposes=st.lists(st.sampled_from(Purpose), min_size=least, max_size=3, unique=True).map(tuple),
        valid_from=starts,
        valid_to=days,
        given_by=st.sampled_from(givers),
        method=maybe_codes,
        form=maybe_codes,
        reference=st.one_of(st.just(""), words),
        supersedes=st.one_of(st.just(""), words),
        recorded_at=st.sampled_from((None, "2026-04-01T03:00:00Z", "2026-04-01T12:00:00.500000+09:00")),
        origin=st.one_of(st.none(), origins),
    )


consents = st.one_of(
    _consents(1, whole_days, tuple(Tier)[1:], ("self", "representative", "guardian")),  # complete but for the end
    _consents(0, days, tuple(Tier), ("", "self", "guardian")),
)
