"""`secondsig template explain` from every kind of input, with and without a gateway."""

import asyncio
import io
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.config import load_settings
from gateway.decoded import decode
from gateway.envelopes import Envelope
from gateway.installation import install
from gateway.keys import Keys, load_keys
from gateway.loading import read_rules
from gateway.model import Decision, Effect
from gateway.questions import Digests, Entropy, names_of, new_envelope
from gateway.settings import Settings
from gateway.store.sqlite import SqliteStore
from gateway.store.things import Agent, Token
from gateway.store.writes import AddAgent, Open
from tests.kit.process import Gateway
from tests.kit.things import GATEWAY, OBSERVED, RISK, RP_ID, a_request, caps

ID = "env_" + "0" * 26
PAY = b"amount=600&currency=jpy&charge=ch_1"
RAW = (
    b"POST /v1/refunds HTTP/1.1\r\nHost: api.stripe.com\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
) + PAY

type Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECONDSIG_HOME", str(tmp_path / "home"))

    def command(*words: str) -> tuple[int, str, str]:
        code = main(["template", "explain", *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


def test_a_curl_command_after_two_dashes_is_explained(explained: Command) -> None:
    code, out, _ = explained("--", "curl", "https://api.stripe.com/v1/refunds", "-d", PAY.decode())
    assert code == 0
    assert out.startswith("1. Request\n   POST https://api.stripe.com/v1/refunds, ")
    assert "an-agent (made up for this), in no team" in out
    assert "Refund “600 JPY”" in out
    assert "payment-needs-a-person (the starter's policy.cedar:" in out


def test_a_curl_command_as_one_text_is_the_same(explained: Command) -> None:
    one = explained("--json", "--curl", f"curl https://api.stripe.com/v1/refunds -d '{PAY.decode()}'")[1]
    two = explained("--json", "--", "curl", "https://api.stripe.com/v1/refunds", "-d", PAY.decode())[1]
    assert json.loads(one) == json.loads(two)
    assert json.loads(one)["requests"][0]["outcome"] == "step_up"


def test_a_raw_request_comes_from_a_file_or_from_standard_input(
    explained: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("request.http").write_bytes(RAW)
    assert "from request.http" in explained("--raw", "request.http", "--agent", "ci-bot")[1]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(RAW)))
    assert "from standard input" in explained("--raw", "-")[1]


def test_every_request_of_a_har_file_is_explained(explained: Command) -> None:
    entries = [
        {"request": {"method": "GET", "url": f"https://api.stripe.com/v1/{name}"}}
        for name in ("charges", "x/y")
    ]
    Path("site.har").write_text(json.dumps({"log": {"entries": entries}}), encoding="utf-8")
    out = explained("--har", "site.har")[1]
    assert "from site.har, request 1" in out
    assert "\n\n1. Request\n" in out


@pytest.mark.whole
def test_what_no_template_covers_is_said(explained: Command) -> None:
    Path("request.http").write_bytes(RAW)
    assert "No template" in explained("--raw", "request.http", "--scheme", "http")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Give one request"),
        (("--curl", "curl a.test", "--raw", "x"), "Give one request"),
        (("--curl", "curl --nope a.test"), "'--nope' is not known here"),
        (("--raw", "missing"), "missing cannot be read"),
        (("--envelope", ID), "An envelope belongs to a gateway"),
    ],
)
def test_what_is_no_request_exits_2_with_a_sentence(
    explained: Command, words: tuple[str, ...], said: str
) -> None:
    code, out, err = explained(*words)
    assert (code, out) == (2, "")
    assert err.startswith("secondsig: ")
    assert said in err
    assert err.count("\n") == 1


def test_what_an_agent_sends_cannot_move_the_cursor(explained: Command) -> None:
    out = explained(
        "--",
        "curl",
        "https://api.stripe.com/v1/refunds",
        "--data-urlencode",
        "charge=\x1b[2J\n1. All is well",
    )[1]
    assert "\x1b" not in out
    assert "\n1. All is well" not in out


