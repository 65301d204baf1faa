"""What a person reads of a drafted action."""

import pytest

from gateway.authoring.fields import Telling
from gateway.authoring.naming import routes
from gateway.authoring.operations import Operation
from gateway.authoring.sentences import plain, sentence


@pytest.mark.parametrize(
    ("summary", "path", "wanted"),
    [
        ("Delete a pet.", "/pets/{pet_id}", "Delete pet {pet_id}"),
        (
            "delete the pet of an owner",
            "/owners/{owner}/pets/{pet}",
            "Delete pet {pet} of an owner of {owner}",
        ),
        ("Merge", "/repos/{owner}/{repo}", "Merge: {owner}/{repo}"),
        ("List {all} [pets]", "/pets", "List {{all}} [[pets]]"),
        ("", "/pets", "List all pet"),
        ("Cost ${x}", "/pets", "Cost $ {{x}}"),
    ],
)
def test_the_summary_becomes_a_sentence_with_captures(summary: str, path: str, wanted: str) -> None:
    operation = Operation("GET", path, "x", summary=summary)
    ((route,), _) = routes([operation])
    assert sentence(operation, route, "pet/list_all", ()) == wanted


def test_what_the_body_tells_is_optional() -> None:
    operation = Operation("GET", "/pets", "x", summary="Buy")
    ((route,), _) = routes([operation])
    told = [Telling("money", "amount", "", 1), Telling("full_name", "n", "", "")]
    assert sentence(operation, route, "x", told) == "Buy[, {money}][, full name {full_name}]"


def test_a_summary_cannot_break_out_of_its_line() -> None:
    assert plain("a\nb\u202ec\x1b[2J .") == "a b c [2J"
