"""What keys, tokens, sealing and the log cost.

``ratio`` sets the product beside the bare primitive of the library it rests on, run in turn: 0.8 is four fifths of
its speed. ``per_second`` is that of this machine, one core.
"""

import hashlib
import hmac
import os
import time
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from privacy import audit
from privacy.keyring import create_keyring
from privacy.log import Sequencer, record, verifier_key
from privacy.pseudonyms import PseudonymDomain
from privacy.sealing import Sealer, new_data_key
from privacy.tokens import TokenMinter
from privacy.verify import verify_log
from schemas.store import create_tables, open_store

MANY = 100_000
ROUNDS = 9
RECORD = os.urandom(200)
ORIGIN = "musubi.bench/log"


@pytest.fixture
def keyring(tmp_path):
    return create_keyring(tmp_path / "keys", None)


def per_second(benchmark, count):
    if benchmark.stats:
        benchmark.extra_info["per_second"] = round(count / benchmark.stats.stats.min)


def beside(benchmark, work: Callable[[], object], bare: Callable[[], object]):
    """Run both in turn; tell how fast the product is and what share of the bare primitive's speed that is."""
    taken: list[float] = []

    def turn() -> None:
        begun = time.perf_counter()
        bare()
        taken.append(time.perf_counter() - begun)

    benchmark.pedantic(work, setup=turn, rounds=ROUNDS)
    per_second(benchmark, MANY)
    if benchmark.stats:
        benchmark.extra_info["ratio"] = round(min(taken) / benchmark.stats.stats.min, 2)


def test_minting_tokens(benchmark, keyring):
    minter, values = TokenMinter(keyring), [f"結城 花子{number}" for number in range(MANY)]
    beside(
        benchmark,
        lambda: minter.mint("name_exact", values),
        lambda: [hashlib.blake2b(value.encode(), key=b"k" * 32, digest_size=8).digest() for value in values],
    )


def test_pseudonyms(benchmark, keyring):
    domain = PseudonymDomain(keyring, "kaigo")
    beside(
        benchmark,
        lambda: domain.outward_all("person", range(MANY)),
        lambda: [hmac.digest(b"k" * 32, b"person:%d" % number, "sha256") for number in range(MANY)],
    )


@pytest.mark.parametrize("nonces", ["drawn one by one", "ready"])
def test_sealing(benchmark, nonces):
    """The bare primitive is given its associated data ready made, and its nonces too or not."""
    sealer = Sealer(new_data_key(), table="mention_version", row="ledger/17/subject/0")
    encrypt, bound = AESGCM(new_data_key()).encrypt, b"15:mention_version19:ledger/17/subject/08:identity1"
    drawn = [os.urandom(12) for _ in range(MANY)]
    bare = {
        "ready": lambda: [encrypt(nonce, RECORD, bound) for nonce in drawn],
        "drawn one by one": lambda: [encrypt(os.urandom(12), RECORD, bound) for _ in range(MANY)],
    }
    beside(benchmark, lambda: [sealer.seal("identity", RECORD) for _ in range(MANY)], bare[nonces])


def test_sealing_three_fields_of_a_new_mention_each(benchmark, keyring):
    def mention():
        data_key = new_data_key()
        keyring.wrap(data_key)
        sealer = Sealer(data_key, table="mention_version", row="ledger/17/subject/0")
        return [sealer.seal(field, RECORD) for field in ("identity", "address", "notes")]

    benchmark(lambda: [mention() for _ in range(MANY // 10)])
    per_second(benchmark, MANY // 10)


def test_wrapping_and_unwrapping_a_data_key(benchmark, keyring):
    data_key = new_data_key()
    benchmark(lambda: [keyring.unwrap(*keyring.wrap(data_key)) for _ in range(MANY // 10)])
    per_second(benchmark, MANY // 10)


class Bench:
    """A log of MANY entries, made once for each round."""

    def __init__(self, root, keyring):
        self.engine = open_store(f"sqlite:///{root / 'musubi.db'}")
        create_tables(self.engine)
        self.dir, self.keyring, self.key = root / "log", keyring, verifier_key(keyring, ORIGIN)

    def fill(self, count):
        with self.engine.begin() as conn:
            for number in range(count):
                record(conn, "disclosure", {"agency": "kaigo", "n": number})
        return (), {}

    def sequence(self):
        return Sequencer(self.engine, self.dir, self.keyring, ORIGIN).run()


@pytest.fixture
def log(tmp_path, keyring):
    bench = Bench(tmp_path, keyring)
    yield bench
    bench.engine.dispose()


def test_recording_acts(benchmark, log):
    benchmark.pedantic(log.fill, (MANY // 20,), rounds=3)
    per_second(benchmark, MANY // 20)


def test_recording_one_act_durably(benchmark, log):
    benchmark.pedantic(log.fill, (1,), rounds=50)


def test_sequencing(benchmark, log):
    count = MANY // 5
    benchmark.pedantic(log.sequence, setup=lambda: log.fill(count), rounds=3)
    per_second(benchmark, count)


def test_verifying_a_log_offline(benchmark, log):
    log.fill(MANY // 5)
    log.sequence()
    benchmark.pedantic(lambda: verify_log(log.dir, log.key), rounds=3)
    per_second(benchmark, MANY // 5)


def test_auditing_against_the_database(benchmark, log):
    log.fill(MANY // 5)
    log.sequence()
    benchmark.pedantic(lambda: audit.verify(log.engine, log.dir, log.key), rounds=3)
    per_second(benchmark, MANY // 5)
