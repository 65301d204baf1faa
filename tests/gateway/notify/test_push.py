"""One message to each browser of a person, over push services that work, fail, wander and lie."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import StoreError
from gateway.notify.channel import Accepted, Failed
from gateway.notify.message import Message, message_of, trial_message
from gateway.notify.posting import Poster
from gateway.notify.push import ROOM, Push, PushChannel, Pushed, encoded, time_left, topic_of
from gateway.proxy.dialer import Dialer
from gateway.store.writes import AddSubscription
from tests.gateway.notify.test_vapid import verify
from tests.kit.clocks import START
from tests.kit.patience import PATIENCE
from tests.kit.push import A_BROWSER, FCM, a_subscription, answers, hangs, played_service, talks_without_end
from tests.kit.push_service import PushService
from tests.kit.stores import FailingStore
from tests.kit.things import ENVELOPE, ORIGIN, PUSH_KEY, an_envelope
from tests.kit.world import World

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
CONTACT = "https://secondsig.example"


def asked(**changes: Any) -> Message:
    return message_of(an_envelope(**changes), "asked", origin=ORIGIN, now=START)


@dataclass
class Reply:
    status: int


@dataclass
class PlayedPoster:
    """Keeps what it was given; answers by endpoint, 201 where nothing is said."""

    says: dict[str, int | Exception] = field(default_factory=dict)
    sent: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        self.sent.append((url, body, headers))
        said = self.says.get(url, 201)
        if isinstance(said, Exception):
            raise said
        return Reply(said)


def push_over(poster: Any, *services: str, now: int = START) -> Push:
    return Push(poster, PUSH_KEY, CONTACT, services, lambda: now)


# What goes out.


async def test_a_message_is_read_by_its_browser_alone_and_says_who_sent_it() -> None:
    poster = PlayedPoster()
    pushed = await push_over(poster).send(a_subscription(), b"{}", 42, "topic")
    assert pushed == Pushed("accepted")
    ((url, body, headers),) = poster.sent
    assert url == FCM
    assert A_BROWSER.read(body) == b"{}"
    assert verify(headers["Authorization"]) == {
        "aud": "https://fcm.googleapis.com",
        "exp": START + 12 * 3600,
        "sub": CONTACT,
    }
    assert {name: value for name, value in headers.items() if name != "Authorization"} == {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": "42",
        "Topic": "topic",
        "Urgency": "high",
    }


async def test_no_two_messages_are_encrypted_alike() -> None:
    poster = PlayedPoster()
    for _ in range(2):
        await push_over(poster).send(a_subscription(), b"{}", 42, "topic")
    (_, one, _), (_, other, _) = poster.sent
    assert one[:16] != other[:16]
    assert one[21:86] != other[21:86]
    assert len(one) == len(other)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, "accepted"),
        (201, "accepted"),
        (202, "accepted"),
        (404, "gone"),
        (410, "gone"),
        (429, "later"),
        (500, "later"),
        (503, "later"),
        (301, "refused"),
        (307, "refused"),
        (400, "refused"),
        (401, "refused"),
        (403, "refused"),
        (413, "refused"),
    ],
)
async def test_what_a_push_service_answers_is_understood(status: int, answer: str) -> None:
    pushed = await push_over(PlayedPoster({FCM: status})).send(a_subscription(), b"{}", 1, "t")
    assert pushed.answer == answer
    assert FCM not in pushed.why


async def test_an_endpoint_that_is_no_longer_allowed_is_sent_nothing() -> None:
    poster = PlayedPoster()
    push = push_over(poster, "https://push.own.example")
    for endpoint in ("https://evil.example/x", "http://push.own.example/x"):
        assert (await push.send(a_subscription(endpoint=endpoint), b"{}", 1, "t")).answer == "refused"
    assert poster.sent == []
    own = a_subscription(endpoint="https://push.own.example/x")
    assert (await push.send(own, b"{}", 1, "t")).answer == "accepted"


async def test_stored_keys_that_were_altered_send_nothing() -> None:
    poster = PlayedPoster()
    pushed = await push_over(poster).send(a_subscription(p256dh=b"\x04" + bytes(64)), b"{}", 1, "t")
    assert (pushed.answer, poster.sent) == ("refused", [])


@pytest.mark.parametrize(
    "error", [TimeoutError(), OSError("unreachable"), aiohttp.ServerDisconnectedError("https://secret")]
)
async def test_a_push_service_that_does_not_answer_is_tried_later(error: Exception) -> None:
    pushed = await push_over(PlayedPoster({FCM: error})).send(a_subscription(), b"{}", 1, "t")
    assert pushed == Pushed("later", type(error).__name__)


# What it says.


def test_the_browser_is_told_names_a_tag_and_a_place_and_nothing_else() -> None:
    said = json.loads(encoded(asked()))
    assert said == {
        "title": asked().title,
        "body": asked().text,
        "tag": ENVELOPE,
        "url": f"/approve/{ENVELOPE}",
        "decided": False,
    }
    decided = message_of(an_envelope(), "decided", origin=ORIGIN, now=START)
    assert json.loads(encoded(decided))["decided"] is True
    trial = json.loads(encoded(trial_message("push", origin=ORIGIN, now=START)))
    assert (trial["tag"], trial["url"], trial["decided"]) == ("test", "/app/approvals", False)


@settings(max_examples=60)
@given(st.text(max_size=2000), st.text(st.sampled_from('x"\\\x00\U0001f511\ud800\u202e'), max_size=4000))
def test_whatever_it_says_it_has_room_and_is_json(title: str, text: str) -> None:
    raw = encoded(replace(asked(), title=title, text=text))
    assert len(raw) <= ROOM
    said = json.loads(raw)
    assert said["url"] == f"/approve/{ENVELOPE}"
    if len(title) + len(text) < 200:
        assert said["title"] == title.encode("utf-8", "replace").decode()


def test_a_long_text_is_cut_where_it_no_longer_fits() -> None:
    said = json.loads(encoded(replace(asked(), text="é" * 4000)))
    assert said["body"].endswith("é…")
    assert len(encoded(replace(asked(), text="é" * 4000))) in range(ROOM - 3, ROOM + 1)


def test_all_that_is_said_of_one_envelope_replaces_what_waits_at_the_push_service() -> None:
    decided = message_of(an_envelope(), "decided", origin=ORIGIN, now=START)
    assert topic_of(asked()) == topic_of(decided)
    assert topic_of(asked()) != topic_of(asked(id="env_" + "1" * 26))
    assert len(topic_of(asked())) <= 32
    assert ENVELOPE[4:] not in topic_of(asked())


def test_a_push_service_keeps_a_question_as_long_as_it_is_open() -> None:
    question = asked(expires_at=START + 60)
    assert time_left(question, START) == 60
    assert time_left(question, START + 59) == 1
    assert time_left(question, START + 99) == 0
    assert time_left(message_of(an_envelope(), "decided", origin=ORIGIN, now=START), START) == 3600
    assert time_left(trial_message("push", origin=ORIGIN, now=START), START) == 60


# One person's browsers.


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    yield made
    await made.close()


async def turn_on(world: World, *endpoints: str) -> None:
    for number, endpoint in enumerate(endpoints):
        own = a_subscription(
            id=f"psh_{number}",
            endpoint=endpoint,
            credential_id=world.passkeys["Mika"].id,
            device=f"No. {number}",
        )
        await world.store.apply(AddSubscription(own, 10))
    await world.directory.refresh()


def channel(world: World, poster: Any) -> PushChannel:
    return PushChannel(push_over(poster), world.store, world.directory)


async def test_whoever_turned_a_browser_on_is_told_and_nobody_else(world: World) -> None:
    poster = PlayedPoster()
    told = channel(world, poster)
    assert (told.personal, told.withdraws, told.has("Mika")) == (True, True, False)
    await turn_on(world, FCM, FCM + "2")
    assert (told.has("Mika"), told.has("Noor")) == (True, False)
    assert await told.send(asked(), "Mika") == Accepted()
    assert sorted(url for url, _, _ in poster.sent) == [FCM, FCM + "2"]
    assert json.loads(A_BROWSER.read(poster.sent[0][1]))["tag"] == ENVELOPE
    assert await told.send(asked(), "Noor") == Failed("no browser is turned on", again=False)


async def test_a_browser_that_is_gone_is_forgotten_with_a_row(world: World) -> None:
    await turn_on(world, FCM, FCM + "2")
    poster = PlayedPoster({FCM: 410})
    told = channel(world, poster)
    assert await told.send(asked(), "Mika") == Accepted()
    assert await told.send(asked(), "Mika") == Accepted()
    assert [url for url, _, _ in poster.sent].count(FCM) == 1
    (row,) = await world.said(kind="person", decision="device_gone")
    assert (row["person"], row["detail"]) == ("gateway", "Mika, No. 0")
    poster.says = {FCM + "2": 404}
    assert await told.send(asked(), "Mika") == Failed("the browser is gone", again=False)
    assert not told.has("Mika")


async def test_what_failed_is_tried_again_only_where_that_can_help(world: World) -> None:
    await turn_on(world, FCM, FCM + "2")
    told = channel(world, PlayedPoster({FCM: 403, FCM + "2": 503}))
    assert await told.send(asked(), "Mika") == Failed(
        "the push service answered 403; the push service answered 503", again=True
    )
    told = channel(world, PlayedPoster({FCM: 403, FCM + "2": 403}))
    assert await told.send(asked(), "Mika") == Failed("the push service answered 403", again=False)


async def test_a_browser_that_cannot_be_forgotten_now_does_not_stop_the_others(world: World) -> None:
    await turn_on(world, FCM, FCM + "2")
    failing = FailingStore(world.store)
    failing.fails = lambda _number, name: name == "apply RemoveSubscription"
    failing.error = StoreError("The disk is full.")
    told = PushChannel(push_over(PlayedPoster({FCM: 410})), failing, world.directory)
    assert await told.send(asked(), "Mika") == Accepted()
    assert told.has("Mika")


# Over the wire.


def over_the_wire(poster: Poster, *services: str) -> Push:
    return push_over(poster, *services, now=int(time.time()))


async def test_a_push_service_that_redirects_is_not_followed(poster: Poster) -> None:
    async with played_service(answers(201)) as target:
        for status in (301, 302, 303, 307, 308):
            wandering = answers(status, Location=f"{target.origin}/stolen")
            async with played_service(wandering) as service:
                own = a_subscription(endpoint=f"{service.origin}/x")
                assert (
                    await over_the_wire(poster, service.origin).send(own, b"{}", 1, "t")
                ).answer == "refused"
                assert len(service.got) == 1
        assert target.got == []


async def test_a_push_service_that_is_slow_or_never_ends_costs_a_bounded_time(poster: Poster) -> None:
    for does, answer, poster.seconds in ((hangs, "later", 0.3), (talks_without_end, "accepted", PATIENCE)):
        async with asyncio.timeout(PATIENCE), played_service(does) as service:
            own = a_subscription(endpoint=f"{service.origin}/x")
            pushed = await over_the_wire(poster, service.origin).send(own, b"{}", 1, "t")
            assert pushed.answer == answer


async def test_a_subscription_does_not_reach_into_the_machine_or_its_network(poster: Poster) -> None:
    """Not by its address, and not by a listed name that leads there without a listed network."""
    async with played_service(answers(201)) as service:
        own = a_subscription(endpoint=f"{service.origin}/x")
        assert (await over_the_wire(poster).send(own, b"{}", 1, "t")).answer == "refused"
        public_only = push_over(Poster(Dialer()), service.origin)
        assert (await public_only.send(own, b"{}", 1, "t")).answer == "refused"
        assert service.got == []


@pytest.mark.slow
async def test_a_real_push_service_verifies_and_decrypts_what_is_sent_until_the_browser_is_gone(
    poster: Poster,
) -> None:
    async with PushService.running() as service:
        browser = await service.subscribe()
        push = over_the_wire(poster, service.origin)
        for message in (asked(), message_of(an_envelope(), "decided", origin=ORIGIN, now=START)):
            pushed = await push.send(browser, encoded(message), 60, topic_of(message))
            assert pushed == Pushed("accepted")
        titles = [json.loads(each)["title"] for each in await service.received(browser)]
        assert titles[0] == "ci-bot asks for approval"
        assert len(titles) == 2
        stranger = replace(push, key=ec.derive_private_key(8, ec.SECP256R1()))
        assert (await stranger.send(browser, b"{}", 60, "t")).answer == "refused"
        altered = replace(browser, auth=b"x" * 16)
        assert (await push.send(altered, b"{}", 60, "t")).answer == "refused"
        await service.expire(browser)
        assert (await push.send(browser, b"{}", 60, "t")).answer == "gone"
        assert len(await service.received(browser)) == 2
