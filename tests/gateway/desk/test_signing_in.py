import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical import sha256
from gateway.demo.authenticator import SoftPasskey
from gateway.desk.contract import DeskError, SignedIn
from gateway.desk.signing_in import LOGIN_LIFE, MAX_NAME, clean_name
from gateway.encoding import from_b64u
from gateway.store.things import Invitation
from gateway.store.writes import Invite, RevokePerson, SignOut
from tests.kit.clocks import START
from tests.kit.things import GATEWAY, ORIGIN, RP_ID
from tests.kit.world import World

LINK = "the link's token"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    yield made
    await made.close()


async def invited(world: World, person: str | None = None, token: str = LINK) -> None:
    invitation = Invitation(sha256(token.encode()), person, ("approvers",), START + 600)
    await world.store.apply(Invite(invitation))


async def sign_in(world: World, passkey: SoftPasskey | None = None) -> SignedIn:
    begun = await world.signing_in.login_begin()
    answer = (passkey or world.passkeys["Mika"]).sign(begun["options"])
    return await world.signing_in.login_finish(begun["challenge_id"], answer)


async def enrolled(
    world: World, name: str = "Noor", device: SoftPasskey | None = None, token: str = LINK
) -> SignedIn:
    begun = await world.signing_in.enrol_begin(token, name)
    answer = (device or SoftPasskey(RP_ID, ORIGIN)).register(begun["options"])
    done = await world.signing_in.enrol_finish(begun["challenge_id"], answer, token)
    assert isinstance(done, SignedIn)
    return done


def halves(done: SignedIn) -> tuple[str, str]:
    return done.cookie, done.body["tab"]


# Sessions. -----------------------------------------------------------------------------------------------


async def test_a_passkey_signs_in_and_the_row_names_it(world: World) -> None:
    done = await sign_in(world)
    session = world.signing_in.session(*halves(done))
    assert session is not None
    assert (session.person, session.credential_id) == ("Mika", world.passkeys["Mika"].id)
    assert done.body["person"] == {"name": "Mika", "display": "Mika", "groups": ["approvers"]}
    (row,) = await world.said(kind="session")
    assert (row["decision"], row["person"], row["decision_method"]) == ("signed_in", "Mika", "passkey")


async def test_a_session_is_both_halves_of_one_sign_in(world: World) -> None:
    (cookie, tab), (other_cookie, other_tab) = halves(await sign_in(world)), halves(await sign_in(world))
    assert world.signing_in.session(cookie, tab)
    for pair in [
        (cookie, other_tab),
        (other_cookie, tab),
        (tab, cookie),
        (cookie, ""),
        ("", tab),
        ("", ""),
        (cookie, tab + " "),
        (sha256(cookie.encode()), sha256(tab.encode())),
        (cookie, "é\ud7ff"),
    ]:
        assert world.signing_in.session(*pair) is None


async def test_the_database_holds_no_half_of_a_session(world: World) -> None:
    cookie, tab = halves(await sign_in(world))
    dumped = await world.sqlite._ask(lambda db: "\n".join(db.iterdump()))
    assert cookie not in dumped
    assert tab not in dumped


async def test_a_session_ends_with_its_time(world: World) -> None:
    world.set(session=100)
    pair = halves(await sign_in(world))
    world.time.advance(99)
    assert world.signing_in.session(*pair)
    world.time.advance(1)
    assert world.signing_in.session(*pair) is None


async def test_a_session_ends_with_its_person_also_in_memory(world: World) -> None:
    pair = halves(await sign_in(world))
    await world.store.apply(RevokePerson("Mika", START))
    await world.directory.refresh()
    assert world.signing_in.session(*pair) is None


async def test_a_session_ends_with_the_passkey_that_began_it(world: World) -> None:
    pair = halves(await sign_in(world))
    await world.sqlite._ask(lambda db: db.execute("UPDATE credentials SET revoked_at = 1"), writes=True)
    await world.directory.refresh()
    assert world.signing_in.session(*pair) is None


async def test_who_signs_out_is_out(world: World) -> None:
    pair = halves(await sign_in(world))
    session = world.signing_in.session(*pair)
    assert session is not None
    await world.signing_in.logout(session)
    assert world.signing_in.session(*pair) is None
    assert await world.store.sessions() == []
    assert [row["decision"] for row in await world.said(kind="session")] == ["signed_in", "signed_out"]


