"""An opened workspace: its configuration, store, keys and log, and the order in which they are opened."""

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from connectors.sources import load_sources
from privacy.keyring import Keyring, open_keyring
from privacy.log import Sequencer
from schemas.source import SourceDefinition
from schemas.store import migrate, open_store
from schemas.workspace import Workspace

LOG_DIRECTORY = "log"
TEMPORARY = "tmp"


class Site:
    """One workspace, opened. Everything it writes lies below the workspace, temporary files included."""

    def __init__(self, workspace: Workspace, engine: Engine, keyring: Keyring) -> None:
        self.workspace = workspace
        self.engine = engine
        self.bulk = open_store(workspace.store_url, bulk=True)
        """For landing, linking and publishing, which a repeat makes good."""
        self.keyring = keyring

    @classmethod
    def open(cls, root: Path) -> Self:
        """Open a workspace and bring its store to the newest migration; raise ConfigurationError where it cannot."""
        workspace = Workspace.open(root)
        keyring = open_keyring(workspace.keys, workspace.unlock_secret())
        temporary = workspace.var / TEMPORARY
        temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
        tempfile.tempdir = str(temporary)
        os.environ["SQLITE_TMPDIR"] = str(temporary)
        engine = open_store(workspace.store_url)
        migrate(engine)
        return cls(workspace, engine, keyring)

    @property
    def log_dir(self) -> Path:
        """Where the verifiable log lies."""
        return self.workspace.var / LOG_DIRECTORY

    @property
    def origin(self) -> str:
        """The log's name in its checkpoints."""
        return self.workspace.config.site.log_origin

    def sequencer(self) -> Sequencer:
        """Give the writer of the log directory."""
        return Sequencer(self.engine, self.log_dir, self.keyring, self.origin)

    def sources(self) -> dict[str, SourceDefinition]:
        """Read the configured sources; those that protect addresses come first, as every run applies them first."""
        found = load_sources(self.workspace)
        return dict(sorted(found.items(), key=lambda item: (not item[1].protects, item[0])))

    def close(self) -> None:
        """Let go of the store."""
        self.bulk.dispose()
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
