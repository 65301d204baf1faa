import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigError, StoreError
from gateway.keys import load_keys, load_push_key, load_token, private_folder, public_bytes, write_private
from tests.kit.things import KEYS, OTHER_KEYS

NAMES = ("cosigner.key", "digest.key", "storage.key")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_keys_are_made_once_and_nobody_else_reads_them(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "keys"
    first, again = load_keys(folder), load_keys(folder)
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == dict.fromkeys(NAMES, 0o600)
    assert (first.digest, first.storage) == (again.digest, again.storage)
    assert public_bytes(first.cosigner) == public_bytes(again.cosigner)


def test_each_purpose_has_a_key_of_its_own(tmp_path: Path) -> None:
    keys = load_keys(tmp_path / "one")
    seeds = {(tmp_path / "one" / name).read_bytes() for name in NAMES}
    assert len(seeds) == 3
    assert {keys.digest, keys.storage} < seeds
    assert load_keys(tmp_path / "two").storage != keys.storage


def test_a_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o755)
    private_folder(folder)
    assert mode(folder) == 0o700


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bits", [0o640, 0o604, 0o610, 0o602])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, name: str, bits: int) -> None:
    load_keys(tmp_path)
    (tmp_path / name).chmod(bits)
    with pytest.raises(ConfigError, match=f"other accounts.*chmod 600 {tmp_path / name}"):
        load_keys(tmp_path)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [b"", b"x" * 31, b"x" * 33])
def test_a_damaged_key_is_refused_and_not_replaced(tmp_path: Path, name: str, data: bytes) -> None:
    load_keys(tmp_path)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigError, match="damaged: it should have 32 bytes"):
        load_keys(tmp_path)
    assert (tmp_path / name).read_bytes() == data


def test_a_private_file_was_never_readable_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = os.fsync

    def watched(descriptor: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        assert not (tmp_path / "secret").exists()
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    old = os.umask(0)
    try:
        write_private(tmp_path / "secret", b"x")
    finally:
        os.umask(old)
    assert seen == [0o600]
    assert mode(tmp_path / "secret") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"old and longer")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    write_private(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(path, b"new")
    assert path.read_bytes() == b"old"


@given(st.binary(max_size=100))
def test_what_is_sealed_opens_for_its_envelope(data: bytes) -> None:
    sealed = KEYS.seal("env_1", data)
    assert KEYS.unseal("env_1", sealed) == data
    assert len(data) < 8 or data not in sealed
    assert KEYS.seal("env_1", data) != sealed


def test_what_is_sealed_opens_for_no_other_envelope_and_no_other_gateway() -> None:
    sealed = KEYS.seal("env_1", b"body")
    with pytest.raises(StoreError, match="env_2 was altered"):
        KEYS.unseal("env_2", sealed)
    with pytest.raises(StoreError, match="another key"):
        OTHER_KEYS.unseal("env_1", sealed)


@settings(max_examples=60)
@given(st.integers(0, 31), st.integers(1, 255))
def test_a_swapped_byte_is_noticed(position: int, change: int) -> None:
    sealed = bytearray(KEYS.seal("env_1", b"body"))
    sealed[position % len(sealed)] ^= change
    with pytest.raises(StoreError):
        KEYS.unseal("env_1", bytes(sealed))


@given(st.binary(max_size=40))
def test_rubbish_is_a_sentence_and_not_a_fault(rubbish: bytes) -> None:
    with pytest.raises(StoreError, match="altered"):
        KEYS.unseal("env_1", rubbish)


def test_a_token_for_other_programs_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = load_token(path)
    assert len(token) >= 43
    assert load_token(path) == token
    assert (path.read_text(), mode(path)) == (f"{token}\n", 0o600)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="read by other accounts"):
        load_token(path)


def test_the_key_for_push_services_is_made_once_private_and_of_its_curve(tmp_path: Path) -> None:
    load_keys(tmp_path)
    path = tmp_path / "push.key"
    made = load_push_key(tmp_path).private_numbers().private_value
    assert (len(path.read_bytes()), mode(path)) == (32, 0o600)
    assert load_push_key(tmp_path).private_numbers().private_value == made
    path.chmod(0o604)
    with pytest.raises(ConfigError, match="read by other accounts"):
        load_push_key(tmp_path)


@pytest.mark.parametrize("data", [b"", b"x" * 31, b"x" * 33, bytes(32), b"\xff" * 32])
def test_a_damaged_key_for_push_services_is_refused_and_not_replaced(tmp_path: Path, data: bytes) -> None:
    write_private(tmp_path / "push.key", data)
    with pytest.raises(ConfigError, match="damaged"):
        load_push_key(tmp_path)
    assert (tmp_path / "push.key").read_bytes() == data