async def test_a_session_outlives_a_restart_and_a_sign_out_too(world: World) -> None:
    kept, ended = halves(await sign_in(world)), halves(await sign_in(world))
    await world.store.apply(SignOut(sha256(ended[0].encode())))
    world.wire(world.sqlite)
    await world.directory.refresh()
    await world.signing_in.load()
    assert world.signing_in.session(*kept)
    assert world.signing_in.session(*ended) is None


# Signing in. ---------------------------------------------------------------------------------------------


async def test_a_sign_in_says_what_it_signs(world: World) -> None:
    begun = await world.signing_in.login_begin()
    payload = from_b64u(begun["payload"])
    assert json.loads(payload) == {
        "type": "secondsig/login",
        "version": 1,
        "gateway": GATEWAY,
        "rp_id": RP_ID,
    }
    import hashlib

    challenge = from_b64u(begun["options"]["challenge"])
    assert len(challenge) == 64
    assert challenge[32:] == hashlib.sha256(payload).digest()
    assert begun["options"].get("allowCredentials", []) == []


async def test_no_two_challenges_are_the_same(world: World) -> None:
    one, other = await world.signing_in.login_begin(), await world.signing_in.login_begin()
    assert one["options"]["challenge"] != other["options"]["challenge"]
    assert one["challenge_id"] != other["challenge_id"]


async def refuses(world: World, passkey: SoftPasskey, word: str) -> None:
    with pytest.raises(DeskError) as error:
        await sign_in(world, passkey)
    assert error.value.word == word
    assert await world.store.sessions() == []


LIES: dict[str, Callable[[SoftPasskey], None]] = {
    "another origin": lambda p: setattr(p, "origin", "https://evil.example"),
    "a neighbouring port": lambda p: setattr(p, "origin", "http://localhost:8082"),
    "another site": lambda p: setattr(p, "rp_id", "evil.example"),
    "no user verification": lambda p: setattr(p, "user_verifies", False),
    "another frame": lambda p: setattr(p, "cross_origin", True),
    "another challenge": lambda p: setattr(p, "challenge", b"x" * 64),
    "another person's handle": lambda p: setattr(p, "user_handle", b"x" * 32),
}


@pytest.mark.parametrize("lie", LIES)
async def test_nobody_signs_in_from(world: World, lie: str) -> None:
    passkey = world.passkeys["Mika"]
    LIES[lie](passkey)
    await refuses(world, passkey, "passkey_refused")


async def test_a_stranger_does_not_sign_in(world: World) -> None:
    await refuses(world, SoftPasskey(RP_ID, ORIGIN), "unknown_passkey")


async def test_a_revoked_person_does_not_sign_in(world: World) -> None:
    await world.store.apply(RevokePerson("Mika", START))
    await world.directory.refresh()
    await refuses(world, world.passkeys["Mika"], "unknown_passkey")


async def test_a_person_whose_passkey_was_left_behind_does_not_sign_in(world: World) -> None:
    """The directory is asked as well: a credential row alone is nobody."""
    world.directory.people = {}
    await refuses(world, world.passkeys["Mika"], "unknown_passkey")


@pytest.mark.parametrize("identifier", [None, 5, "", "!!", {"a": 1}, "QQ=="])
async def test_an_answer_without_a_passkey_is_refused(world: World, identifier: Any) -> None:
    begun = await world.signing_in.login_begin()
    answer = {**world.passkeys["Mika"].sign(begun["options"]), "id": identifier}
    with pytest.raises(DeskError) as error:
        await world.signing_in.login_finish(begun["challenge_id"], answer)
    assert error.value.word == "unknown_passkey"


async def test_an_answer_counts_once(world: World) -> None:
    begun = await world.signing_in.login_begin()
    answer = world.passkeys["Mika"].sign(begun["options"])
    await world.signing_in.login_finish(begun["challenge_id"], answer)
    with pytest.raises(DeskError) as error:
        await world.signing_in.login_finish(begun["challenge_id"], answer)
    assert error.value.word == "challenge_used"


async def test_a_failed_answer_uses_the_challenge_up(world: World) -> None:
    begun = await world.signing_in.login_begin()
    with pytest.raises(DeskError):
        await world.signing_in.login_finish(begun["challenge_id"], {})
    answer = world.passkeys["Mika"].sign(begun["options"])
    with pytest.raises(DeskError) as error:
        await world.signing_in.login_finish(begun["challenge_id"], answer)
    assert error.value.word == "challenge_used"


async def test_an_answer_comes_in_time_or_not_at_all(world: World) -> None:
    begun = await world.signing_in.login_begin()
    answer = world.passkeys["Mika"].sign(begun["options"])
    world.time.advance(LOGIN_LIFE)
    with pytest.raises(DeskError) as error:
        await world.signing_in.login_finish(begun["challenge_id"], answer)
    assert (error.value.status, error.value.word) == (409, "challenge_used")


