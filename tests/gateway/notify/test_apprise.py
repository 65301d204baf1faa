"""Through Apprise itself, to a real SMTP server and real HTTP servers."""

import asyncio
import email
import html
import json
import threading
from collections.abc import AsyncIterator, Iterator
from email import policy
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
import urllib3.util.connection
from aiohttp import web
from aiosmtpd.controller import Controller

from gateway.notify import apprise as apprise_channel
from gateway.notify.apprise import AppriseService, Unusable, _as_html, _limit
from gateway.notify.channel import Failed, Sent
from gateway.notify.message import Limit, Message, message_of, trial_message
from tests.gateway.notify.conftest import Receiver, says
from tests.kit.clocks import START
from tests.kit.patience import PATIENCE
from tests.kit.ports import free_port
from tests.kit.things import an_envelope
from tests.kit.upstream import Upstream

ORIGIN = "https://sign.example"


def asked(**changes: Any) -> Message:
    return message_of(an_envelope(**changes), "asked", origin=ORIGIN, now=START, values=True)


class Mailbox:
    """What an SMTP server does with mail."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.answer = "250 Message accepted for delivery"
        self.open = threading.Event()
        self.open.set()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        await asyncio.to_thread(self.open.wait, 30)
        self.mails.append(email.message_from_bytes(envelope.content, policy=policy.default))
        return self.answer


@pytest.fixture
async def mailbox() -> AsyncIterator[tuple[Mailbox, str]]:
    box = Mailbox()
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"mailto://127.0.0.1:{port}/?from=gateway@sign.example&to=mika@sign.example&mode=insecure"
    await asyncio.to_thread(controller.stop)


async def test_a_mail_arrives_with_sentence_and_link(mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    assert await AppriseService(url).send(asked(), "Mika") == Sent()
    (mail,) = box.mails
    assert mail["Subject"] == "ci-bot asks for approval"
    assert mail["To"] == "mika@sign.example"
    body = mail.get_body(("html", "plain")).get_content()
    assert "Pay 600 (shop, risk high; 60 s left)" in body
    assert asked().link in body


async def test_hostile_values_stay_text_in_a_mail(mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    link = "<a href='http://evil.example'>Approve</a>"
    hostile = ({"value": f"<script>alert(1)</script> {link}\r\nBcc: x@y.z"},)
    await AppriseService(url).send(asked(list_summary=hostile), "Mika")
    (mail,) = box.mails
    body = mail.get_body(("html", "plain")).get_content()
    assert "<script>" not in body
    assert "evil.example" not in body
    assert mail["Bcc"] is None


async def test_a_mail_server_that_refuses_is_a_failure(mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    box.answer = "550 no"
    assert await AppriseService(url).send(asked(), "Mika") == Failed("not taken", again=True)


async def test_a_mail_server_that_is_slow_holds_nobody_and_has_a_bound(
    mailbox: tuple[Mailbox, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apprise_channel, "THREADS", 4)
    box, url = mailbox
    box.open.clear()
    service = AppriseService(url, seconds=0.2)
    outcomes = await asyncio.gather(*(service.send(asked(), "Mika") for _ in range(6)))
    assert sorted({outcome.reason for outcome in outcomes if isinstance(outcome, Failed)}) == [
        "busy",
        "no answer in time",
    ]
    assert box.mails == []
    box.open.set()
    service.seconds = PATIENCE
    async with asyncio.timeout(60):
        while (outcome := await service.send(asked(), "Mika")) == Failed("busy", again=True):
            await asyncio.sleep(0.01)
    assert outcome == Sent()


async def test_nobody_there_is_a_failure() -> None:
    service = AppriseService("mailto://127.0.0.1:9/?from=a@b.example&to=c@d.example&mode=insecure")
    assert await service.send(asked(), "Mika") == Failed("not taken", again=True)


async def test_a_chat_gets_one_post(receiver: Receiver) -> None:
    url = receiver.url.replace("http://", "json://")
    receiver.answer = says(200)
    trial = trial_message("gateway", origin=ORIGIN, now=START)
    assert await AppriseService(url).send(trial, "Mika") == Sent()
    assert b"Test of gateway" in receiver.bodies[0]
    receiver.answer = says(500)
    assert await AppriseService(url).send(asked(), "Mika") == Failed("not taken", again=True)


@pytest.mark.parametrize("url", ["nosuch://x", "mailtos://", "json://", "gibberish"])
async def test_an_address_that_apprise_does_not_know_fails_for_good(url: str) -> None:
    service = AppriseService(url)
    assert await service.send(asked(), "Mika") == Failed("address not understood", again=False)
    with pytest.raises(Unusable):
        await service.check()


async def test_a_service_that_raises_has_failed_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    service = AppriseService("json://localhost")

    def breaks(_message: Message) -> bool:
        raise RuntimeError("json://hunter2@localhost")

    monkeypatch.setattr(service, "_notify", breaks)
    assert await service.send(asked(), "Mika") == Failed("failed", again=True)


def test_a_service_without_a_title_has_room_for_both() -> None:
    assert _limit(250, 1000) == Limit(250, 1000)
    short = _limit(0, 160)
    assert short.title + short.text + 2 <= 160


def test_html_is_measured_as_it_will_be_escaped() -> None:
    assert _as_html("<&>") == len("&lt;&amp;&gt;")


async def test_a_short_message_fits_with_its_link_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """160 characters, as an SMS has them."""
    from apprise.plugins.custom_json import NotifyJSON

    monkeypatch.setattr(NotifyJSON, "body_maxlen", 160)
    monkeypatch.setattr(NotifyJSON, "title_maxlen", 0)
    sent: list[str] = []

    def send(_self: object, body: str, **_rest: object) -> bool:
        sent.append(body)
        return True

    monkeypatch.setattr(NotifyJSON, "send", send)
    long = asked(list_summary=({"text": "word " * 100},))
    assert await AppriseService("json://localhost").send(long, "Mika") == Sent()
    assert len(sent) == 1
    assert len(sent[0]) <= 160
    assert asked().link in sent[0]


def test_a_text_that_went_out_stays_as_it_is() -> None:
    service = AppriseService("json://localhost")
    assert (service.personal, service.withdraws, service.has("Mika")) == (False, False, True)


class Famous(Upstream):
    """Answers as the services do that take what they were sent."""

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        await super()._answer(request)
        if self.host == "hooks.slack.com":
            return web.Response(text="ok")
        return web.json_response({"ok": True, "id": "1", "result": {"message_id": 1, "chat": {"id": 1}}})


CHATS = {
    "telegram": ("api.telegram.org", "tgram://123456789:abcdefghijklmnopqrstuvwxyz012345678/-100123"),
    "slack": ("hooks.slack.com", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/"),
    "ntfy": ("ntfy.sh", "ntfys://ntfy.sh/secondsig-ops"),
    "teams": ("a.b.logic.azure.com", "workflows://a.b.logic.azure.com:443/643e69f83c8944/s0m3s1gn4tur3/"),
    "discord": ("discord.com", "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"),
}
HOSTILE = (
    "<!channel> <https://evil.example|Approve> [Approve](https://evil.example) *bold* @everyone &lt;b&gt; "
)


@pytest.mark.slow
@pytest.mark.parametrize("chat", CHATS)
async def test_each_chat_gets_sentence_and_link_and_no_markup_of_an_agent(
    chat: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apprise's own code, over TLS, to a server that has the chat's name: only the address is ours."""
    host, url = CHATS[chat]
    there = Famous(tmp_path, host)
    port = await there.start()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(there.ca_file))
    connect = urllib3.util.connection.create_connection

    def to_ours(address: tuple[str, int], *given: Any, **named: Any) -> Any:
        assert address == (host, 443)
        return connect(("127.0.0.1", port), *given, **named)

    monkeypatch.setattr("urllib3.util.connection.create_connection", to_ours)
    message = asked(list_summary=({"text": "Pay "}, {"value": HOSTILE + "x" * 5000}))
    try:
        assert await AppriseService(url, PATIENCE).send(message, "Mika") == Sent()
    finally:
        await there.stop()
    told = html.unescape(unquote_plus("".join(strings(there.bodies[-1])))).replace("\\", "")
    assert message.link in told
    assert "ci-bot asks for approval" in told + str(dict(there.seen[-1].headers))
    assert "Pay" in told
    assert "caronc" not in told.lower()
    for markup in ("<!channel>", "evil.example", "](", "*bold*", "@everyone", "<b>bold"):
        assert markup not in told


def strings(body: bytes) -> list[str]:
    """Every text of a JSON body; another body as it is."""
    try:
        value = json.loads(body)
    except ValueError:
        return [body.decode()]
    return list(_strings(value))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value + "\n"
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)
