"""Errors, as one tree ordered by what the person should do next.

::

    MusubiError
    ├── ConfigurationError   fix the named file and start again          (exit 2)
    ├── SourceUnavailable    the source did not answer; try again later  (exit 1)
    ├── RecordRejected       one record goes to quarantine; go on        (exit 3 at the end)
    ├── GuardStopped         a delivery was held; a person must decide   (exit 4)
    ├── AccessDenied         never retried, always logged                (exit 1)
    └── LedgerCorrupt        stop everything                             (exit 1)

No error carries a value from a record: only source, record reference (line or keyed token), field and
fault code. Where a cause quotes its input, raise ``from None``.
"""

from dataclasses import dataclass, field


class MusubiError(Exception):
    """Base of everything Musubi raises on purpose."""

    exit_code = 1


class ConfigurationError(MusubiError):
    """A file of the workspace says something Musubi cannot follow."""

    exit_code = 2


class SourceUnavailable(MusubiError):
    """A source system did not answer; nothing was lost, the next run tries again."""


@dataclass
class RecordRejected(MusubiError):
    """One record cannot be taken; it waits sealed in quarantine."""

    code: str
    field_name: str = ""
    line: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        """Name the fault and the field, never the value."""
        return f"{self.code} ({self.field_name})" if self.field_name else self.code


@dataclass
class GuardStopped(MusubiError):
    """A delivery was held before anything of it was applied."""

    code: str
    source_id: str
    detail: str = ""
    exit_code = 4

    def __str__(self) -> str:
        """Name the guard and the source."""
        return f"{self.source_id}: {self.code} {self.detail}".strip()


class AccessDenied(MusubiError):
    """The policy says no."""


class LedgerCorrupt(MusubiError):
    """The log does not verify, or a state contradicts it."""
