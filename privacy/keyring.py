"""The keyring of a workspace: one root for derived keys, versioned key-encryption keys, the log's signing key.

On disk it is one file, ``keyring.json``, in a directory that only its owner may enter::

    {"format": "musubi-keyring/1", "protection": "sealed", "kdf": {...}, "salt": hex, "nonce": hex, "keys": hex}

``keys`` is AES-256-GCM over the key material under scrypt(unlock secret); everything before it is associated
data, so a changed header does not open. ``"protection": "clear-demo"`` holds the material readable and exists
only for trying Musubi out: it opens without a secret, and never with one.

Every replacement of the file is written beside it, flushed and renamed: a kill leaves the old or the new one.
"""

import json
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from schemas.errors import ConfigurationError, MusubiError

FILE = "keyring.json"
FORMAT = "musubi-keyring/1"
SEALED = "sealed"
CLEAR_DEMO = "clear-demo"
KEY_BYTES = 32
SCRYPT_COST = 2**17
"""scrypt N with r=8, p=1: 128 MiB and some tenths of a second for each guess (OWASP password storage)."""
SCRYPT_COST_LIMIT = 2**20
"""A header asking for more is refused before any memory is taken."""
_VERSION_BYTES = 2


class KeyUnusable(MusubiError):
    """A wrapped key does not open: damaged, of another keyring, or its key version is gone."""


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """What a worker process needs to mint and seal; travels in memory only. The signing key is not in it."""

    root: bytes = field(repr=False)
    keks: tuple[tuple[int, bytes], ...] = field(repr=False)
    current: int


class Keyring:
    """Opened keys. Made by :func:`create_keyring` and :func:`open_keyring`."""

    def __init__(
        self,
        material: KeyMaterial,
        *,
        log_seed: bytes | None = None,
        directory: Path | None = None,
        locker: "_Locker | None" = None,
    ) -> None:
        self._material = material
        self._log_seed = log_seed
        self._directory = directory
        self._locker = locker
        self._keks = dict(material.keks)

    def __repr__(self) -> str:
        return f"Keyring(current={self.current_version}, clear={self.clear})"

    @property
    def clear(self) -> bool:
        """Whether the keys lie readable on disk (demo only)."""
        return self._locker is not None and self._locker.secret is None

    @property
    def current_version(self) -> int:
        """The key-encryption key that wraps new data keys."""
        return self._material.current

    @property
    def versions(self) -> tuple[int, ...]:
        """The key-encryption keys that still open data keys."""
        return tuple(sorted(self._keks))

    def derive(self, label: str) -> bytes:
        """Derive the 32-byte key of one use from the root (HKDF-SHA256, RFC 5869); the label is its ``info``."""
        info = b"musubi/v1/" + label.encode()
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self._material.root)

    def wrap(self, data_key: bytes) -> tuple[bytes, int]:
        """Wrap a data key (AES-KW, RFC 3394) under the current key; the two leading bytes name its version."""
        version = self.current_version
        return version.to_bytes(_VERSION_BYTES, "big") + aes_key_wrap(self._keks[version], data_key), version

    def unwrap(self, wrapped: bytes, version: int | None = None) -> bytes:
        """Open a wrapped data key; raise KeyUnusable where it does not open or contradicts ``version``."""
        named = int.from_bytes(wrapped[:_VERSION_BYTES], "big")
        if version is not None and version != named:
            raise KeyUnusable(f"a data key says version {named}, its row says {version}")
        kek = self._keks.get(named) or self._reread(named)
        try:
            return aes_key_unwrap(kek, wrapped[_VERSION_BYTES:])
        except (InvalidUnwrap, ValueError):
            raise KeyUnusable(f"a data key of version {named} does not open") from None

    def material(self) -> KeyMaterial:
        """Give what worker processes need, for passing in memory only."""
        return self._material

    @classmethod
    def from_material(cls, material: KeyMaterial) -> Self:
        """Build the keyring of a worker process; it derives, wraps and unwraps but cannot sign or rotate."""
        return cls(material)

    def signing_key(self) -> Ed25519PrivateKey:
        """Give the key that signs the log's checkpoints."""
        if self._log_seed is None:
            raise KeyUnusable("this process holds no signing key")
        return Ed25519PrivateKey.from_private_bytes(self._log_seed)

    def add_version(self) -> int:
        """Make a new current key-encryption key, durable before this returns; old ones go on opening."""
        newest = max(self._keks) + 1
        keks = {**self._keks, newest: secrets.token_bytes(KEY_BYTES)}
        self._replace(KeyMaterial(self._material.root, tuple(sorted(keks.items())), newest))
        return newest

    def retire_versions(self) -> None:
        """Destroy every key-encryption key but the current one; the caller has rewrapped what they opened."""
        kept = ((self.current_version, self._keks[self.current_version]),)
        self._replace(KeyMaterial(self._material.root, kept, self.current_version))

    def _replace(self, material: KeyMaterial) -> None:
        if self._directory is None or self._locker is None or self._log_seed is None:
            raise KeyUnusable("this process may not change keys")
        _write(self._directory, self._locker, material, self._log_seed)
        self._material, self._keks = material, dict(material.keks)

    def _reread(self, version: int) -> bytes:
        """Look for a key that another process added by rotation after this one opened the file."""
        if self._directory is not None and self._locker is not None:
            material, _ = _read(self._directory, self._locker)
            self._material, self._keks = material, dict(material.keks)
        if version not in self._keks:
            raise KeyUnusable(f"key version {version} is not in the keyring")
        return self._keks[version]


