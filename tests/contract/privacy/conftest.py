import pytest

from privacy.keyring import create_keyring
from privacy.log import Sequencer, record, verifier_key
from schemas.store import create_tables, open_store

ORIGIN = "musubi.test/log"


class Log:
    """A store, a key directory and a log directory that belong together."""

    def __init__(self, engine, root):
        self.engine = engine
        self.keyring = create_keyring(root / "keys", None)
        self.dir = root / "log"
        self.key = verifier_key(self.keyring, ORIGIN)

    def record(self, count, kind="disclosure", **body):
        with self.engine.begin() as conn:
            return [record(conn, kind, {"agency": "kaigo", "n": number, **body}) for number in range(count)]

    def sequencer(self, files=None):
        return Sequencer(self.engine, self.dir, self.keyring, ORIGIN, files=files)

    def sequence(self):
        return self.sequencer().run()

    def files(self):
        return {
            path.relative_to(self.dir).as_posix(): path.read_bytes()
            for path in sorted(self.dir.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        }


@pytest.fixture
def log(tmp_path):
    engine = open_store(f"sqlite:///{tmp_path / 'musubi.db'}")
    create_tables(engine)
    yield Log(engine, tmp_path)
    engine.dispose()
