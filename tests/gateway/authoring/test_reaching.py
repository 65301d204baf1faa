"""An action is unreachable only if every request that it matches is surely another's."""

import pytest

from gateway.authoring import reaching
from gateway.authoring.reaching import unreachable
from gateway.templates.language import TooLarge
from tests.gateway.authoring.lint_shop import subject

GET = "{id: get, match: {method: GET, path: /a}, summary: Get}"


def lost(*actions: str, more: str = "") -> dict[str, list[str]]:
    service = subject("\n".join(actions), more).service
    return {action.id: [winner.id for winner in winners] for action, winners in unreachable(service)}


def test_all_paths_must_be_taken() -> None:
    both = '{id: both, match: {method: GET, path: [/a, "/b/{x}"]}, summary: Both}'
    more = '{id: more, match: {method: GET, path: "/b/{x}"}, summary: More}'
    assert lost(both, GET) == {}
    assert lost(both, GET, more) == {"both": ["get", "more"]}


def test_any_method_is_never_taken_whole() -> None:
    assert lost("{id: any, match: {path: /a}, summary: Any}", GET) == {}


@pytest.mark.parametrize(
    ("one", "two", "taken"),
    [
        ("{'json:/draft': true}", "{'json:/draft': {not: [true]}}", True),
        ("{'json:/draft': present}", "{'json:/draft': absent}", True),
        ("{'json:/draft': true}", "{'json:/draft': {not: [true, absent]}}", False),
        ("{'json:/draft': true}", "{'json:/other': {not: [true]}}", False),
        ("{'json:/draft': true}", "{'json:/draft': false}", False),
        ("{'json:/draft': true, 'query:q': x}", "{'json:/draft': {not: [true]}}", False),
    ],
)
def test_two_that_leave_no_value_of_one_condition_take_it_all(one: str, two: str, taken: bool) -> None:
    made = lost(
        "{id: plain, match: {method: POST, path: /a}, summary: Plain}",
        f"{{id: one, match: {{method: POST, path: /a, where: {one}}}, summary: One, over: [two]}}",
        f"{{id: two, match: {{method: POST, path: /a, where: {two}}}, summary: Two}}",
    )
    assert bool(made) is taken


def test_patterns_and_affixes_are_sampled() -> None:
    params = 'params: {n: {pattern: "[0-9]+"}}\n'
    wide = '{id: wide, match: {method: [GET, POST], path: "/x/{n}:go"}, summary: Wide}'
    get = '{id: g, match: {method: GET, path: "/x/{n}:go"}, summary: G}'
    post = '{id: p, match: {method: POST, path: "/x/{n}:go"}, summary: P}'
    assert lost(wide, get, post, more=params) == {"wide": ["g", "p"]}


def test_an_action_without_a_path_counts_as_reachable() -> None:
    anywhere = '{id: anywhere, match: {method: GET, where: {"query:a": b}}, over: [get], summary: Anywhere}'
    assert lost(anywhere, GET) == {}


@pytest.mark.parametrize("where", ["within", "overlap"])
def test_what_cannot_be_compared_counts_as_reachable(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    params = 'params: {n: {pattern: "[0-9]+"}}\n'
    service = subject(
        """
{id: both, match: {method: [GET, POST], path: "/{n}"}, summary: Both}
{id: g, match: {method: GET, path: "/{n}"}, summary: G}
{id: p, match: {method: POST, path: "/{n}"}, summary: P}""",
        params,
    ).service
    assert len(list(unreachable(service))) == 1

    def too_large(*_: object) -> bool:
        raise TooLarge

    monkeypatch.setattr(reaching, where, too_large)
    assert list(unreachable(service)) == []


def test_what_no_action_names_is_no_ones_to_take() -> None:
    service = subject(GET).service
    assert list(reaching._pieces(service.unmatched["read"])) == []
    assert (
        reaching._only_condition(next(reaching._pieces(service.actions[0])), service.unmatched["read"])
        is None
    )