@pytest.fixture
def settings(explained: Command, tmp_path: Path) -> Settings:
    """A gateway's files: it ran once, has an agent, and one of its requests waits."""
    config = install(tmp_path)
    config.write_text(config.read_text(encoding="utf-8").replace("# stripe:", "stripe:"), encoding="utf-8")
    made = load_settings(config)
    keys = load_keys(made.state / "keys")
    (made.state / "data").mkdir()
    asyncio.run(_fill(made, an_envelope(made, keys)))
    return made


def an_envelope(settings: Settings, keys: Keys) -> Envelope:
    headers = (("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", "Bearer sk"))
    request = a_request(host="api.stripe.com", target="/v1/refunds", headers=headers, body=PAY)
    mapped = read_rules(settings).library.map(request)
    now = int(time.time())
    return new_envelope(
        request,
        mapped,
        Decision(Effect.STEP_UP, quorum=1),
        names_of(request, mapped, decode(request, "form"), settings, keys),
        RISK,
        OBSERVED,
        agent=Agent("ci-bot", "platform", None, paused=False, created_at=now),
        gateway=GATEWAY,
        rp_id=RP_ID,
        settings=settings,
        digests=Digests("p", "c"),
        keys=keys,
        entropy=Entropy(ID, b"1" * 16, b"2" * 16, "s"),
        now=now,
    )


async def _fill(settings: Settings, envelope: Envelope) -> None:
    store = SqliteStore(settings.state / "data" / "secondsig.db")
    now = store.now()
    agent = Agent("ci-bot", "platform", None, paused=False, created_at=now)
    await store.apply(AddAgent(agent, Token("tok_ci-bot", "ci-bot", None, "hash", now, None)))
    await store.apply(
        AddAgent(replace(agent, name="lazy"), Token("tok_lazy", "lazy", None, "hash2", now, None))
    )
    await store.apply(Open(envelope, caps(10)))
    await store.close()


def test_a_gateways_own_agents_and_people_decide(settings: Settings, explained: Command) -> None:
    words = ("--", "curl", "https://api.stripe.com/v1/refunds", "-d", PAY.decode())
    assert "the agent ci-bot of the team platform" in explained("--agent", "ci-bot", *words)[1]
    assert "no_approver_reachable" in explained("--agent", "ci-bot", *words)[1]
    code, _, err = explained("--agent", "nobody", *words)
    assert (code, err) == (2, "secondsig: There is no agent nobody. Known are: ci-bot, lazy.\n")


def test_an_envelope_is_explained_from_the_files(settings: Settings, explained: Command) -> None:
    code, out, _ = explained("--envelope", ID)
    assert code == 0
    assert f"the agent ci-bot of the team platform, from the envelope {ID}" in out
    assert "Authorization is read as (secret)" in out
    assert "Refund “600 JPY” of “ch_1”" in out


def test_an_envelope_that_is_not_there_is_a_sentence(settings: Settings, explained: Command) -> None:
    code, _, err = explained("--envelope", "env_none")
    assert code == 2
    assert "There is no envelope env_none" in err


@pytest.mark.slow
async def test_a_running_gateway_is_asked(settings: Settings, explained: Command) -> None:
    text = settings.file.read_text(encoding="utf-8")
    settings.file.write_text(
        text.replace("127.0.0.1:8080", "127.0.0.1:0").replace("localhost:8081", "localhost:0")
    )
    gateway = Gateway(settings.file)
    await gateway.start()
    try:
        await gateway.ask("agent_pause", name="lazy")
        code, out, err = await asyncio.to_thread(explained, "--envelope", ID)
        assert code == 0, err
        assert "Refund “600 JPY” of “ch_1”" in out
        words = ("--", "curl", "https://api.stripe.com/v1/refunds", "-d", PAY.decode())
        assert "403 agent_paused" in (await asyncio.to_thread(explained, "--agent", "lazy", *words))[1]
    finally:
        await gateway.stop()
