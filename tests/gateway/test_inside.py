import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway import ucan
from gateway.canonical import sha256
from gateway.envelopes import COSIGNER_LIFE, Envelope, State
from gateway.gate import Answer
from gateway.store.writes import Move, Open
from tests.kit.clocks import START
from tests.kit.stores import FailingStore
from tests.kit.things import a_caller, a_request, an_envelope, caps
from tests.kit.world import World

SECRET = "the envelope's secret"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    await made.add_agent("other")
    yield made
    await made.close()


async def ask(
    world: World, method: str, target: str, agent: str = "ci-bot", **headers: str
) -> tuple[Answer, Any]:
    sent = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    answer = await world.inside.answer(
        a_request(
            method=method,
            target=target,
            host="secondsig.internal",
            scheme="http",
            port=80,
            headers=sent,
            body=b"",
            caller=a_caller(agent),
        )
    )
    return answer, json.loads(answer.body) if answer.body.startswith(b"{") else answer.body


async def an_open_one(world: World) -> Envelope:
    envelope = an_envelope(secret_hash=sha256(SECRET.encode()))
    await world.store.apply(Open(envelope, caps(20)))
    return envelope


async def test_the_ca_is_given_to_whoever_is_behind_the_proxy(world: World) -> None:
    answer, body = await ask(world, "GET", "/ca.pem?x=1")
    assert (answer.status, body) == (200, b"the CA")


async def test_an_agent_is_told_who_it_is(world: World) -> None:
    answer, body = await ask(world, "GET", "/")
    assert (answer.status, body["agent"]) == (200, "ci-bot")


async def test_an_agent_sees_its_own_envelope_and_nothing_of_what_it_holds(world: World) -> None:
    envelope = await an_open_one(world)
    answer, body = await ask(world, "GET", f"/v1/envelopes/{envelope.id}?wait=1")
    assert answer.status == 200
    assert ("Cache-Control", "no-store") in answer.headers
    assert body == {
        "envelope": envelope.id,
        "state": "pending",
        "expires_at": "2027-01-15T08:01:00Z",
        "decided_at": None,
        "decision_method": None,
        "error": None,
        "note": None,
        "outcome": None,
        "status": None,
        "cosigner": None,
        "cosigner_expires_at": None,
    }


async def test_an_envelope_of_another_agent_is_as_absent_as_one_that_never_was(world: World) -> None:
    envelope = await an_open_one(world)
    others = await ask(world, "GET", f"/v1/envelopes/{envelope.id}", agent="other")
    nobodys = await ask(world, "GET", "/v1/envelopes/env_" + "1" * 26, agent="other")
    assert others == nobodys
    assert others[0].status == 404
    cancelling = await ask(
        world, "POST", f"/v1/envelopes/{envelope.id}/cancel", agent="other", Secondsig_Envelope_Secret=SECRET
    )
    assert cancelling[0].status == 404
    assert (await world.now(envelope)).state is State.PENDING


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/"),
        ("GET", "/x"),
        ("POST", "/ca.pem"),
        ("GET", "/v1/envelopes/"),
        ("GET", "/v1/envelopes/env_1"),
        ("GET", "/v1/envelopes/../../ca.pem"),
        ("DELETE", "/v1/envelopes/{id}"),
        ("GET", "/v1/envelopes/{id}/cancel"),
        ("POST", "/v1/envelopes/{id}/approve"),
        ("POST", "/v1/envelopes/{id}"),
        ("PUT", "/v1/envelopes/{id}/cancel"),
    ],
)
async def test_there_is_nothing_else_inside(world: World, method: str, target: str) -> None:
    envelope = await an_open_one(world)
    answer, _ = await ask(
        world, method, target.replace("{id}", envelope.id), Secondsig_Envelope_Secret=SECRET
    )
    assert answer.status == 404
    assert (await world.now(envelope)).state is State.PENDING


async def test_whoever_asked_takes_the_question_back_with_its_secret(world: World) -> None:
    envelope = await an_open_one(world)
    waiter = world.board.join(envelope.id)
    answer, body = await ask(
        world, "POST", f"/v1/envelopes/{envelope.id}/cancel", Secondsig_Envelope_Secret=SECRET
    )
    assert (answer.status, body["state"]) == (200, "cancelled")
    assert waiter.woken.is_set()
    (row,) = await world.said(reason="cancelled")
    assert row["detail"] == "by the agent itself"
    assert (await world.now(envelope)).decided_by == "agent ci-bot"


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + " ", sha256(SECRET.encode())])
async def test_without_the_secret_nobody_cancels(world: World, secret: str | None) -> None:
    envelope = await an_open_one(world)
    headers = {} if secret is None else {"Secondsig_Secret": secret}
    answer, _ = await ask(world, "POST", f"/v1/envelopes/{envelope.id}/cancel", **headers)
    assert answer.status == 403
    assert (await world.now(envelope)).state is State.PENDING


async def test_two_secrets_are_none(world: World) -> None:
    envelope = await an_open_one(world)
    answer = await world.inside.answer(
        a_request(
            target=f"/v1/envelopes/{envelope.id}/cancel",
            headers=(("Secondsig-Envelope-Secret", SECRET), ("Secondsig-Envelope-Secret", SECRET)),
        )
    )
    assert answer.status == 403


async def test_what_is_decided_cannot_be_taken_back(world: World) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    await world.sqlite._ask(
        lambda db: db.execute("UPDATE envelopes SET secret_hash = ?", (sha256(SECRET.encode()),)), writes=True
    )
    answer, body = await ask(
        world, "POST", f"/v1/envelopes/{envelope.id}/cancel", Secondsig_Envelope_Secret=SECRET
    )
    assert (answer.status, body["state"]) == (409, "approved")
    assert (await world.now(envelope)).state is State.APPROVED


async def test_somebody_who_decides_in_that_moment_is_first(world: World) -> None:
    envelope = await an_open_one(world)
    failing = FailingStore(world.sqlite)
    world.inside.store = failing

    async def deny_first(change: object) -> None:
        if isinstance(change, Move):
            failing.before_apply = None
            await world.operating.envelope_deny(envelope.id)

    failing.before_apply = deny_first
    answer, _ = await ask(
        world, "POST", f"/v1/envelopes/{envelope.id}/cancel", Secondsig_Envelope_Secret=SECRET
    )
    assert answer.status == 409
    assert (await world.now(envelope)).state is State.DENIED


async def test_the_cosigner_is_told_while_it_can_be_used_and_not_longer(world: World) -> None:
    envelope = await world.opened()
    approved = await world.approve(envelope.id)
    _, body = await ask(world, "GET", f"/v1/envelopes/{envelope.id}")
    (token,) = ucan.from_container(body["cosigner"])
    assert ucan.cid(token) == approved.cosigner
    assert body["decision_method"] == "passkey"
    assert approved.cosigner_expires == START + COSIGNER_LIFE
    world.time.advance(COSIGNER_LIFE)
    _, late = await ask(world, "GET", f"/v1/envelopes/{envelope.id}")
    assert (late["cosigner"], late["cosigner_expires_at"]) == (None, None)


async def test_the_cosigner_of_what_was_spent_is_not_told(world: World) -> None:
    task, envelope = await world.held()
    await world.approve(envelope.id)
    await task
    _, body = await ask(world, "GET", f"/v1/envelopes/{envelope.id}")
    assert (body["state"], body["cosigner"]) == ("spent", None)