@dataclass(slots=True)
class _Locker:
    """How the file of one keyring is locked; ``secret`` is the stretched unlock secret, None for demo."""

    kdf: dict[str, Any]
    salt: bytes
    secret: bytes | None = field(repr=False)

    @classmethod
    def of(cls, unlock: bytes | None, cost: int, salt: bytes) -> Self:
        kdf = {"name": "scrypt", "n": cost, "r": 8, "p": 1}
        if unlock is None:
            return cls({}, b"", None)
        return cls(kdf, salt, Scrypt(salt=salt, length=KEY_BYTES, n=cost, r=8, p=1).derive(unlock))

    def header(self) -> dict[str, Any]:
        if self.secret is None:
            return {"format": FORMAT, "protection": CLEAR_DEMO, "warning": "for trying out only; not for real data"}
        return {"format": FORMAT, "protection": SEALED, "kdf": self.kdf, "salt": self.salt.hex()}


def create_keyring(directory: Path, unlock: bytes | None, *, cost: int = SCRYPT_COST) -> Keyring:
    """Make new keys in ``directory`` (created with mode 700); ``unlock`` None leaves them readable, for demo only.

    Raises ConfigurationError where a keyring exists already: keys are never overwritten.
    """
    if unlock is not None and not unlock:
        raise ConfigurationError(f"{directory}: the unlock secret is empty")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_open_permissions(directory)
    if (directory / FILE).exists():
        raise ConfigurationError(f"{directory / FILE}: a keyring is there already; it is never overwritten")
    material = KeyMaterial(secrets.token_bytes(KEY_BYTES), ((1, secrets.token_bytes(KEY_BYTES)),), 1)
    locker = _Locker.of(unlock, cost, secrets.token_bytes(16))
    log_seed = secrets.token_bytes(KEY_BYTES)
    _write(directory, locker, material, log_seed)
    return Keyring(material, log_seed=log_seed, directory=directory, locker=locker)


def open_keyring(directory: Path, unlock: bytes | None) -> Keyring:
    """Open the keys of a workspace; refuse loose permissions, a wrong secret, and clear keys where one is given."""
    path = directory / FILE
    if not path.is_file():
        raise ConfigurationError(f"{path}: no keyring; `musubi init` makes one")
    refuse_open_permissions(directory)
    header = _load(path)
    protection = header.get("protection")
    if protection == CLEAR_DEMO and unlock is not None:
        raise ConfigurationError(f"{path}: keys in clear; a workspace with an unlock secret does not accept them")
    if protection == SEALED and unlock is None:
        raise ConfigurationError(f"{path}: the keys are sealed and no unlock secret was given (keys.unlock)")
    try:
        cost = int(header["kdf"]["n"]) if protection == SEALED else SCRYPT_COST
        salt = bytes.fromhex(header.get("salt", ""))
        known = cost <= SCRYPT_COST_LIMIT and protection in (SEALED, CLEAR_DEMO) and header.get("format") == FORMAT
    except (KeyError, TypeError, ValueError):
        known = False
    if not known:
        raise ConfigurationError(f"{path}: not a keyring of this version")
    locker = _Locker.of(unlock, cost, salt)
    material, log_seed = _read(directory, locker)
    return Keyring(material, log_seed=log_seed, directory=directory, locker=locker)


def refuse_open_permissions(directory: Path) -> None:
    """Raise ConfigurationError where anyone but the owner can enter the key directory or read a file in it."""
    for path in (directory, *sorted(directory.iterdir())):
        status = path.lstat()
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or status.st_uid != os.geteuid():
            want = "700" if path == directory else "600"
            raise ConfigurationError(f"{path}: others can reach the keys; chmod {want} and own it")


def _load(path: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(path.read_bytes())
    except ValueError:
        raise ConfigurationError(f"{path}: not a keyring") from None
    if not isinstance(loaded, dict):
        raise ConfigurationError(f"{path}: not a keyring")
    return loaded


def _bound(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _read(directory: Path, locker: _Locker) -> tuple[KeyMaterial, bytes]:
    path = directory / FILE
    stored = _load(path)
    try:
        if locker.secret is None:
            body = stored["keys"]
        else:
            nonce, sealed = bytes.fromhex(stored.pop("nonce")), bytes.fromhex(stored.pop("keys"))
            body = json.loads(AESGCM(locker.secret).decrypt(nonce, sealed, _bound(stored)))
        keks = tuple((int(version), bytes.fromhex(key)) for version, key in sorted(body["keks"].items()))
        material = KeyMaterial(bytes.fromhex(body["root"]), keks, int(body["current"]))
        return material, bytes.fromhex(body["log"])
    except InvalidTag:
        raise ConfigurationError(f"{path}: the unlock secret does not open it, or the file was changed") from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ConfigurationError(f"{path}: not a keyring of this version") from None


def _write(directory: Path, locker: _Locker, material: KeyMaterial, log_seed: bytes) -> None:
    keks = {str(version): key.hex() for version, key in material.keks}
    body = {"root": material.root.hex(), "keks": keks, "current": material.current, "log": log_seed.hex()}
    stored = locker.header()
    if locker.secret is None:
        stored["keys"] = body
    else:
        nonce = secrets.token_bytes(12)
        sealed = AESGCM(locker.secret).encrypt(nonce, json.dumps(body).encode(), _bound(stored))
        stored |= {"nonce": nonce.hex(), "keys": sealed.hex()}
    beside = directory / f".{FILE}.{secrets.token_hex(4)}"
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(stored, indent=1).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(directory / FILE)
    finally:
        beside.unlink(missing_ok=True)
    entry = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)
