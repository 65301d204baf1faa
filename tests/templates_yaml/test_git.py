"""The template of git hosts: each branch and tag of a push is asked about alone."""

import pytest

from gateway.errors import Refusal
from gateway.model import Unit
from tests.templates_yaml import walk

GIT = walk.Walk("git", "codeberg.org", usual=("application/x-git-receive-pack-request", b""))
ZERO, ONE, TWO = "0" * 40, "1" * 40, "2" * 40


def packet(text: str) -> bytes:
    return f"{len(text) + 4:04x}{text}".encode()


def pushed(*updates: str, rest: bytes = b"0000PACK") -> tuple[Unit, ...]:
    lines = [packet(line + ("\0report-status" if not index else "")) for index, line in enumerate(updates)]
    operation = walk.Operation("POST", "codeberg.org", "/acme/site.git/git-receive-pack", "push")
    body = walk.Walk(
        "git", "codeberg.org", usual=("application/x-git-receive-pack-request", b"".join(lines) + rest)
    )
    return GIT.library.map(body.request(operation)).units


def test_a_deletion_among_pushes_is_found() -> None:
    units = pushed(f"{ZERO} {ONE} refs/heads/a", f"{ONE} {TWO} refs/heads/b", f"{ONE} {ZERO} refs/heads/c")
    assert [unit.action for unit in units] == ["/git/ref/create", "/git/ref/update", "/git/ref/delete"]
    assert {unit.risk for unit in units} == {"step_up"}


def test_only_an_empty_push_is_a_probe() -> None:
    assert [unit.risk for unit in pushed(rest=b"0000")] == ["low"]


@pytest.mark.parametrize("rest", [b"", b"0001", b"PACK"])
def test_a_push_that_is_cut_or_garbled_is_refused(rest: bytes) -> None:
    with pytest.raises(Refusal):
        pushed(f"{ZERO} {ONE} refs/heads/a", rest=rest)


def test_one_branch_named_twice_is_refused() -> None:
    with pytest.raises(Refusal):
        pushed(f"{ZERO} {ONE} refs/heads/a", f"{ONE} {ZERO} refs/heads/a")


def test_fetching_passes() -> None:
    assert GIT.asked("POST", "codeberg.org/acme/site.git/git-upload-pack", b"0000").risk == "low"