async def test_a_challenge_of_another_kind_does_not_sign_in(world: World) -> None:
    await invited(world)
    begun = await world.signing_in.enrol_begin(LINK, "Noor")
    login = await world.signing_in.login_begin()
    options = {**login["options"], "challenge": begun["options"]["challenge"]}
    with pytest.raises(DeskError) as error:
        await world.signing_in.login_finish(begun["challenge_id"], world.passkeys["Mika"].sign(options))
    assert error.value.word == "challenge_used"


async def test_a_cloned_passkey_that_is_behind_does_not_sign_in(world: World) -> None:
    for _ in range(3):
        await sign_in(world)
    passkey = world.passkeys["Mika"]
    passkey.sign_count = 1
    with pytest.raises(DeskError):
        await sign_in(world, passkey)
    assert len(await world.store.sessions()) == 3


async def test_of_two_answers_with_one_count_only_one_signs_in(world: World) -> None:
    """Both were verified against the same stored count; the store lets the second one lose."""
    passkey = world.passkeys["Mika"]
    one, other = await world.signing_in.login_begin(), await world.signing_in.login_begin()
    first = passkey.sign(one["options"])
    passkey.sign_count -= 1
    second = passkey.sign(other["options"])
    stale = await world.signing_in.credential_of(second)
    await world.signing_in.login_finish(one["challenge_id"], first)
    asked = await world.signing_in._answered(other["challenge_id"], "login")
    verified = world.signing_in.verify(second, asked, stale)
    with pytest.raises(DeskError) as error:
        await world.signing_in._sign_in(verified, asserted=True)
    assert error.value.word == "passkey_used"
    assert len(await world.store.sessions()) == 1


# Enrolling. ----------------------------------------------------------------------------------------------


async def test_the_first_link_enrols_signs_in_and_says_which_key(world: World) -> None:
    await invited(world)
    device = SoftPasskey(RP_ID, ORIGIN)
    done = await enrolled(world, " Noor  Ali ", device)
    assert world.signing_in.session(*halves(done))
    assert done.body["person"]["name"] == "Noor Ali"
    key = await world.store.credential(device.id)
    assert key is not None
    assert done.body["credential"]["fingerprint"] == key.fingerprint
    assert done.body["credential"]["device_bound"] is True
    assert world.directory.people["Noor Ali"].person.groups == ("approvers",)
    assert [row["decision"] for row in await world.said(person="Noor Ali")] == ["enrolled", "signed_in"]


async def test_a_passkey_that_counts_across_sites_enrols_like_any_other(world: World) -> None:
    """Security keys keep one counter for all sites, so theirs is seldom 0 when they are enrolled."""
    await invited(world)
    device = SoftPasskey(RP_ID, ORIGIN, sign_count=41)
    done = await enrolled(world, "Noor", device)
    assert world.signing_in.session(*halves(done))
    assert world.signing_in.session(*halves(await sign_in(world, device)))


async def test_a_synced_passkey_is_named_as_that(world: World) -> None:
    await invited(world)
    done = await enrolled(world, device=SoftPasskey(RP_ID, ORIGIN, backup_eligible=True))
    assert done.body["credential"]["device_bound"] is False


async def test_an_enrolment_signs_the_person_and_the_link(world: World) -> None:
    await invited(world)
    begun = await world.signing_in.enrol_begin(LINK, "Noor")
    assert json.loads(from_b64u(begun["payload"])) == {
        "type": "secondsig/enrolment",
        "version": 1,
        "gateway": GATEWAY,
        "rp_id": RP_ID,
        "person": "Noor",
        "invitation": sha256(LINK.encode()),
    }
    user = begun["options"]["user"]
    assert from_b64u(user["id"]) == world.signing_in._user_id("Noor")
    assert b"Noor" not in from_b64u(user["id"])


@pytest.mark.parametrize("token", ["", "guessed", LINK + " ", sha256(LINK.encode())])
async def test_a_link_cannot_be_guessed(world: World, token: str) -> None:
    await invited(world)
    with pytest.raises(DeskError) as error:
        await world.signing_in.enrol_begin(token, "Eve")
    assert (error.value.status, error.value.word) == (410, "link_used")


async def test_a_link_works_once(world: World) -> None:
    await invited(world)
    await enrolled(world)
    with pytest.raises(DeskError) as error:
        await enrolled(world, "Eve")
    assert error.value.word == "link_used"


