"""The fast search for individual numbers never says no in vain, in whatever width, grouping and company."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.numbers import CP932, UTF_8, may_hold_numbers
from schemas.values.identifiers import cut_individual_numbers, individual_number_ok

NUMBER = next(str(n) for n in range(123456789010, 123456789030) if individual_number_ok(str(n)))
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
BETWEEN = [*"-‐―－ーｰ・ \t\u3000.．", ""]
AROUND = ["電話090-1234-5678 ", "20261101 ", "げO", "あX", "000000000012345 ", "Ｏ", "@", "[", "", "1-2-3　"]


@given(
    wide=st.lists(st.booleans(), min_size=12, max_size=12),
    joints=st.lists(st.sampled_from(BETWEEN), min_size=2, max_size=2),
    before=st.sampled_from(AROUND),
    after=st.sampled_from(AROUND),
)
def test_a_number_that_would_be_cut_is_always_seen(wide, joints, before, after):
    digits = [digit.translate(WIDE) if is_wide else digit for digit, is_wide in zip(NUMBER, wide, strict=True)]
    groups = "".join(digits[:4]), "".join(digits[4:8]), "".join(digits[8:])
    text = before + groups[0] + joints[0] + groups[1] + joints[1] + groups[2] + after
    if cut_individual_numbers(text)[1]:
        assert may_hold_numbers(text)
        assert UTF_8.may_hold_numbers(f"x\n{text}\ny".encode())
        assert CP932.may_hold_numbers(f"x\n{text}\ny".encode("cp932", "ignore"))


@given(st.text("0123456789０１９ -－ー　.．・,あげOX@亜", min_size=12, max_size=60))
def test_any_text_that_would_be_cut_is_seen(text):
    if cut_individual_numbers(text)[1]:
        assert may_hold_numbers(text)
        assert CP932.may_hold_numbers(text.encode("cp932"))


@pytest.mark.parametrize("text", ["000000000012345", "20261101123000", "090-1234-5678,1234", "2026-11-01\n1234", ""])
def test_what_is_no_number_costs_no_second_look(text):
    assert not may_hold_numbers(text)
    assert not CP932.may_hold_numbers(text.encode("cp932"))
