import base64
import hmac
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import directory as module
from gateway.directory import TOKEN_PREFIX, Directory, new_token, token_hash
from gateway.errors import Reason, Refusal
from gateway.model import Caller
from gateway.store import writes
from tests.kit.clocks import START
from tests.kit.stores import TimedStore, with_people
from tests.kit.things import a_token, an_agent

TOKEN = "ssig_right"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[TimedStore]:
    opened = TimedStore(tmp_path / "test.db")
    await with_people(opened)
    await opened.apply(writes.AddAgent(an_agent("bot"), a_token("bot", hash=token_hash(TOKEN), run="run_1")))
    yield opened
    await opened.close()


@pytest.fixture
async def directory(store: TimedStore) -> Directory:
    made = Directory(store)
    await made.refresh()
    return made


def basic(name: str, token: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(f'{name}:{token}'.encode()).decode()}"


def refused(directory: Directory, *values: str) -> Refusal:
    with pytest.raises(Refusal) as error:
        directory.identify(values, "127.0.0.1")
    assert error.value.reason is Reason.UNAUTHENTICATED_AGENT
    assert error.value.status == 407
    assert "HTTPS_PROXY" in error.value.detail
    assert error.value.extra["reason_phrase"].startswith("Secondsig needs HTTPS_PROXY")
    return error.value


def test_a_token_proves_its_agent(directory: Directory) -> None:
    caller = Caller("bot", "tok_bot", "run_1", "10.0.0.7")
    for scheme in ("Basic", "basic", "BASIC"):
        assert directory.identify((basic("bot", TOKEN, scheme),), "10.0.0.7") == caller


BAD = {
    "nothing": (),
    "an empty header": ("",),
    "two headers": (basic("bot", TOKEN), basic("bot", TOKEN)),
    "another token": (basic("bot", "ssig_wrong"),),
    "no token": (basic("bot", ""),),
    "another name": (basic("ci-bot", TOKEN),),
    "no name": (basic("", TOKEN),),
    "another case": (basic("Bot", TOKEN),),
    "a longer name": (basic("bot:x", TOKEN),),
    "the stored hash": (basic("bot", token_hash(TOKEN)),),
    "no colon": ("Basic " + base64.b64encode(b"bot").decode(),),
    "another scheme": (basic("bot", TOKEN, "Bearer"),),
    "no scheme": (base64.b64encode(f"bot:{TOKEN}".encode()).decode(),),
    "not base64": ("Basic !!!!",),
    "half base64": ("Basic Ym90O",),
    "url-safe base64": ("Basic " + base64.urlsafe_b64encode(b"\xff\xfe:\xff").decode(),),
    "not UTF-8": ("Basic " + base64.b64encode(b"\xff:\xfe").decode(),),
    "not ASCII": ("Basic é",),
    "a lone surrogate": ("Basic \ud800",),
}


@pytest.mark.parametrize("name", BAD)
def test_a_stranger_is_refused_with(directory: Directory, name: str) -> None:
    refused(directory, *BAD[name])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=20) | st.text(max_size=10).map(lambda t: f"Basic {t}"), max_size=2))
def test_whatever_is_sent_is_refused_and_never_a_fault(directory: Directory, values: list[str]) -> None:
    refused(directory, *values)


async def test_a_revoked_token_stops_at_the_next_refresh(directory: Directory, store: TimedStore) -> None:
    await store.apply(writes.RevokeTokens("bot", START))
    await directory.refresh()
    assert "rotated or revoked" in refused(directory, basic("bot", TOKEN)).detail


async def test_a_removed_agents_token_stops(directory: Directory, store: TimedStore) -> None:
    await store.apply(writes.RemoveAgent("bot", START))
    await directory.refresh()
    refused(directory, basic("bot", TOKEN))
    with pytest.raises(Refusal) as error:
        directory.check_not_paused("bot")
    assert error.value.reason is Reason.UNAUTHENTICATED_AGENT


async def test_a_token_ends_with_its_time(directory: Directory, store: TimedStore) -> None:
    await store.apply(
        writes.AddToken(a_token("bot", id="t2", hash=token_hash("ssig_short"), expires_at=START + 10))
    )
    await directory.refresh()
    store.time.advance(9)
    assert directory.identify((basic("bot", "ssig_short"),), "x").token_id == "t2"
    store.time.advance(1)
    assert "has expired" in refused(directory, basic("bot", "ssig_short")).detail


def test_hashes_and_names_are_compared_in_constant_time(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[object, object]] = []

    def watched(one: str | bytes, other: str | bytes) -> bool:
        compared.append((one, other))
        return one == other

    class Watched:
        compare_digest = staticmethod(watched)

    monkeypatch.setattr(module, "hmac", Watched)
    directory.identify((basic("bot", TOKEN),), "x")
    assert (token_hash(TOKEN), token_hash(TOKEN)) in compared
    assert (b"bot", b"bot") in compared
    assert hmac.compare_digest("a", "a")


async def test_a_paused_agent_is_told_to_stop_and_a_resumed_one_goes_on(
    directory: Directory, store: TimedStore
) -> None:
    directory.check_not_paused("bot")
    await store.apply(writes.PauseAgent("bot", paused=True, at=START))
    await directory.refresh()
    with pytest.raises(Refusal, match=r"An operator paused bot.*Nothing was sent") as error:
        directory.check_not_paused("bot")
    assert error.value.reason is Reason.AGENT_PAUSED
    await store.apply(writes.PauseAgent("bot", paused=False, at=START))
    await directory.refresh()
    directory.check_not_paused("bot")


async def test_a_revoked_person_is_not_known_any_more(directory: Directory, store: TimedStore) -> None:
    assert directory.has_passkey("Mika")
    assert not directory.has_passkey("Noor")
    await store.apply(writes.RevokePerson("Mika", START))
    await directory.refresh()
    assert directory.people == {}
    assert not directory.has_passkey("Mika")


async def test_a_refresh_that_fails_leaves_what_was_known(directory: Directory, store: TimedStore) -> None:
    before = (directory.agents, directory.people)
    await store.close()
    with pytest.raises(Exception, match="closed"):
        await directory.refresh()
    assert (directory.agents, directory.people) == before


def test_a_new_token_can_be_scanned_for_and_not_guessed() -> None:
    made = {new_token() for _ in range(50)}
    assert len(made) == 50
    assert all(token.startswith(TOKEN_PREFIX) and len(token) >= 48 for token in made)
    assert token_hash("a") != token_hash("b")
    assert "a" * 10 not in token_hash("a" * 10)
