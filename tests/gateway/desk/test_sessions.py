import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.canonical import sha256
from gateway.desk.contract import DeskError, Session, Visitor
from gateway.desk.sessions import OwnSessions
from gateway.store.writes import RevokeKey
from tests.kit.clocks import START
from tests.kit.world import World

PHONE, LAPTOP = Visitor("10.4.2.17", "Firefox <b>"), Visitor("192.0.2.1", "Chrome")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    await made.enrol("Noor")
    yield made
    await made.close()


async def sign_in(world: World, visitor: Visitor, person: str = "Mika") -> tuple[str, str, Session]:
    begun = await world.signing_in.login_begin()
    answer = world.passkeys[person].sign(begun["options"])
    done = await world.signing_in.login_finish(begun["challenge_id"], answer, visitor)
    session = world.signing_in.session(done.cookie, done.body["tab"])
    assert session is not None
    return done.cookie, done.body["tab"], session


async def test_a_session_is_listed_with_where_and_when_and_without_what_opens_it(world: World) -> None:
    own = OwnSessions(world.signing_in)
    cookie, tab, phone = await sign_in(world, PHONE)
    world.time.advance(60)
    _, _, laptop = await sign_in(world, LAPTOP)
    await sign_in(world, LAPTOP, "Noor")
    listed = own.listed(laptop)
    newest, oldest = listed["sessions"]
    assert (newest["this"], oldest["this"]) == (True, False)
    assert (oldest["address"], oldest["browser"]) == ("10.4.2.17", "Firefox <b>")
    assert oldest["signed_in_at"] < newest["signed_in_at"] < newest["expires_at"]
    told = json.dumps(listed)
    for secret in (cookie, tab, sha256(cookie.encode()), phone.id, laptop.id):
        assert secret not in told


async def test_one_session_is_ended_from_another_and_a_row_says_so(world: World) -> None:
    own = OwnSessions(world.signing_in)
    cookie, tab, _ = await sign_in(world, PHONE)
    world.time.advance(1)
    _, _, laptop = await sign_in(world, LAPTOP)
    stolen = own.listed(laptop)["sessions"][1]["id"]
    assert await own.revoke(laptop, stolen) == {"ended": [stolen]}
    assert world.signing_in.session(cookie, tab) is None
    assert [session.token_hash for session in await world.store.sessions()] == [laptop.id]
    (row,) = await world.said(kind="session", decision="revoked")
    assert (row["person"], row["address"], row["detail"]) == ("Mika", "10.4.2.17", stolen)
    with pytest.raises(DeskError, match="no such session"):
        await own.revoke(laptop, stolen)


async def test_nobody_ends_the_session_of_somebody_else(world: World) -> None:
    own = OwnSessions(world.signing_in)
    cookie, tab, mine = await sign_in(world, PHONE)
    _, _, noor = await sign_in(world, LAPTOP, "Noor")
    wanted = own.listed(mine)["sessions"][0]["id"]
    with pytest.raises(DeskError, match="no such session"):
        await own.revoke(noor, wanted)
    assert await own.revoke_others(noor) == {"ended": []}
    assert world.signing_in.session(cookie, tab) is not None


async def test_all_others_end_and_the_one_that_asks_stays(world: World) -> None:
    own = OwnSessions(world.signing_in)
    stolen = [await sign_in(world, PHONE) for _ in range(3)]
    cookie, tab, mine = await sign_in(world, LAPTOP)
    ended = await own.revoke_others(mine)
    assert len(ended["ended"]) == len(stolen)
    assert [world.signing_in.session(*halves[:2]) for halves in stolen] == [None] * 3
    assert world.signing_in.session(cookie, tab) is not None


async def test_what_is_over_is_not_listed(world: World) -> None:
    world.set(session=100)
    own = OwnSessions(world.signing_in)
    await sign_in(world, PHONE)
    world.time.advance(101)
    _, _, mine = await sign_in(world, LAPTOP)
    assert [each["this"] for each in own.listed(mine)["sessions"]] == [True]
    await world.store.apply(RevokeKey(world.passkeys["Mika"].id, START))
    await world.directory.refresh()
    assert own.listed(mine)["sessions"] == []
    assert own.listed(Session("x", "Ghost", b"", ""))["sessions"] == []


async def test_a_session_says_after_a_restart_where_it_came_from(world: World) -> None:
    _, _, mine = await sign_in(world, PHONE)
    await world.restart()
    await world.signing_in.load()
    (one,) = OwnSessions(world.signing_in).listed(mine)["sessions"]
    assert (one["address"], one["passkey"]) == ("10.4.2.17", "Mika's phone")
