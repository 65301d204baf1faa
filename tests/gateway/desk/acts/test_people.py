from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.authenticator import SoftPasskey
from gateway.desk.acts.people import (
    ALONE,
    LINK_LIFE,
    AddKey,
    ConfirmPerson,
    InvitePerson,
    Known,
    NameKey,
    RecoverPerson,
)
from gateway.desk.contract import DeskError, SignedIn
from gateway.encoding import b64u
from gateway.passkeys import Credential
from gateway.store.writes import RevokePerson
from tests.kit.things import ORIGIN, RP_ID
from tests.kit.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    made.policy.administrators = frozenset({"Mika", "Tomo"})
    yield made
    await made.close()


def known(world: World) -> Known:
    return Known(world.store, world.directory, world.rules, world.directory.refresh)


async def invite(world: World, name: str = "Noor", by: str = "Mika", **changes: Any) -> str:
    asked = {"name": name, "groups": ["approvers"], **changes}
    told = await world.change("person/invite", InvitePerson(known(world)), asked, by)
    return str(told["url"]).partition("#")[2]


async def enrol(world: World, token: str, name: str = "Noor") -> tuple[SoftPasskey, Credential]:
    """Whoever has the link registers a device; it waits."""
    device = SoftPasskey(RP_ID, ORIGIN)
    begun = await world.signing_in.enrol_begin(token, name)
    done = await world.signing_in.enrol_finish(
        begun["challenge_id"], device.register(begun["options"]), token
    )
    assert not isinstance(done, SignedIn)
    (key,) = [key for key in world.directory.people[begun["person"]].waiting if key.id == device.id]
    assert done["credential"]["fingerprint"] == key.fingerprint
    return device, key


async def confirm(world: World, key: Credential, by: str = "Mika", fingerprint: str | None = None) -> None:
    asked = {"credential": b64u(key.id), "fingerprint": fingerprint or key.fingerprint}
    await world.change("person/confirm", ConfirmPerson(known(world)), asked, by)


async def sign_in(world: World, device: SoftPasskey) -> SignedIn:
    begun = await world.signing_in.login_begin()
    return await world.signing_in.login_finish(begun["challenge_id"], device.sign(begun["options"]))


async def recover(world: World, person: str = "Tomo", by: str = "Mika") -> dict[str, Any]:
    return await world.change("person/recover", RecoverPerson(known(world)), {"person": person}, by)


# Inviting. -----------------------------------------------------------------------------------------------


async def test_an_invited_person_signs_in_once_the_inviter_confirmed_the_key(world: World) -> None:
    device, key = await enrol(world, await invite(world))
    assert world.directory.people["Noor"].credentials == ()
    with pytest.raises(DeskError, match="once Mika has confirmed"):
        await sign_in(world, device)
    await confirm(world, key)
    assert (await sign_in(world, device)).body["person"]["name"] == "Noor"
    decisions = [row["decision"] for row in await world.said(kind="person")]
    assert decisions == ["invited", "enrolled", "confirmed"]


async def test_a_key_that_nobody_confirmed_approves_nothing(world: World) -> None:
    device, _ = await enrol(world, await invite(world))
    world.passkeys["Noor"] = device
    envelope = await world.opened()
    with pytest.raises(DeskError, match="No passkey of yours"):
        await world.approve(envelope.id, "Noor")


async def test_the_waiting_of_a_key_counts_for_no_quorum_of_reachable_people(world: World) -> None:
    await enrol(world, await invite(world))
    assert not world.directory.has_passkey("Noor")


async def test_another_fingerprint_is_not_confirmed(world: World) -> None:
    """Somebody else opened the link first: the keys differ, and the inviter hears another fingerprint."""
    device, key = await enrol(world, await invite(world))
    with pytest.raises(DeskError, match="not the fingerprint"):
        await confirm(world, key, fingerprint="0000 0000 0000 0000")
    with pytest.raises(DeskError, match="once Mika"):
        await sign_in(world, device)


async def test_a_fingerprint_may_be_typed_as_one_word(world: World) -> None:
    _, key = await enrol(world, await invite(world))
    await confirm(world, key, fingerprint=key.fingerprint.replace(" ", "").upper())
    assert world.directory.has_passkey("Noor")


