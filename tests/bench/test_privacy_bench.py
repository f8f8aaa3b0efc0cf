"""What keys, tokens, sealing and the log cost; ratios are taken against the bare primitive in the same run."""

import hashlib
import hmac
import os

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
RECORD = os.urandom(200)
ORIGIN = "musubi.bench/log"


@pytest.fixture
def keyring(tmp_path):
    return create_keyring(tmp_path / "keys", None)


def per_second(benchmark, count):
    if benchmark.stats:
        benchmark.extra_info["per_second"] = round(count / benchmark.stats.stats.min)


def test_minting_tokens(benchmark, keyring):
    minter, values = TokenMinter(keyring), [f"結城 花子{number}" for number in range(MANY)]
    benchmark(minter.mint, "name_exact", values)
    per_second(benchmark, MANY)


def test_minting_bare(benchmark):
    values = [f"結城 花子{number}" for number in range(MANY)]
    benchmark(lambda: [hashlib.blake2b(value.encode(), key=b"k" * 32, digest_size=8).digest() for value in values])
    per_second(benchmark, MANY)


def test_pseudonyms(benchmark, keyring):
    benchmark(PseudonymDomain(keyring, "kaigo").outward_all, "person", range(MANY))
    per_second(benchmark, MANY)


def test_pseudonyms_bare(benchmark):
    benchmark(lambda: [hmac.digest(b"k" * 32, b"person:%d" % number, "sha256") for number in range(MANY)])
    per_second(benchmark, MANY)


def test_sealing(benchmark):
    sealer = Sealer(new_data_key(), table="mention_version", row="ledger/17/subject/0")
    benchmark(lambda: [sealer.seal("identity", RECORD) for _ in range(MANY)])
    per_second(benchmark, MANY)


def test_sealing_bare(benchmark):
    encrypt, bound = AESGCM(new_data_key()).encrypt, b"15:mention_version19:ledger/17/subject/08:identity1"
    benchmark(lambda: [encrypt(os.urandom(12), RECORD, bound) for _ in range(MANY)])
    per_second(benchmark, MANY)


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
