import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.audit import Kind
from gateway.canonical import sha256
from gateway.demo.authenticator import SoftPasskey
from gateway.desk.changing import LIFE, Plan, Signed, check_administrator, done, only, text_of
from gateway.desk.contract import DeskError
from gateway.encoding import b64u, from_b64u
from gateway.store.contract import Lost
from gateway.store.writes import Record, RevokePerson
from tests.kit.things import KEYS, RP_ID
from tests.kit.world import World


@dataclass
class Paint:
    """An act that changes a colour, of which it also says what it is now."""

    colour: str = "grey"
    allowed: bool = True
    before: Callable[[], Awaitable[object]] | None = None

    async def plan(self, person: str, asked: dict[str, Any]) -> Plan:
        if not self.allowed:
            raise DeskError(403, "not_administrator", "No.")
        to = text_of(asked, "colour")
        return Plan(f"Paint it {to}.", {"colour": {"from": self.colour, "to": to}})

    async def perform(self, plan: Plan, signed: Signed) -> dict[str, Any]:
        if self.before:
            await self.before()
        done(await signed.apply(Record(), [signed.row(Kind.CONFIG, "painted", detail=plan.says)]))
        self.colour = plan.change["colour"]["to"]
        return {"colour": self.colour, "by": signed.person, "at": signed.at}


@dataclass
class Painting:
    world: World
    act: Paint

    async def begin(self, person: str = "Mika", colour: str = "red") -> dict[str, Any]:
        return await self.world.changing.begin(self.world.session(person), "paint", {"colour": colour})

    async def finish(
        self, begun: dict[str, Any], person: str = "Mika", passkey: SoftPasskey | None = None
    ) -> dict[str, Any]:
        options = {**begun["options"], "allowCredentials": []}
        answer = (passkey or self.world.passkeys[person]).sign(options)
        return await self.world.changing.finish(self.world.session(person), begun["challenge_id"], answer)


@pytest.fixture
async def painting(tmp_path: Path) -> AsyncIterator[Painting]:
    world, act = await World(tmp_path).open(), Paint()
    world.changing.acts["paint"] = act
    yield Painting(world, act)
    await world.close()


async def unpainted(painting: Painting) -> bool:
    kept = await painting.world.store.signed_changes()
    return painting.act.colour == "grey" and kept == [] and await painting.world.said(kind="config") == []


async def test_what_was_signed_happens_and_its_signature_is_kept(painting: Painting) -> None:
    begun = await painting.begin()
    answer = await painting.finish(begun)
    assert (answer["colour"], answer["by"]) == ("red", "Mika")
    payload = from_b64u(begun["payload"])
    said = json.loads(payload)
    assert (said["type"], said["person"], said["says"]) == (
        "secondsig/administration",
        "Mika",
        "Paint it red.",
    )
    assert said["change"] == {"colour": {"from": "grey", "to": "red"}}
    (kept,) = await painting.world.store.signed_changes()
    assert (kept.kind, kept.person, kept.payload_sha256) == ("paint", "Mika", sha256(payload))
    assert KEYS.unseal(kept.id, kept.sealed_payload) == payload
    assert kept.credential_id == painting.world.passkeys["Mika"].id
    (row,) = await painting.world.said(kind="config")
    assert (row["decision"], row["person"], row["decision_method"]) == ("painted", "Mika", "passkey")
    assert row["credential_id"] == b64u(kept.credential_id)


async def test_the_challenge_binds_the_payload_that_is_shown(painting: Painting) -> None:
    begun = await painting.begin()
    challenge = from_b64u(begun["options"]["challenge"])
    assert challenge[32:].hex() == sha256(from_b64u(begun["payload"]))


async def test_a_signature_is_used_once(painting: Painting) -> None:
    begun = await painting.begin()
    await painting.finish(begun)
    painting.act.colour = "grey"
    with pytest.raises(DeskError, match="used already"):
        await painting.finish(begun)


async def test_a_change_is_not_signed_after_its_time(painting: Painting) -> None:
    begun = await painting.begin()
    painting.world.time.advance(LIFE)
    with pytest.raises(DeskError, match="too late"):
        await painting.finish(begun)
    assert await unpainted(painting)


async def test_a_session_without_the_passkey_changes_nothing(painting: Painting) -> None:
    begun = await painting.begin()
    with pytest.raises(DeskError, match="not enrolled"):
        await painting.finish(begun, passkey=SoftPasskey(RP_ID, "http://localhost:8081"))
    assert await unpainted(painting)


async def test_somebody_elses_passkey_does_not_sign_for_me(painting: Painting) -> None:
    await painting.world.enrol("Noor")
    begun = await painting.begin()
    with pytest.raises(DeskError, match="somebody else"):
        await painting.finish(begun, passkey=painting.world.passkeys["Noor"])
    assert await unpainted(painting)


async def test_somebody_elses_question_is_not_answered_by_me(painting: Painting) -> None:
    await painting.world.enrol("Noor")
    begun = await painting.begin("Noor")
    with pytest.raises(DeskError, match="used already"):
        await painting.finish(begun)
    assert await unpainted(painting)


async def test_an_approval_of_a_request_is_no_signature_of_a_change(painting: Painting) -> None:
    envelope = await painting.world.opened()
    asked = await painting.world.deciding.sign(painting.world.session("Mika"), envelope.id)
    with pytest.raises(DeskError, match="used already"):
        await painting.finish(asked)
    assert await unpainted(painting)


async def test_a_signature_of_a_change_approves_no_request(painting: Painting) -> None:
    envelope = await painting.world.opened()
    begun = await painting.begin()
    answer = painting.world.passkeys["Mika"].sign(begun["options"])
    with pytest.raises(DeskError, match="used already"):
        await painting.world.deciding.approve(
            painting.world.session("Mika"), envelope.id, begun["challenge_id"], answer
        )


async def test_what_changed_after_it_was_shown_is_not_done(painting: Painting) -> None:
    begun = await painting.begin()
    painting.act.colour = "blue"
    with pytest.raises(DeskError, match="not what would happen"):
        await painting.finish(begun)
    assert painting.act.colour == "blue"
    assert await painting.world.store.signed_changes() == []


async def test_who_lost_the_right_after_it_was_shown_does_not_change_it(painting: Painting) -> None:
    begun = await painting.begin()
    painting.act.allowed = False
    with pytest.raises(DeskError, match="No"):
        await painting.finish(begun)
    assert await unpainted(painting)


async def test_a_passkey_revoked_before_the_write_changes_nothing(painting: Painting) -> None:
    begun, world = await painting.begin(), painting.world
    painting.act.before = lambda: world.store.apply(RevokePerson("Mika", world.store.now()))
    with pytest.raises(DeskError, match="meanwhile"):
        await painting.finish(begun)
    assert await unpainted(painting)


async def test_one_counter_signs_one_change_of_two_at_once(painting: Painting) -> None:
    """A copy of the passkey's answer for a second question moves no counter twice."""
    first, second = await painting.begin(), await painting.begin(colour="blue")
    device = painting.world.passkeys["Mika"]
    await painting.finish(first)
    painting.act.colour = "grey"
    device.sign_count -= 1
    with pytest.raises(DeskError):
        await painting.finish(second)
    assert painting.act.colour == "grey"


async def test_what_is_lost_keeps_no_signature(painting: Painting) -> None:
    begun = await painting.begin()
    world = painting.world
    await painting.finish(begun)
    (kept,) = await world.store.signed_changes()
    credential = await world.store.credential(kept.credential_id)
    assert credential is not None
    signed = Signed(world.store, replace(kept, id="other"), replace(credential, sign_count=99))
    assert isinstance(await signed.apply(RevokePerson("Nobody", 1), []), Lost)
    assert len(await world.store.signed_changes()) == 1


async def test_an_unknown_change_is_refused(painting: Painting) -> None:
    with pytest.raises(DeskError, match="no change called"):
        await painting.world.changing.begin(painting.world.session("Mika"), "rm -rf", {})


async def test_only_administrators_change_what_is_theirs(painting: Painting) -> None:
    world = painting.world
    for administrators, passes in ((frozenset[str](), False), (frozenset({"Mika"}), True)):
        world.policy.administrators = administrators
        if passes:
            check_administrator(world.rules(), world.directory, "Mika")
        else:
            with pytest.raises(DeskError, match="Only an administrator"):
                check_administrator(world.rules(), world.directory, "Mika")
    world.policy.administrators = frozenset({"Ghost"})
    with pytest.raises(DeskError, match="Only an administrator"):
        check_administrator(world.rules(), world.directory, "Ghost")


@pytest.mark.parametrize("asked", [{}, {"colour": 7}, {"colour": ""}, {"colour": "x" * 201}])
def test_a_text_is_a_text(asked: dict[str, Any]) -> None:
    with pytest.raises(DeskError, match="colour has to be"):
        text_of(asked, "colour")


def test_what_is_not_understood_is_not_signed() -> None:
    only({"agent": "a"}, "agent")
    with pytest.raises(DeskError, match="takes no also"):
        only({"agent": "a", "also": 1}, "agent")


def test_what_was_lost_is_not_called_done() -> None:
    with pytest.raises(DeskError, match="changed meanwhile"):
        done(Lost("absent"))
