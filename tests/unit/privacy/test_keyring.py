import json
import pickle
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.keyring import FILE, KeyMaterial, Keyring, KeyUnusable, create_keyring, open_keyring
from schemas.errors import ConfigurationError

CHEAP = 2**4
SECRET = b"correct horse battery staple"


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "keys"


def secrets_of(keyring):
    material = keyring.material()
    return [material.root, *(key for _, key in material.keks), keyring.signing_key().private_bytes_raw()]


def on_disk(directory):
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


def test_what_was_wrapped_before_a_restart_opens_after_it(directory):
    made = create_keyring(directory, SECRET, cost=CHEAP)
    wrapped, version = made.wrap(b"k" * 32)
    opened = open_keyring(directory, SECRET)
    assert opened.unwrap(wrapped, version) == b"k" * 32
    assert opened.derive("token/x") == made.derive("token/x") != made.derive("token/y")
    assert secrets_of(opened) == secrets_of(made)


def test_derivation_is_hkdf_sha256_with_a_known_answer():
    keyring = Keyring.from_material(KeyMaterial(bytes(range(32)), ((1, bytes(32)),), 1))
    # HKDF-SHA256, no salt, info "musubi/v1/token/birth_date", computed with hmac by hand (RFC 5869 §2)
    import hashlib
    import hmac

    extract = hmac.digest(bytes(32), bytes(range(32)), hashlib.sha256)
    expected = hmac.digest(extract, b"musubi/v1/token/birth_date\x01", hashlib.sha256)
    assert keyring.derive("token/birth_date") == expected


def test_nothing_in_the_directory_is_readable_without_the_secret(directory):
    keyring = create_keyring(directory, SECRET, cost=CHEAP)
    keyring.add_version()
    stored = on_disk(directory)
    for secret in [*secrets_of(keyring), SECRET]:
        assert secret not in stored
        assert secret.hex().encode() not in stored.lower()
    assert not keyring.clear


def test_only_the_demo_leaves_keys_readable_and_says_so(directory):
    keyring = create_keyring(directory, None)
    assert keyring.clear
    assert json.loads((directory / FILE).read_bytes())["protection"] == "clear-demo"
    assert keyring.material().root.hex().encode() in on_disk(directory)
    assert open_keyring(directory, None).clear


def test_clear_keys_are_refused_where_a_secret_is_configured(directory):
    create_keyring(directory, None)
    with pytest.raises(ConfigurationError, match="in clear"):
        open_keyring(directory, SECRET)


@pytest.mark.parametrize("unlock", [None, b"wrong"])
def test_sealed_keys_need_their_secret(directory, unlock):
    create_keyring(directory, SECRET, cost=CHEAP)
    with pytest.raises(ConfigurationError):
        open_keyring(directory, unlock)


def test_an_empty_secret_is_no_secret(directory):
    with pytest.raises(ConfigurationError, match="empty"):
        create_keyring(directory, b"")


def test_keys_are_never_overwritten(directory):
    create_keyring(directory, SECRET, cost=CHEAP)
    with pytest.raises(ConfigurationError, match="never overwritten"):
        create_keyring(directory, SECRET, cost=CHEAP)


def test_files_and_directory_belong_to_the_owner_alone(directory):
    create_keyring(directory, SECRET, cost=CHEAP)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(("name", "mode"), [("", 0o750), (FILE, 0o640), (FILE, 0o604)])
def test_loose_permissions_are_refused(directory, name, mode):
    create_keyring(directory, SECRET, cost=CHEAP)
    (directory / name).chmod(mode)
    with pytest.raises(ConfigurationError, match="others can reach"):
        open_keyring(directory, SECRET)


def test_any_changed_value_of_the_file_is_noticed(directory):
    create_keyring(directory, SECRET, cost=CHEAP)
    whole = json.loads((directory / FILE).read_bytes())
    for key in ("salt", "nonce", "keys", "format", "protection"):
        changed = dict(whole)
        changed[key] = ("0" if whole[key][0] != "0" else "1") + whole[key][1:]
        (directory / FILE).write_text(json.dumps(changed))
        with pytest.raises(ConfigurationError):
            open_keyring(directory, SECRET)


def test_a_header_may_not_ask_for_the_whole_memory(directory):
    create_keyring(directory, SECRET, cost=CHEAP)
    whole = json.loads((directory / FILE).read_bytes())
    whole["kdf"]["n"] = 2**40
    (directory / FILE).write_text(json.dumps(whole))
    with pytest.raises(ConfigurationError, match="not a keyring of this version"):
        open_keyring(directory, SECRET)


def test_after_a_new_version_the_old_wraps_open_until_it_is_retired(directory):
    keyring = create_keyring(directory, SECRET, cost=CHEAP)
    other = open_keyring(directory, SECRET)
    old, _ = keyring.wrap(b"a" * 32)
    assert keyring.add_version() == 2
    new, version = keyring.wrap(b"b" * 32)
    assert (version, keyring.versions) == (2, (1, 2))
    assert keyring.unwrap(old) == b"a" * 32
    assert other.unwrap(new, 2) == b"b" * 32  # it reads the file again
    keyring.retire_versions()
    with pytest.raises(KeyUnusable):
        open_keyring(directory, SECRET).unwrap(old, 1)


def test_derived_keys_survive_rotation(directory):
    keyring = create_keyring(directory, SECRET, cost=CHEAP)
    before = keyring.derive("token/phone")
    keyring.add_version()
    assert open_keyring(directory, SECRET).derive("token/phone") == before


def test_a_wrapped_key_that_was_changed_or_belongs_elsewhere_does_not_open(directory, tmp_path):
    keyring = create_keyring(directory, SECRET, cost=CHEAP)
    wrapped, version = keyring.wrap(b"k" * 32)
    for position in range(2, len(wrapped)):
        changed = bytearray(wrapped)
        changed[position] ^= 1
        with pytest.raises(KeyUnusable):
            keyring.unwrap(bytes(changed), version)
    with pytest.raises(KeyUnusable):
        keyring.unwrap(wrapped, version + 1)
    with pytest.raises(KeyUnusable):
        create_keyring(tmp_path / "other", None).unwrap(wrapped, version)


def test_a_worker_process_gets_what_it_needs_but_not_the_signing_key(directory):
    keyring = create_keyring(directory, SECRET, cost=CHEAP)
    travelled = pickle.dumps(keyring.material())
    worker = Keyring.from_material(pickle.loads(travelled))  # noqa: S301 - bytes made one line above
    wrapped, version = worker.wrap(b"k" * 32)
    assert keyring.unwrap(wrapped, version) == b"k" * 32
    with pytest.raises(KeyUnusable):
        worker.signing_key()
    with pytest.raises(KeyUnusable):
        worker.add_version()
    assert isinstance(keyring.signing_key(), Ed25519PrivateKey)


def test_no_representation_shows_a_key(directory):
    keyring = create_keyring(directory, SECRET, cost=CHEAP)
    shown = repr(keyring) + repr(keyring.material())
    for secret in secrets_of(keyring):
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown
