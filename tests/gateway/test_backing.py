import pytest

from gateway.backing import Backing, method_of
from tests.kit.things import an_envelope

NOBODY: frozenset[str] = frozenset()
MIKA, BOTH = frozenset({"Mika"}), frozenset({"Mika", "Noor"})


def flags(method: str | None, people: frozenset[str], breakers: frozenset[str], programs: frozenset[str]):
    return Backing(people, breakers, programs).flags(an_envelope(quorum=2, decision_method=method))


def test_people_count_once_and_only_they_do() -> None:
    assert flags("passkey", BOTH, NOBODY, MIKA) == {"cosigner": True, "approvals": 2}
    assert flags("passkey", MIKA, NOBODY, BOTH) is None
    assert flags("passkey", MIKA, BOTH, NOBODY) is None


def test_broken_glass_counts_everybody_who_signed_once() -> None:
    assert flags("break_glass", BOTH, MIKA, BOTH) == {"cosigner": True, "approvals": 2, "break_glass": True}


def test_a_program_is_no_cosigner_and_counts_for_nobody() -> None:
    assert flags("delegate", BOTH, NOBODY, frozenset({"fraud"})) == {"delegate": True}


@pytest.mark.parametrize("method", ["break_glass", "delegate", "passkey", None])
def test_a_column_stands_in_for_no_signature(method: str | None) -> None:
    assert flags(method, NOBODY, NOBODY, NOBODY) is None


def test_no_way_is_taken_for_another() -> None:
    assert flags("break_glass", BOTH, NOBODY, MIKA) is None
    assert flags("delegate", BOTH, BOTH, NOBODY) is None


@pytest.mark.parametrize(
    ("column", "method"),
    [("break_glass", "break_glass"), ("delegate", "delegate"), ("timeout", "passkey"), (None, "passkey")],
)
def test_what_is_neither_is_ordinary(column: str | None, method: str) -> None:
    assert method_of(an_envelope(decision_method=column)) == method
