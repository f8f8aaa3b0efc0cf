"""A deployment is a directory; this is how it is read.

``musubi.toml`` (site, store, keys, guards, schedule), ``agencies.toml`` (agencies and staff), ``sources/*.toml``,
``policy/``, ``keys/`` (own back-up class) and ``var/`` (everything else). Unknown keys are errors that name the
file and the nearest known key. TOML keeps codes such as ``01`` text.
"""

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import ConfigurationError
from schemas.vocabulary import AgencyKind, StaffRole

DEFAULT_STORE = "sqlite:///var/musubi.db"


class Settings(BaseModel):
    """Base of every configuration table: frozen, unknown keys refused, values never echoed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Site(Settings):
    """The municipality this workspace serves."""

    name: str
    """Name of the municipality."""
    municipality_code: Annotated[str, Field(pattern=r"^\d{6}$")]
    """全国地方公共団体コード with its check digit."""
    log_origin: str = "musubi.local/log"
    """Schema-less URL that names the log in its checkpoints (C2SP tlog-checkpoint)."""


class Store(Settings):
    """Where the database is; relative SQLite paths are relative to the workspace."""

    url: str = DEFAULT_STORE
    """SQLAlchemy URL; SQLite and PostgreSQL are supported."""


class Keys(Settings):
    """Where keys lie and where the unlock secret comes from, always outside the workspace."""

    directory: str = "keys"
    """The key directory, from the workspace directory; back it up apart from var/."""
    unlock: str = "demo"
    """``env:NAME``, ``file:PATH``, ``fd:N``, ``credential:NAME`` or ``demo`` (keys in clear, for trying out)."""


class Guards(Settings):
    """When a delivery is held instead of applied."""

    disappear_share: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Share of open records in scope that may disappear with one snapshot."""
    disappear_least: Annotated[int, Field(ge=1)] = 20
    """Fewer disappearances than this never hold a delivery."""


class Schedule(Settings):
    """When the nightly sync runs, Asia/Tokyo."""

    nightly: str = "0 2 * * *"
    """Five cron fields."""


class WorkspaceFile(Settings):
    """``musubi.toml``."""

    site: Site
    """The municipality."""
    store: Store = Store()
    """The database."""
    keys: Keys = Keys()
    """The keys."""
    guards: Guards = Guards()
    """When a delivery is held."""
    schedule: Schedule = Schedule()
    """When the run takes place."""


class Agency(Settings):
    """An agency that delivers, reads or both (機関)."""

    id: str
    """Opaque; sources and staff name it."""
    name: str
    """Name in Japanese; the built-in code map agency reads it."""
    name_en: str = ""
    """Name in English."""
    kind: AgencyKind
    """What it is in law; every legal basis names the kinds it serves."""
    contact: str = ""
    """Shown wherever a reader gets at least the pointer."""
    contract_from: str = ""
    """First day of an entrusted operator's contract."""
    contract_to: str = ""
    """Its last day."""
    integrated_desk: bool = False
    """The integrated consultation desk (断らない相談支援の窓口)."""


class Staff(Settings):
    """A member of staff by an opaque worker id; names are kept in the sealed staff directory, not here."""

    id: str
    """Opaque worker id."""
    agency: str
    """Where he or she works."""
    role: StaffRole
    """What he or she is here for; decides with agency and purpose what may be seen."""
    title: str = ""
    """Post or duty, for lists of staff; never a name."""


class Directory(Settings):
    """``agencies.toml``."""

    agency: tuple[Agency, ...] = ()
    """The agencies."""
    staff: tuple[Staff, ...] = ()
    """The staff."""


class Workspace:
    """One opened workspace directory: its configuration, agencies and paths."""

    def __init__(self, root: Path, config: WorkspaceFile, directory: Directory) -> None:
        self.root = root
        self.config = config
        self.agencies = {agency.id: agency for agency in directory.agency}
        self.staff = {worker.id: worker for worker in directory.staff}

    @classmethod
    def open(cls, root: Path) -> Self:
        """Read the configuration files; raise ConfigurationError that names file and key."""
        root = root.resolve()
        if not (root / "musubi.toml").is_file():
            raise ConfigurationError(f"{root / 'musubi.toml'}: not found; `musubi init` makes a workspace")
        config = read_toml(root / "musubi.toml", WorkspaceFile)
        agencies = root / "agencies.toml"
        directory = read_toml(agencies, Directory) if agencies.is_file() else Directory()
        for worker in directory.staff:
            if worker.agency not in {agency.id for agency in directory.agency}:
                raise ConfigurationError(f"{agencies}: staff {worker.id} names unknown agency {worker.agency}")
        return cls(root, config, directory)

    @property
    def var(self) -> Path:
        """Everything that is neither configuration nor key, the temporary directory included."""
        return self.root / "var"

    @property
    def sources(self) -> Path:
        """Where source definitions lie, one TOML file each."""
        return self.root / "sources"

    @property
    def keys(self) -> Path:
        """The key directory."""
        return self.root / self.config.keys.directory

    @property
    def store_url(self) -> str:
        """The database URL with relative SQLite paths resolved."""
        url = self.config.store.url
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith("sqlite:////"):
            return prefix + str(self.root / url.removeprefix(prefix))
        return url

    def unlock_secret(self) -> bytes | None:
        """Read the unlock secret from where the configuration says; None means demo keys in clear."""
        how, _, name = self.config.keys.unlock.partition(":")
        match how:
            case "demo":
                return None
            case "env" if name in os.environ:
                return os.environ[name].encode()
            case "file" | "credential":
                base = Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) if how == "credential" else self.root
                path = base / name
                if path.is_file():
                    return path.read_bytes().strip()
            case "fd" if name.isdigit():
                with os.fdopen(int(name), "rb", closefd=False) as handle:
                    return handle.read().strip()
        raise ConfigurationError(f"{self.root / 'musubi.toml'}: keys.unlock: the secret is not there ({how})")


Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: Path, model: type[Model]) -> Model:
    """Read one TOML file into its model; every fault names file, key and, for a typo, the nearest known key."""
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not UTF-8") from None
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        raise ConfigurationError("\n".join(explain_fault(path, model, fault) for fault in faults)) from None


def explain_fault(path: Path, model: type[BaseModel], fault: Any) -> str:
    """Say where a validation fault lies, without the value; for an unknown key name the nearest known one."""
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] != "extra_forbidden":
        return f"{path}: {where}: {fault['msg']}"
    near = get_close_matches(str(fault["loc"][-1]), sorted(_known_keys(model)), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    line = _line_of(path, str(fault["loc"][-1]))
    return f"{path}:{line}: {where}: unknown key{hint}"


def _known_keys(model: type[BaseModel]) -> set[str]:
    names: set[str] = set()
    pending: list[Any] = [model]
    while pending:
        kind = pending.pop()
        pending.extend(getattr(kind, "__args__", ()))
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for name, field in kind.model_fields.items():
                names.add(field.alias or name)
                pending.append(field.annotation)
    return names


def _line_of(path: Path, key: str) -> int:
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.split("=")[0].strip() == key or line.strip().strip("[]").endswith(key):
            return number
    return 0
