import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.desk.acts.delegations import moment
from gateway.desk.contract import DeskError
from gateway.encoding import b64u, from_b64u
from gateway.errors import StoreError
from gateway.payload import utc
from gateway.store.writes import RevokePerson
from tests.kit.away import DAY, HOUR, lend, set_away
from tests.kit.clocks import START
from tests.kit.stores import FailingStore
from tests.kit.world import World

END = utc(START + HOUR)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    await made.enrol("Tomo")
    made.library.services = {"shop": object()}
    yield made
    await made.close()


async def set_by(world: World, asked: dict[str, Any], person: str = "Mika") -> Any:
    return await world.change("delegation/set", set_away(world), asked, person)


async def nothing_happened(world: World) -> None:
    await world.directory.refresh()
    assert world.directory.delegations == ()
    assert await world.store.signed_changes() == []
    assert await world.said(kind="delegation") == []


async def test_a_person_signs_who_stands_in_for_them_and_until_when(world: World) -> None:
    lent = await lend(world)
    assert (lent.person, lent.delegate, lent.what) == ("Mika", "Tomo", "everything they may approve")
    assert (lent.from_at, lent.until_at) == (START, START + HOUR)
    (row,) = await world.said(kind="delegation")
    assert (row["decision"], row["person"], row["decision_method"]) == ("set", "Mika", "passkey")
    assert row["credential_id"] == b64u(world.passkeys["Mika"].id)
    assert row["detail"].startswith(f"{lent.id}: Tomo may approve everything they may approve, from ")
    (signed,) = await world.store.signed_changes()
    assert (signed.kind, signed.person) == ("delegation/set", "Mika")


async def test_what_is_signed_says_all_of_it(world: World) -> None:
    world.changing.acts["delegation/set"] = set_away(world)
    await lend(world)
    asked = {"to": "Tomo", "from": utc(START + 60), "until": END, "service": "shop"}
    begun = await world.changing.begin(world.session("Mika"), "delegation/set", asked)
    said = json.loads(from_b64u(begun["payload"]))
    assert said["says"] == (
        "While Mika is away, Tomo may approve whatever they may approve of shop, "
        f"from {utc(START + 60)} until {END}."
    )
    assert said["change"] == {
        "person": "Mika", "to": "Tomo", "service": "shop", "group": None, "from": utc(START + 60),
        "until": END, "besides": [f"Tomo: everything they may approve, until {END}"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"to": "Mika", "until": END}, "cannot stand in for yourself"),
        ({"to": "Eve", "until": END}, "Nobody called Eve"),
        ({"to": "ci-bot", "until": END}, "Nobody called ci-bot"),
        ({"to": "Tomo"}, "until has to be a text"),
        ({"to": "Tomo", "until": END, "from": utc(START - 1)}, "The start has passed"),
        ({"to": "Tomo", "until": utc(START)}, "end has to come after"),
        ({"to": "Tomo", "until": END, "from": END}, "end has to come after"),
        ({"to": "Tomo", "until": utc(START + 30 * DAY + 1)}, "longer than 30 days"),
        ({"to": "Tomo", "until": utc(START + 31 * DAY), "from": utc(START + 1)}, "longer than 30 days"),
        ({"to": "Tomo", "until": "tomorrow"}, "has to be a time"),
        ({"to": "Tomo", "until": "2027-1-15T09:00:00Z"}, "has to be a time"),
        ({"to": "Tomo", "until": END, "service": "bank"}, "no service bank"),
        ({"to": "Tomo", "until": END, "group": "everything"}, "no group everything"),
        ({"to": "Tomo", "until": END, "group": "payment", "service": "shop"}, "one service or one group"),
        ({"to": "Tomo", "until": END, "person": "Noor"}, "takes no person"),
        ({"to": ["Tomo"], "until": END}, "to has to be a text"),
    ],
)
async def test_what_makes_no_sense_is_not_signed(world: World, asked: dict[str, Any], says: str) -> None:
    with pytest.raises(DeskError, match=says):
        await set_by(world, asked)
    await nothing_happened(world)


async def test_thirty_days_are_not_too_long(world: World) -> None:
    assert (await lend(world, lasts=30 * DAY)).until_at == START + 30 * DAY


async def test_nobody_sets_a_delegation_with_somebody_elses_passkey(world: World) -> None:
    world.changing.acts["delegation/set"] = set_away(world)
    session = world.session("Mika")
    begun = await world.changing.begin(session, "delegation/set", {"to": "Tomo", "until": END})
    answer = world.passkeys["Tomo"].sign({**begun["options"], "allowCredentials": []})
    with pytest.raises(DeskError) as error:
        await world.changing.finish(session, begun["challenge_id"], answer)
    assert error.value.word == "other_person"
    await nothing_happened(world)


async def test_a_delegate_who_is_revoked_before_the_signature_gets_nothing(world: World) -> None:
    world.changing.acts["delegation/set"] = set_away(world)
    session = world.session("Mika")
    begun = await world.changing.begin(session, "delegation/set", {"to": "Tomo", "until": END})
    await world.store.apply(RevokePerson("Tomo", START))
    answer = world.passkeys["Mika"].sign(begun["options"])
    with pytest.raises(DeskError, match="changed meanwhile"):
        await world.changing.finish(session, begun["challenge_id"], answer)
    await nothing_happened(world)


async def test_a_delegation_that_starts_at_the_signature_is_never_back_dated(world: World) -> None:
    world.changing.acts["delegation/set"] = set_away(world)
    session = world.session("Mika")
    begun = await world.changing.begin(session, "delegation/set", {"to": "Tomo", "until": END})
    world.time.advance(100)
    answer = world.passkeys["Mika"].sign(begun["options"])
    await world.changing.finish(session, begun["challenge_id"], answer)
    (lent,) = world.directory.delegations
    assert (lent.from_at, lent.until_at) == (START + 100, START + HOUR)


async def test_a_delegation_that_starts_before_it_is_signed_is_refused(world: World) -> None:
    world.changing.acts["delegation/set"] = set_away(world)
    session = world.session("Mika")
    asked = {"to": "Tomo", "from": utc(START + 50), "until": END}
    begun = await world.changing.begin(session, "delegation/set", asked)
    world.time.advance(100)
    with pytest.raises(DeskError, match="start has passed"):
        await world.changing.finish(
            session, begun["challenge_id"], world.passkeys["Mika"].sign(begun["options"])
        )
    await nothing_happened(world)


async def test_what_could_not_be_written_lends_nothing(world: World) -> None:
    failing = FailingStore(world.sqlite)
    world.wire(failing)
    await world.directory.refresh()
    failing.fails = lambda _number, name: name == "apply WithSignature"
    with pytest.raises(StoreError):
        await set_by(world, {"to": "Tomo", "until": END})
    await nothing_happened(world)


@given(st.one_of(st.text(max_size=25), st.integers(0, 2**33).map(utc)))
def test_a_time_is_written_in_one_way_or_refused(text: str) -> None:
    try:
        at = moment(text, "until")
    except DeskError:
        return
    assert utc(at) == text
