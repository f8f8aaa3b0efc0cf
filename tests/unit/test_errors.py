from schemas.errors import GuardStopped, RecordRejected


def test_a_rejection_names_field_and_fault_only():
    assert str(RecordRejected("date-impossible", "生年月日", 7)) == "date-impossible (生年月日)"


def test_a_guard_has_its_own_exit_code():
    stopped = GuardStopped("mass-disappearance", "ledger", "120 of 200")
    assert stopped.exit_code == 4
    assert str(stopped) == "ledger: mass-disappearance 120 of 200"
