import asyncio
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bodies import JsonNumber, parse_json
from gateway.desk.contract import DeskError
from gateway.web import incoming
from gateway.web.incoming import Body, whole_number
from tests.gateway.web.fake_desk import ENVELOPE, SESSION, Browser, FakeDesk, Server

FINISH = "/api/v1/login/finish"
MISMATCH = f"/api/v1/envelopes/{ENVELOPE}/mismatch"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b"\xff{}",
        b'{"challenge_id":"a","challenge_id":"b","credential":{}}',
        b'{"challenge_id":"a","Challenge_ID":"b","credential":{}}',
        b'{"challenge_id":"a","credential":{"id":"a","id":"b"}}',
        b'{"challenge_id":"\\ud800","credential":{}}',
        b'{"challenge_id":NaN,"credential":{}}',
        b'{"challenge_id":1,"credential":{}}',
        b'{"challenge_id":null,"credential":{}}',
        b'{"challenge_id":"a","credential":"b"}',
        b'{"challenge_id":"a","credential":[]}',
        b'{"challenge_id":"' + b"a" * 129 + b'","credential":{}}',
        b'{"challenge_id":"a","credential":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
async def test_body_with_two_readings_is_refused(raw: bytes, browser: Browser, desk: FakeDesk):
    reply = await browser.post(FINISH, raw)
    assert (reply.status, reply.json["error"]) == (400, "bad_request")
    assert desk.calls == []


async def test_body_over_the_limit_is_refused(browser: Browser, desk: FakeDesk):
    reply = await browser.post(FINISH, b'{"challenge_id":"' + b"a" * (1 << 20) + b'"}')
    assert (reply.status, reply.json["error"]) == (413, "too_large")
    assert desk.calls == []


async def test_text_over_its_own_limit_is_refused(browser: Browser, desk: FakeDesk):
    assert (await browser.post(MISMATCH, {"expected": "a" * 100_000, "shown": ""})).status == 200
    assert (await browser.post(MISMATCH, {"expected": "a" * 100_001, "shown": ""})).status == 400
    assert len(desk.calls) == 1


async def test_client_that_stops_sending_keeps_no_place(
    server: Server, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(incoming, "BODY_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST {FINISH} HTTP/1.1\r\nHost: localhost:{server.port}\r\nOrigin: {server.origin}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{".encode())
    async with asyncio.timeout(60):
        line = await reader.readline()
    writer.close()
    assert line.startswith(b"HTTP/1.1 408 ")
    assert desk.calls == []


@given(st.text(max_size=30) | st.from_regex("[0-9]{1,19}"))
def test_whole_numbers_are_plain_digits_or_refused(text: str):
    if re.fullmatch("[0-9]{1,18}", text):
        assert whole_number(text, "n") == int(text)
        return
    with pytest.raises(DeskError) as caught:
        whole_number(text, "n")
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "envelopes",
    [
        [],
        None,
        ENVELOPE,
        {"0": ENVELOPE},
        [None],
        [ENVELOPE, 7],
        ["env_short"],
        [ENVELOPE + "/approve"],
        [ENVELOPE + "\n"],
        [f"env_{n:026d}" for n in range(51)],
    ],
)
@pytest.mark.parametrize("what", ["begin", "deny"])
async def test_a_batch_of_anything_but_one_to_fifty_ids_is_refused(
    envelopes: object, what: str, browser: Browser, desk: FakeDesk
):
    reply = await browser.post(f"/api/v1/batches/{what}", {"envelopes": envelopes})
    assert (reply.status, reply.json["error"]) == (400, "bad_request")
    assert desk.calls == []


async def test_a_denial_of_a_batch_needs_no_note(browser: Browser, desk: FakeDesk):
    many = [f"env_{n:026d}" for n in range(50)]
    assert (await browser.post("/api/v1/batches/deny", {"envelopes": many})).status == 200
    assert desk.calls == [("deny_batch", SESSION, many, None)]


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.none() | st.text() | st.booleans()))
def test_text_is_text_or_refused(members: dict[str, object]):
    if "a" not in members:
        assert Body(members).text_or_none("a", 5) is None
        return
    value = members["a"]
    if value is None or (isinstance(value, str) and len(value) <= 5):
        assert Body(members).text_or_none("a", 5) == value
    else:
        with pytest.raises(DeskError):
            Body(members).text_or_none("a", 5)


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ({"seconds": 900}, {"seconds": 900}),
        ({"limits": {"jpy": -5, "eur": 0}}, {"limits": {"jpy": -5, "eur": 0}}),
        ({"list": [1, "2", True, None]}, {"list": [1, "2", True, None]}),
    ],
)
async def test_what_is_to_be_signed_has_its_numbers_as_numbers(raw: object, plain: object) -> None:
    """Else the page would find another text in the payload than it asked for."""
    body = Body({"asked": _as_sent(raw)})
    assert body.plain("asked") == plain
    assert json.dumps(body.plain("asked")) == json.dumps(plain)


@pytest.mark.parametrize("number", ["1.0", "1e3", "0.5", "-0", "1" * 16])
async def test_a_number_that_readers_may_disagree_on_is_not_signed(number: str) -> None:
    with pytest.raises(DeskError, match="whole"):
        Body({"asked": {"deep": [JsonNumber(number)]}}).plain("asked")


def _as_sent(value: object) -> object:
    return parse_json(json.dumps(value).encode())
