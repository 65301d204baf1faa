"""How often people may be asked: each cap, and each way around it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.envelopes import Cap, Caps, Step
from gateway.store import contract as c
from gateway.store import writes
from tests.kit.clocks import START
from tests.kit.stores import TimedStore, with_people
from tests.kit.things import a_token, an_agent, an_envelope

WIDE = Cap(100, 100, 100)


def caps(agent: Cap = WIDE, team: Cap = WIDE, everybody: Cap = WIDE) -> Caps:
    return Caps(agent, team, everybody)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[TimedStore]:
    made = TimedStore(tmp_path / "test.db")
    await with_people(made)
    yield made
    await made.close()


async def opened(
    store: TimedStore, number: int, limit: Caps, *, agent: str = "ci-bot", at: int = 0
) -> c.Applied:
    return await store.apply(
        writes.Open(
            an_envelope(
                id=f"env_{number}",
                join_key=str(number),
                agent=agent,
                opened_at=START + at,
                expires_at=START + at + 60,
            ),
            limit,
        )
    )


@pytest.mark.parametrize(
    ("who", "limit"),
    [
        ("agent", caps(agent=Cap(2, 100, 100))),
        ("team", caps(team=Cap(2, 100, 100))),
        ("everybody", caps(everybody=Cap(2, 100, 100))),
    ],
)
async def test_people_are_not_buried_under_questions(store: TimedStore, who: str, limit: Caps) -> None:
    await store.apply(writes.AddAgent(an_agent("member", team="night"), a_token("member")))
    for number in range(2):
        assert isinstance(await opened(store, number, limit, agent="member", at=number), c.Done)
    lost = await opened(store, 2, limit, agent="member", at=5)
    assert isinstance(lost, c.Lost)
    assert lost.full == c.Full(who, "waiting", 55)  # type: ignore[arg-type]  # one of the three words


@pytest.mark.parametrize(("what", "window"), [("minute", 60), ("hour", 3600)])
async def test_questions_that_ended_still_count_in_their_window(
    store: TimedStore, what: str, window: int
) -> None:
    limit = caps(agent=Cap(100, 2, 100) if what == "minute" else Cap(100, 100, 2))
    for number in range(2):
        assert isinstance(await opened(store, number, limit, at=number), c.Done)
        await store.apply(writes.Move(f"env_{number}", 1, Step.CANCEL, START + number))
    lost = await opened(store, 2, limit, at=10)
    assert isinstance(lost, c.Lost)
    assert lost.full == c.Full("agent", what, window - 10)  # type: ignore[arg-type]  # one of the two words
    assert isinstance(await opened(store, 3, limit, at=window), c.Done)


async def test_an_hour_is_counted_to_its_end(store: TimedStore) -> None:
    limit = caps(everybody=Cap(100, 100, 2))
    for number in range(2):
        assert isinstance(await opened(store, number, limit), c.Done)
        await store.apply(writes.Move(f"env_{number}", 1, Step.CANCEL, START))
    lost = await opened(store, 2, limit, at=3599)
    assert isinstance(lost, c.Lost)
    assert lost.full == c.Full("everybody", "hour", 1)


async def test_the_team_is_counted_together_and_other_teams_apart(store: TimedStore) -> None:
    for name, team in (("first", "night"), ("mate", "night"), ("other", "day")):
        await store.apply(writes.AddAgent(an_agent(name, team=team), a_token(name)))
    limit = caps(team=Cap(1, 100, 100))
    assert isinstance(await opened(store, 0, limit, agent="first"), c.Done)
    lost = await opened(store, 1, limit, agent="mate")
    assert isinstance(lost, c.Lost)
    assert lost.full is not None
    assert lost.full.who == "team"
    assert isinstance(await opened(store, 2, limit, agent="other"), c.Done)


async def test_agents_without_a_team_are_no_team(store: TimedStore) -> None:
    for number, name in enumerate(("loner", "hermit")):
        await store.apply(writes.AddAgent(an_agent(name), a_token(name)))
        limit = caps(team=Cap(1, 100, 100))
        assert isinstance(await opened(store, number, limit, agent=name), c.Done)