async def test_two_who_open_one_link_at_once_are_not_both_enrolled(world: World) -> None:
    await invited(world)
    begun = {name: await world.signing_in.enrol_begin(LINK, name) for name in ("Noor", "Eve")}
    answers = {n: SoftPasskey(RP_ID, ORIGIN).register(b["options"]) for n, b in begun.items()}
    await world.signing_in.enrol_finish(begun["Noor"]["challenge_id"], answers["Noor"], LINK)
    with pytest.raises(DeskError) as error:
        await world.signing_in.enrol_finish(begun["Eve"]["challenge_id"], answers["Eve"], LINK)
    assert error.value.word == "link_used"
    assert set(world.directory.people) == {"Mika", "Noor"}


async def test_a_link_ends_after_its_ten_minutes_also_half_way(world: World) -> None:
    await invited(world)
    begun = await world.signing_in.enrol_begin(LINK, "Noor")
    answer = SoftPasskey(RP_ID, ORIGIN).register(begun["options"])
    world.time.advance(600)
    with pytest.raises(DeskError) as error:
        await world.signing_in.enrol_finish(begun["challenge_id"], answer, LINK)
    assert error.value.word == "link_used"
    with pytest.raises(DeskError) as again:
        await world.signing_in.enrol_begin(LINK, "Noor")
    assert again.value.word == "link_used"


async def test_a_link_for_somebody_enrols_nobody_else(world: World) -> None:
    await invited(world, "Noor")
    begun = await world.signing_in.enrol_begin(LINK, "Eve")
    assert begun["person"] == "Noor"


async def test_a_challenge_begun_on_ones_own_link_does_not_use_anothers(world: World) -> None:
    await invited(world, "Noor")
    await invited(world, "Eve", "eves link")
    begun = await world.signing_in.enrol_begin("eves link", "Eve")
    answer = SoftPasskey(RP_ID, ORIGIN).register(begun["options"])
    with pytest.raises(DeskError) as error:
        await world.signing_in.enrol_finish(begun["challenge_id"], answer, LINK)
    assert error.value.word == "other_invitation"
    assert "Eve" not in world.directory.people


async def test_nobody_takes_the_name_of_somebody_enrolled(world: World) -> None:
    await invited(world)
    with pytest.raises(DeskError) as error:
        await world.signing_in.enrol_begin(LINK, "Mika")
    assert (error.value.status, error.value.word) == (409, "name_taken")


async def test_nobody_becomes_somebody_who_was_revoked(world: World) -> None:
    await world.store.apply(RevokePerson("Mika", START))
    await world.directory.refresh()
    await invited(world)
    with pytest.raises(DeskError):
        await enrolled(world, "Mika")
    assert world.directory.people == {}


async def test_a_passkey_from_another_origin_is_not_enrolled(world: World) -> None:
    await invited(world)
    with pytest.raises(DeskError) as error:
        await enrolled(world, device=SoftPasskey(RP_ID, "https://evil.example"))
    assert error.value.word == "passkey_refused"
    assert "Noor" not in world.directory.people
    await enrolled(world)


async def test_the_first_approver_adopts_agents_and_an_invited_one_does_not(world: World) -> None:
    await invited(world, "Noor")
    await enrolled(world)
    assert world.directory.agents["ci-bot"].owner is None
    await invited(world, None, "open link")
    await enrolled(world, "Eve", token="open link")
    assert world.directory.agents["ci-bot"].owner == "Eve"


# Names. --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Mika", "Mika"),
        ("  Mika   Sato ", "Mika Sato"),
        ("O'Neil-Å.", "O'Neil-Å."),
        ("ミカ", "ミカ"),
        ("e\u0301", "é"),
    ],
)
def test_a_name_has_one_form(written: str, name: str) -> None:
    assert clean_name(written) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "a" * (MAX_NAME + 1),
        "a\u202eb",
        "a\u200bb",
        "<b>",
        'a"b',
        "a/b",
        "a\\b",
        "a\x00b",
        "a:b",
        "💥",
        "a,b",
    ],
)
def test_a_name_that_could_deceive_is_refused(name: str) -> None:
    with pytest.raises(DeskError) as error:
        clean_name(name)
    assert error.value.word == "bad_name"


@given(st.text(max_size=70))
def test_a_name_is_clean_or_refused(text: str) -> None:
    try:
        name = clean_name(text)
    except DeskError:
        return
    assert clean_name(name) == name
    assert name.isprintable()
    assert 0 < len(name) <= MAX_NAME
