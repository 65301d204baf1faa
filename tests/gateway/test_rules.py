from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.model import ServiceMode
from gateway.rules import Stake, approvers, digest_with_limits, rules_digest, standing, with_directory
from gateway.settings import Limits, Service, Settings
from gateway.store.things import Holder
from gateway.store.writes import RevokePerson
from tests.kit.clocks import START
from tests.kit.things import a_mapped
from tests.kit.world import PlayedLibrary, PlayedPolicy, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    await made.add_agent("owned", owner="Mika")
    await made.enrol("Noor")
    yield made
    await made.close()


def stands(world: World, person: str, agent: str = "ci-bot", quorum: int = 1) -> str:
    return standing(world.rules(), world.directory, person, Stake(agent, a_mapped(), quorum, START, "high"))


def test_somebody_whom_policy_lets_may_approve(world: World) -> None:
    assert stands(world, "Mika") == "ok"
    world.policy.approvers = frozenset({"Noor"})
    assert stands(world, "Mika") == "not_allowed"


def test_a_stranger_has_no_passkey(world: World) -> None:
    assert stands(world, "Eve") == "no_passkey"


async def test_a_revoked_person_has_no_passkey(world: World) -> None:
    await world.store.apply(RevokePerson("Mika", 1))
    await world.directory.refresh()
    assert stands(world, "Mika") == "no_passkey"


@pytest.mark.parametrize(
    ("may", "quorum", "expected"),
    [(False, 1, "own_request"), (True, 1, "ok"), (True, 2, "own_request"), (False, 2, "own_request")],
)
def test_nobody_approves_for_themselves_by_accident(
    world: World, may: bool, quorum: int, expected: str
) -> None:
    world.set(owner_may_approve=may)
    assert stands(world, "Mika", "owned", quorum) == expected
    assert stands(world, "Noor", "owned", quorum) == "ok"


def test_policy_hears_whether_it_is_the_owner_and_decides_last(world: World) -> None:
    heard: list[tuple[str, bool]] = []

    class Hearing(PlayedPolicy):
        def may_approve(
            self, person: str, *, agent: str, owner: bool, mapped: Any, signing: Any = None
        ) -> bool:
            heard.append((person, owner))
            return False

    world.policy = Hearing()
    world.set(owner_may_approve=True)
    assert stands(world, "Mika", "owned") == "not_allowed"
    assert stands(world, "Mika", "ci-bot") == "not_allowed"
    assert heard == [("Mika", True), ("Mika", False)]


def test_a_removed_agents_envelope_has_no_owner_to_protect(world: World) -> None:
    assert stands(world, "Mika", "ghost") == "ok"


def test_only_those_who_count_are_approvers(world: World) -> None:
    stake = Stake("owned", a_mapped(), 1, START, "high")
    assert approvers(world.rules(), world.directory, stake) == ["Noor"]
    world.policy.approvers = frozenset()
    assert approvers(world.rules(), world.directory, stake) == []


def digest(settings: Settings, library: object = None, policy: object = None) -> str:
    return rules_digest(
        cast("Any", library or PlayedLibrary()), cast("Any", policy or PlayedPolicy()), settings
    )


def plain() -> Settings:
    return Settings(
        file=Path("/s"), state=Path("/s"), policy=Path("/p"), entities=Path("/e"), templates={"a": Service()}
    )


@pytest.mark.parametrize(
    "change",
    [
        {"unknown_hosts": "watch"},
        {"trusted_hosts": ("x.test",)},
        {"templates": {"a": Service(ServiceMode.WATCH)}},
        {"templates": {"a": Service(ServiceMode.OFF)}},
        {"templates": {}},
        {"config_trust": "signed"},
    ],
)
def test_a_setting_that_decides_changes_the_digest(change: dict[str, Any]) -> None:
    assert digest(replace(plain(), **change)) != digest(plain())


@pytest.mark.parametrize("change", [{"owner_may_approve": True}, {"max_quorum": 2}, {"join": "agent"}])
def test_a_way_of_asking_that_decides_changes_the_digest(change: dict[str, Any]) -> None:
    approvals = replace(plain().approvals, **change)
    assert digest(replace(plain(), approvals=approvals)) != digest(plain())


def test_templates_and_policy_change_the_digest_and_a_mere_size_does_not() -> None:
    assert digest(plain(), library=PlayedLibrary(digest="other")) != digest(plain())
    assert digest(plain(), policy=PlayedPolicy(digest="other")) != digest(plain())
    assert digest(replace(plain(), limits=replace(Limits(), body=5), name="x")) == digest(plain())


def test_policy_is_told_who_is_there(world: World) -> None:
    told: list[Any] = []

    class Listening(PlayedPolicy):
        def with_directory(self, agents: Any, people: Any) -> PlayedPolicy:
            told.extend((sorted(agents, key=lambda a: a.name), sorted(people, key=lambda p: p.name)))
            return self

    with_directory(cast("Any", Listening()), world.directory)
    agents, people = told
    assert [(a.name, a.team, a.owner) for a in agents] == [
        ("ci-bot", "platform", None),
        ("owned", "platform", "Mika"),
    ]
    assert [(p.name, p.groups) for p in people] == [("Mika", ("approvers",)), ("Noor", ("approvers",))]


def test_limits_of_the_pages_change_the_digest_whatever_their_order() -> None:
    ci, team = Holder("agent", "ci"), Holder("team", "t")
    both = digest_with_limits("files", {ci: {"jpy": 1, "eur": 2}, team: {"jpy": 3}})
    assert digest_with_limits("files", {}) == "files"
    assert both == digest_with_limits("files", {team: {"jpy": 3}, ci: {"eur": 2, "jpy": 1}})
    others = [
        digest_with_limits("other", {ci: {"jpy": 1, "eur": 2}, team: {"jpy": 3}}),
        digest_with_limits("files", {ci: {"jpy": 1, "eur": 2}, team: {"jpy": 4}}),
        digest_with_limits("files", {ci: {"jpy": 1, "eur": 2}}),
        digest_with_limits("files", {Holder("team", "ci"): {"jpy": 1, "eur": 2}, team: {"jpy": 3}}),
    ]
    assert both not in others
