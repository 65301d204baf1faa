"""What was kept from before must never say more than the template itself does."""

import hashlib
import os
import pickle
from pathlib import Path

import pytest

from gateway.templates import Library, compiled
from gateway.templates.compiled import Compiled, key_of
from gateway.templates.freezing import freeze
from tests.gateway.templates.making import request, template

ACTIONS = """
- {id: get, match: {method: GET, path: "/a/{n}"}, risk: step_up, summary: "Get {n}", examples: [
    {request: {method: GET, url: "https://api.shop.test/a/1"}, expect: {action: /shop/get}}]}
- {id: pay, match: {method: POST, path: /pay, where: {"json:/kind": [a, b]}}, context: {
    money: {type: money, amount: "json:/amount", currency: "json:/currency"}}, summary: "Pay {money|or:all}"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "kept"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "shop.yaml"
    made.write_text(template(ACTIONS), encoding="utf-8")
    return made


def only(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def is_from_before(library: Library) -> bool:
    """What was kept has no examples."""
    return not any(action.examples for action in library.services["shop"].actions)


def test_what_did_not_change_is_read_once_and_means_the_same(folder: Path, file: Path) -> None:
    kept = Compiled(folder)
    first = Library.load([file], compiled=kept)
    second = Library.load([file], compiled=kept)
    assert not is_from_before(first)
    assert is_from_before(second)
    assert second.digest == first.digest
    assert second.cedar_schema() == first.cedar_schema()
    assert [info.id for info in second.actions()] == [info.id for info in first.actions()]
    for sent in (
        request("GET", "/a/7"),
        request(
            "POST", "/pay", '{"kind":"a","amount":600,"currency":"jpy"}', {"Content-Type": "application/json"}
        ),
        request("POST", "/other"),
    ):
        assert second.map(sent) == first.map(sent)
    assert only(folder).stat().st_mode & 0o777 == 0o600


def test_a_change_of_the_file_its_variables_or_the_code_is_read_anew(
    folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Compiled(folder)
    Library.load([file], compiled=kept)
    file.write_text(template(ACTIONS.replace("step_up", "forbid")), encoding="utf-8")
    assert not is_from_before(Library.load([file], compiled=kept))
    assert is_from_before(Library.load([file], compiled=kept))
    monkeypatch.setattr(compiled, "_code", lambda: "another version")
    assert not is_from_before(Library.load([file], compiled=kept))
    names = {
        key_of(file, b"x", variables, overlays)
        for variables in ({}, {"shop": {"hosts": ["a"]}})
        for overlays in ([], [(file, b"o")], [(file, b"p")])
    }
    assert len(names) == 6


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch /tmp/secondsig-was-here",)


def sealed(content: bytes) -> bytes:
    """As a careful attacker would write it, checksum and all."""
    return hashlib.sha256(content).digest() + content


@pytest.mark.parametrize(
    "planted",
    [
        sealed(pickle.dumps(Evil())),
        sealed(pickle.dumps({"a": 1})),
        sealed(pickle.dumps(os.path.join)),
        sealed(pickle.dumps(Path("/"))),
        sealed(pickle.dumps(Compiled)),
        sealed(b"not a pickle"),
        pickle.dumps(Evil()),
        b"",
    ],
    ids=["code", "a dict", "a function", "a path", "a class", "noise", "code alone", "empty"],
)
def test_a_planted_file_does_nothing_and_the_template_is_read(
    folder: Path, file: Path, planted: bytes
) -> None:
    kept = Compiled(folder)
    Library.load([file], compiled=kept)
    only(folder).write_bytes(planted)
    assert not is_from_before(Library.load([file], compiled=kept))
    assert not Path("/tmp/secondsig-was-here").exists()
    assert is_from_before(Library.load([file], compiled=kept))


def test_a_damaged_file_is_never_an_error(folder: Path, file: Path) -> None:
    kept = Compiled(folder)
    Library.load([file], compiled=kept)
    whole = only(folder).read_bytes()
    for end in range(0, len(whole), 211):
        only(folder).write_bytes(whole[:end])
        assert not is_from_before(Library.load([file], compiled=kept))
        only(folder).write_bytes(whole[:end] + bytes([whole[end] ^ 1]) + whole[end + 1 :])
        assert not is_from_before(Library.load([file], compiled=kept))


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_that_others_can_enter_is_not_used(folder: Path, file: Path, mode: int) -> None:
    folder.chmod(mode)
    Library.load([file], compiled=Compiled(folder))
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_a_link_or_missing_is_not_used(folder: Path, file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    for place in (link, tmp_path / "none", file):
        assert not is_from_before(Library.load([file], compiled=Compiled(place)))
    assert list(folder.iterdir()) == []


def test_a_file_that_others_may_write_or_that_is_a_link_is_not_read(
    folder: Path, file: Path, tmp_path: Path
) -> None:
    kept = Compiled(folder)
    Library.load([file], compiled=kept)
    only(folder).chmod(0o666)
    assert not is_from_before(Library.load([file], compiled=kept))
    elsewhere = tmp_path / "elsewhere"
    only(folder).rename(elsewhere)
    name = key_of(file, file.read_bytes(), {}, [])
    (folder / name).symlink_to(elsewhere)
    assert not is_from_before(Library.load([file], compiled=kept))


def test_a_folder_of_another_account_is_not_used(
    folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Compiled(folder)
    Library.load([file], compiled=kept)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert not is_from_before(Library.load([file], compiled=kept))
    assert not is_from_before(Library.load([file], compiled=Compiled(folder)))


def test_a_full_disk_only_means_that_nothing_is_kept(
    folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    assert not is_from_before(Library.load([file], compiled=Compiled(folder)))
    assert list(folder.iterdir()) == []


def test_only_so_many_files_are_kept(folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "MAX_FILES", 2)
    for n in range(4):
        file.write_text(template(ACTIONS, f"title: T{n}"), encoding="utf-8")
        Library.load([file], compiled=Compiled(folder))
    assert len(list(folder.iterdir())) == 2


def test_the_usual_folder_is_made_private(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Library.load([file], compiled=Compiled.usual())
    assert is_from_before(Library.load([file], compiled=Compiled.usual()))
    assert (tmp_path / "cache" / "secondsig" / "templates").stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    assert not is_from_before(Library.load([file], compiled=Compiled.usual()))


def test_what_decides_is_kept_in_the_gateways_own_state_and_nowhere_else(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    state = tmp_path / "state"
    assert not is_from_before(Library.load([file], compiled=Compiled.beside(state)))
    assert not state.exists()
    state.mkdir()
    Library.load([file], compiled=Compiled.beside(state))
    assert is_from_before(Library.load([file], compiled=Compiled.beside(state)))
    assert (state / "compiled").stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / "cache").exists()


def test_a_finding_is_known_again_until_the_code_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Compiled(folder)
    found = ({"a": frozenset({"b"})}, frozenset({"c"}))
    assert kept.recall("a") is None
    kept.remember("a", found)
    assert kept.recall("a") == found
    assert kept.recall("b") is None
    assert Compiled(None).recall("a") is None
    only(folder).write_bytes(freeze(("b", found)))
    assert kept.recall("a") is None
    kept.remember("a", found)
    monkeypatch.setattr(compiled, "_code", lambda: "another version")
    assert kept.recall("a") is None
