from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from desk.sessions import SESSION_SECONDS, Sessions

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
SESSIONS = Sessions(b"k" * 32)


def test_a_token_reads_back_until_it_ends() -> None:
    session = SESSIONS.begin(NOW, staff="w1", purpose="consultation").states(("self", "family"), "came")
    token = SESSIONS.write(session)
    assert SESSIONS.read(token, NOW) == session
    assert SESSIONS.read(token, NOW + timedelta(seconds=SESSION_SECONDS)) is None


@given(st.text(max_size=200))
def test_nothing_but_an_own_token_is_a_session(text: str) -> None:
    assert SESSIONS.read(text, NOW) is None


def test_one_changed_character_or_another_key_is_refused() -> None:
    token = SESSIONS.write(SESSIONS.begin(NOW, staff="w1"))
    for place in range(len(token) - 1):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert SESSIONS.read(changed, NOW) is None
    assert Sessions(b"x" * 32).read(token, NOW) is None


def test_signing_in_changes_the_form_token() -> None:
    before, after = SESSIONS.begin(NOW), SESSIONS.begin(NOW, staff="w1")
    assert SESSIONS.form_ok(before, SESSIONS.form_token(before))
    assert not SESSIONS.form_ok(after, SESSIONS.form_token(before))
    assert not SESSIONS.form_ok(after, "é")
