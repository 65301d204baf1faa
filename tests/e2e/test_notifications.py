"""From an agent's request to a webhook and a mail, through a whole gateway."""

import asyncio
import base64
import email
import json
from collections.abc import AsyncIterator
from email import policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.gateway.notify.conftest import Receiver, receiver, says
from tests.kit.inprocess import Inside, inside
from tests.kit.patience import until
from tests.kit.ports import free_port

SECRET = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
JSON = {"Content-Type": "application/json"}

__all__ = ["receiver"]


class Mailbox:
    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.mails.append(email.message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
async def mailbox() -> AsyncIterator[tuple[Mailbox, int]]:
    box = Mailbox()
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    await asyncio.to_thread(controller.stop)


def hook(url: str) -> str:
    return f"""\
notifications:
  allow: [127.0.0.1]
  channels:
    hook: {{webhook: {{url: "{url}", secret: {SECRET}}}}}
"""


def order(made: Inside, name: str = "a1") -> "asyncio.Task[Any]":
    return asyncio.create_task(made.agent().send("POST", f"https://upstream.test/orders/{name}", b"{}", JSON))


def types(receiver: Receiver) -> list[str]:
    return [json.loads(body)["type"] for body in receiver.bodies]


async def test_people_are_told_and_told_again_when_it_is_decided(
    tmp_path: Path, receiver: Receiver, mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    mail = f"mailto://127.0.0.1:{port}/?from=g@sign.example&to=m@sign.example&mode=insecure"
    async with inside(tmp_path, f"{hook(receiver.url)}    mail: {{apprise: '{mail}'}}\n") as made:
        sending = order(made)
        await until(lambda: len(box.mails) == 1 and len(receiver.bodies) == 1)
        (envelope,) = await made.held()
        link = f"{made.service.settings.origin}/approve/{envelope}"
        told = json.loads(receiver.bodies[0])
        assert (told["type"], told["data"]["url"]) == ("approval.asked", link)
        assert told["data"]["text"].startswith("Place order …")
        assert link in box.mails[0].get_body(("html", "plain")).get_content()
        await made.person.approve(envelope)
        assert (await sending).status == 201
        await until(lambda: types(receiver) == ["approval.asked", "approval.decided"])
        assert len(box.mails) == 1
        states = {one.channel: one.state for one in await made.service.store.deliveries(envelope)}
        assert states["mail"] == "seen"


async def test_what_waits_is_told_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answer = says(503)
    async with inside(tmp_path, hook(receiver.url)) as made:
        sending = order(made)
        await until(lambda: len(receiver.bodies) == 1)
        await made.restart()
        assert (await sending).status == 503
        receiver.answer = None
        await until(lambda: len(receiver.bodies) >= 2)
        ids = {headers["webhook-id"] for headers in receiver.headers}
        assert (len(ids), set(types(receiver))) == (1, {"approval.asked"})


async def test_the_agent_is_told_at_once_that_nobody_could_be_told(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answer = says(404)
    async with inside(tmp_path, hook(receiver.url)) as made:
        answer = await asyncio.wait_for(order(made), 60)
        told = json.loads(answer.body)
        assert (answer.status, told["reason"]) == (403, "no_approver_reachable")
        (envelope,) = await made.held()
        assert told["envelope"] == envelope
        await made.person.approve(envelope)
        assert (await order(made)).status == 201


async def test_a_changed_file_brings_the_channel_it_names(tmp_path: Path, receiver: Receiver) -> None:
    async with inside(tmp_path) as made:
        config = made.service.settings.file
        config.write_text(config.read_text(encoding="utf-8") + hook(receiver.url), encoding="utf-8")
        await made.service.reload()
        sending = order(made)
        await until(lambda: types(receiver) == ["approval.asked"])
        assert (await made.service.operating.notify_test("hook"))["state"] == "accepted"
        sending.cancel()


async def test_ssrf_a_webhook_to_the_gateways_own_pages_reaches_nothing(tmp_path: Path) -> None:
    async with inside(tmp_path) as made:
        config, origin = made.service.settings.file, made.service.settings.origin
        text = config.read_text(encoding="utf-8") + hook(f"{origin}/api/v1/login/begin")
        config.write_text(text, encoding="utf-8")
        await made.service.reload()
        told = await made.service.operating.notify_test("hook")
        assert (told["state"], told["error"]) == ("failed", "address refused")
