import asyncio
import base64
import hashlib
import hmac
import json
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey

from gateway.notify.channel import Accepted, Failed
from gateway.notify.message import Message, message_of, trial_message
from gateway.notify.posting import Poster, Reply
from gateway.notify.webhook import Webhook, event_id, outcome_of
from gateway.proxy.dialer import Dialer
from tests.gateway.notify.conftest import Receiver, dripping, endless, says
from tests.kit.clocks import START
from tests.kit.things import an_envelope

KEY = b"k" * 32
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
ROOT = Path(__file__).parents[3]
VERIFIERS = ROOT / "docs" / "guides" / "webhooks"


def message(kind: str = "asked", **changes: object) -> Message:
    return message_of(an_envelope(**changes), kind, origin="https://sign.example", now=START)  # type: ignore[arg-type]


def hook(receiver: Receiver, poster: Poster, now: int = START) -> Webhook:
    return Webhook(receiver.url, KEY, poster, lambda: now)


async def test_an_event_is_signed_as_the_standard_has_it(receiver: Receiver, poster: Poster) -> None:
    assert await hook(receiver, poster).send(message(), "Mika") == Accepted()
    (headers,), (body,) = receiver.headers, receiver.bodies
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    assert (headers["webhook-timestamp"], headers["Content-Type"]) == (str(START), "application/json")
    told = json.loads(body)
    assert (told["type"], told["timestamp"]) == ("approval.asked", "2027-01-15T08:00:00Z")
    assert told["data"]["envelope"] == message().envelope
    assert told["data"]["url"] == message().link
    assert told["data"]["state"] == "pending"


async def test_a_try_after_a_failure_is_the_same_event_with_the_same_body(
    receiver: Receiver, poster: Poster
) -> None:
    receiver.answer = says(503)
    assert await hook(receiver, poster).send(message(), "Mika") == Failed("answered 503", again=True)
    receiver.answer = None
    assert await hook(receiver, poster, START + 9).send(message(), "Tomo") == Accepted()
    first, second = receiver.headers
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-timestamp"] != second["webhook-timestamp"]
    assert first["webhook-signature"] != second["webhook-signature"]
    assert receiver.bodies[0] == receiver.bodies[1]


def test_each_event_has_an_id_of_its_own() -> None:
    trial = trial_message("gateway", origin="https://sign.example", now=START)
    ids = {event_id(message()), event_id(message("decided")), event_id(message(id="env_2")), event_id(trial)}
    assert len(ids) == 4


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_two_hundreds_are_accepted(status: int) -> None:
    assert outcome_of(status) == Accepted()


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 410])
def test_an_answer_that_will_not_change_is_not_tried_again(status: int) -> None:
    outcome = outcome_of(status)
    assert isinstance(outcome, Failed)
    assert not outcome.again


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_an_answer_that_may_change_is_tried_again(status: int) -> None:
    assert outcome_of(status) == Failed(f"answered {status}", again=True)


async def test_ssrf_a_redirect_to_loopback_is_a_failure_and_not_followed(
    receiver: Receiver, poster: Poster
) -> None:
    receiver.answer = says(307, Location=receiver.url.replace("/hook", "/elsewhere"))
    assert await hook(receiver, poster).send(message(), "Mika") == Failed("redirected", again=False)
    assert receiver.elsewhere == 0


async def test_ssrf_a_webhook_that_points_inside_reaches_nobody(receiver: Receiver) -> None:
    outcome = await hook(receiver, Poster(Dialer())).send(message(), "Mika")
    assert outcome == Failed("address refused", again=False)
    assert receiver.bodies == []


async def test_a_hostile_answer_costs_a_moment_and_no_memory(receiver: Receiver, poster: Poster) -> None:
    receiver.answer = endless
    assert await hook(receiver, poster).send(message(), "Mika") == Accepted()
    poster.seconds, receiver.answer = 0.3, dripping
    assert await hook(receiver, poster).send(message(), "Mika") == Failed("no answer in time", again=True)


async def test_nobody_there_is_tried_again(receiver: Receiver, poster: Poster) -> None:
    gone = Webhook("http://127.0.0.1:9/", KEY, poster, lambda: START)
    assert await gone.send(message(), "Mika") == Failed("no connection", again=True)

    async def hangs_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    receiver.answer = hangs_up
    assert await hook(receiver, poster).send(message(), "Mika") == Failed("no connection", again=True)


async def test_a_certificate_that_does_not_verify_is_told_apart(
    receiver: Receiver, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_: object) -> Reply:
        key = ConnectionKey("hooks.example", 443, True, True, None, None, None)
        raise aiohttp.ClientConnectorCertificateError(key, OSError("expired"))

    monkeypatch.setattr(poster, "post", refuses)
    assert await hook(receiver, poster).send(message(), "Mika") == Failed("certificate refused", again=True)
    assert hook(receiver, poster).has("anybody")


def test_nothing_of_the_address_or_the_key_is_printed(receiver: Receiver, poster: Poster) -> None:
    assert receiver.url not in repr(hook(receiver, poster))
    assert "kkk" not in repr(hook(receiver, poster))


# The verifiers of the guide.

RUNNERS = {
    "verify.py": (sys.executable,),
    "verify.mjs": ("node",),
    "verify.rb": ("ruby",),
    "verify.go": ("go", "run"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNNERS)
async def test_the_guides_verifiers_accept_what_is_signed_and_nothing_else(
    receiver: Receiver, poster: Poster, name: str
) -> None:
    runner = RUNNERS[name]
    await hook(receiver, poster).send(message(), "Mika")
    headers, body = receiver.headers[0], receiver.bodies[0]
    signed = (headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"])
    tries = {
        "good": (signed, body, START, 0),
        "among others": ((*signed[:2], f"v1,AAAA v2,x {signed[2]}"), body, START + 299, 0),
        "another body": (signed, body + b" ", START, 1),
        "another id": (("msg_2", *signed[1:]), body, START, 1),
        "another time": ((signed[0], str(START + 1), signed[2]), body, START, 1),
        "replayed": (signed, body, START + 301, 1),
        "from the future": (signed, body, START - 301, 1),
        "no signature": ((*signed[:2], ""), body, START, 1),
        "no time": ((signed[0], "", signed[2]), body, START, 1),
    }
    for why, (values, sent, now, wanted) in tries.items():
        command = (*runner, str(VERIFIERS / name), SECRET, *values, str(now))
        done = await asyncio.to_thread(subprocess.run, command, input=sent, capture_output=True, check=False)
        assert done.returncode == wanted, (why, done.stderr)