async def test_only_the_inviter_confirms(world: World) -> None:
    await world.enrol("Tomo")
    _, key = await enrol(world, await invite(world))
    with pytest.raises(DeskError, match="Only Mika"):
        await confirm(world, key, by="Tomo")
    assert not world.directory.has_passkey("Noor")


async def test_the_guest_does_not_confirm_themself(world: World) -> None:
    device, key = await enrol(world, await invite(world))
    world.passkeys["Noor"] = device
    with pytest.raises(DeskError, match="Only Mika"):
        await confirm(world, key, by="Noor")


async def test_a_key_is_confirmed_once(world: World) -> None:
    _, key = await enrol(world, await invite(world))
    await confirm(world, key)
    with pytest.raises(DeskError, match="No such passkey waits"):
        await confirm(world, key)


async def test_whom_a_revoked_inviter_invited_is_never_confirmed(world: World) -> None:
    _, key = await enrol(world, await invite(world))
    open_link = await invite(world, "Ali")
    await world.store.apply(RevokePerson("Mika", world.store.now()))
    await world.directory.refresh()
    assert key.id not in [each.id for each in world.directory.people["Noor"].waiting]
    with pytest.raises(DeskError, match="used already"):
        await world.signing_in.enrol_begin(open_link, "Ali")


async def test_only_administrators_invite(world: World) -> None:
    await world.enrol("Ali")
    with pytest.raises(DeskError, match="Only an administrator"):
        await invite(world, by="Ali")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"groups": ["aprovers"]}, "no group aprovers"),
        ({"groups": []}, "has to be a list"),
        ({"groups": "approvers"}, "has to be a list"),
        ({"groups": [1]}, "has to be a list"),
        ({"name": "Mika"}, "enrolled already"),
        ({"name": "\u202eMika"}, "A name has"),
        ({"admin": True}, "takes no admin"),
    ],
)
async def test_an_invitation_that_makes_no_sense_is_not_signed(
    world: World, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(DeskError, match=said):
        await invite(world, **asked)


async def test_the_guest_gets_the_name_and_groups_that_were_signed(world: World) -> None:
    token = await invite(world)
    _, key = await enrol(world, token, "Somebody Else")
    assert key.person == "Noor"
    assert world.directory.people["Noor"].person.groups == ("approvers",)


async def test_a_link_works_once_and_ten_minutes(world: World) -> None:
    token = await invite(world)
    await enrol(world, token)
    with pytest.raises(DeskError, match="used already"):
        await world.signing_in.enrol_begin(token, "Noor")
    late = await invite(world, "Ali")
    world.time.advance(LINK_LIFE)
    with pytest.raises(DeskError, match="expired"):
        await world.signing_in.enrol_begin(late, "Ali")


async def test_an_agent_without_an_owner_is_not_adopted_by_a_guest(world: World) -> None:
    _, key = await enrol(world, await invite(world))
    await confirm(world, key)
    assert world.directory.agents["ci-bot"].owner is None


# Further keys. -------------------------------------------------------------------------------------------


async def add_key(world: World, by: str = "Mika") -> str:
    told = await world.change("key/add", AddKey(known(world)), {}, by)
    return str(told["url"]).partition("#")[2]


async def test_an_old_key_asks_for_a_new_one_and_confirms_it(world: World) -> None:
    device, key = await enrol(world, await add_key(world), "Mika")
    with pytest.raises(DeskError, match="once Mika"):
        await sign_in(world, device)
    await confirm(world, key)
    assert (await sign_in(world, device)).body["person"]["name"] == "Mika"
    assert world.directory.people["Mika"].person.groups == ("approvers",)
    assert len(world.directory.people["Mika"].credentials) == 2


async def test_the_link_of_a_further_key_enrols_nobody_else(world: World) -> None:
    begun = await world.signing_in.enrol_begin(await add_key(world), "Mallory")
    assert begun["person"] == "Mika"


async def test_the_same_device_is_not_enrolled_twice(world: World) -> None:
    begun = await world.signing_in.enrol_begin(await add_key(world), "Mika")
    excluded = [each["id"] for each in begun["options"]["excludeCredentials"]]
    assert excluded == [b64u(world.passkeys["Mika"].id)]


# Recovery. -----------------------------------------------------------------------------------------------


async def test_two_administrators_recover_somebody(world: World) -> None:
    lost = await world.enrol("Noor")
    await world.enrol("Tomo")
    assert await recover(world, "Noor") == {"person": "Noor", "started": True}
    assert world.directory.has_passkey("Noor")
    told = await recover(world, "Noor", by="Tomo")
    assert "Noor" not in world.directory.people
    device, key = await enrol(world, told["url"].partition("#")[2], "Noor")
    await confirm(world, key, by="Tomo")
    assert (await sign_in(world, device)).body["person"]["name"] == "Noor"
    with pytest.raises(DeskError, match="not enrolled here"):
        await sign_in(world, lost)
    assert await world.store.recoveries() == []


async def test_one_administrator_does_not_recover_alone_where_there_are_two(world: World) -> None:
    await world.enrol("Noor")
    await world.enrol("Tomo")
    await recover(world, "Noor")
    world.time.advance(ALONE)
    with pytest.raises(DeskError, match="Another administrator"):
        await recover(world, "Noor")
    assert world.directory.has_passkey("Noor")


async def test_whoever_is_recovered_does_not_count_as_the_second(world: World) -> None:
    await world.enrol("Tomo")
    await recover(world, "Tomo")
    with pytest.raises(DeskError, match="somebody else"):
        await recover(world, "Tomo", by="Tomo")


async def test_the_only_administrator_waits_a_day(world: World) -> None:
    world.policy.administrators = frozenset({"Mika"})
    await world.enrol("Noor")
    await recover(world, "Noor")
    world.time.advance(ALONE - 1)
    with pytest.raises(DeskError, match="come back in 1 min"):
        await recover(world, "Noor")
    world.time.advance(1)
    assert "url" in await recover(world, "Noor")


async def test_a_cancelled_recovery_is_not_finished(world: World) -> None:
    await world.enrol("Noor")
    await world.enrol("Tomo")
    await recover(world, "Noor")
    begun = await world.changing.begin(world.session("Tomo"), "person/recover", {"person": "Noor"})
    await world.people.cancel_recovery(world.session("Noor"), "Noor")
    answer = world.passkeys["Tomo"].sign(begun["options"])
    with pytest.raises(DeskError, match="not what would happen"):
        await world.changing.finish(world.session("Tomo"), begun["challenge_id"], answer)
    assert world.directory.has_passkey("Noor")


async def test_the_recovery_of_a_revoked_starter_is_gone(world: World) -> None:
    await world.enrol("Noor")
    await world.enrol("Tomo")
    await recover(world, "Noor")
    await world.store.apply(RevokePerson("Mika", world.store.now()))
    assert await world.store.recoveries() == []


@pytest.mark.parametrize("name", ["Ghost", "Mika"])
async def test_nobody_recovers_themself_or_a_stranger(world: World, name: str) -> None:
    with pytest.raises(DeskError, match="somebody else"):
        await recover(world, name)


# Names of keys. ------------------------------------------------------------------------------------------


async def test_a_key_gets_another_name_by_its_owners_signature_and_a_row_says_so(world: World) -> None:
    (key,) = world.directory.people["Mika"].credentials
    asked = {"credential": b64u(key.id), "name": "  Pixel   9 "}
    assert await world.change("key/rename", NameKey(known(world)), asked, "Mika") == {"name": "Pixel 9"}
    (named,) = world.directory.people["Mika"].credentials
    assert (named.name, named.public_key) == ("Pixel 9", key.public_key)
    (row,) = await world.said(kind="person", decision="key_named")
    assert row["detail"] == f"passkey {key.fingerprint}: Mika's phone \u2192 Pixel 9"
    assert row["decision_method"] == "passkey"


@pytest.mark.parametrize("name", ["", "<b>", "a\u202eb", "x" * 65])
async def test_a_name_that_would_trick_its_readers_is_refused(world: World, name: str) -> None:
    (key,) = world.directory.people["Mika"].credentials
    with pytest.raises(DeskError):
        await NameKey(known(world)).plan("Mika", {"credential": b64u(key.id), "name": name})


async def test_nobody_names_the_key_of_somebody_else(world: World) -> None:
    await world.enrol("Noor")
    (key,) = world.directory.people["Mika"].credentials
    with pytest.raises(DeskError, match="no such passkey"):
        await NameKey(known(world)).plan("Noor", {"credential": b64u(key.id), "name": "Mine"})
