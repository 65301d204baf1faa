import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import operator as module
from gateway.cli.main import main
from gateway.errors import UsageError
from gateway.installation import install


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return install(tmp_path)


@pytest.fixture
def secondsig(config: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """One command, with what it printed; no gateway runs."""

    def command(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--config", str(config)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


type Command = Callable[..., tuple[int, str, str]]


def test_an_agents_life_on_the_files_alone(secondsig: Command) -> None:
    code, out, _ = secondsig("agent", "add", "ci-bot", "--team", "platform")
    assert code == 0
    assert "export HTTPS_PROXY=http://ci-bot:ssig_" in out
    assert "shown once" in out
    token = out.partition("ssig_")[2].partition("@")[0]
    assert secondsig("agent", "pause", "ci-bot")[1] == "ci-bot is paused: nothing of it passes.\n"
    code, out, _ = secondsig("agent", "list")
    assert [line.split() for line in out.splitlines()] == [
        ["name", "team", "owner", "paused"],
        ["ci-bot", "platform", "True"],
    ]
    assert secondsig("agent", "resume", "ci-bot")[0] == 0
    rotated = secondsig("agent", "rotate", "ci-bot")[1]
    assert "ssig_" in rotated
    assert token not in rotated
    assert "its tokens no longer work" in secondsig("agent", "revoke", "ci-bot")[1]
    assert secondsig("agent", "list")[1] == "No agents: secondsig agent add NAME\n"


def test_a_fresh_gateway_has_no_grants_and_revokes_none(secondsig: Command) -> None:
    assert secondsig("grant", "list")[1] == "Nothing is granted.\n"
    assert json.loads(secondsig("grant", "list", "--all", "--json")[1]) == {"grants": []}
    code, _, told = secondsig("grant", "revoke", "grt_1")
    assert code != 0
    assert "There is no live grant grt_1: secondsig grant list shows them." in told


def test_a_revoked_grant_is_told(monkeypatch: pytest.MonkeyPatch, secondsig: Command) -> None:
    answer = {"grants": [{"id": "grt_1", "agent": "bot", "says": "Do not ask."}], "grant": "grt_1"}
    monkeypatch.setattr(module, "operate", lambda *_words, **_given: answer)
    assert "Do not ask." in secondsig("grant", "list")[1]
    assert secondsig("grant", "revoke", "grt_1")[1] == "grt_1 is revoked: people are asked again.\n"


def test_machines_get_json(secondsig: Command) -> None:
    added = json.loads(secondsig("agent", "add", "bot", "--json")[1])
    assert (added["agent"], added["team"]) == ("bot", None)
    assert [a["name"] for a in json.loads(secondsig("agent", "list", "--json")[1])["agents"]] == ["bot"]
    for words in (
        ("approver", "list"),
        ("envelope", "list"),
        ("audit", "list"),
        ("agent", "pause", "bot"),
        ("stop-all",),
    ):
        json.loads(secondsig(*words, "--json")[1])


def test_a_mistake_is_a_sentence_and_exit_1(secondsig: Command) -> None:
    code, out, err = secondsig("agent", "pause", "ghost")
    assert (code, out) == (1, "")
    assert err == "secondsig: There is no agent ghost: secondsig agent list shows them.\n"


def test_the_first_approver_is_invited_and_listed(secondsig: Command) -> None:
    code, out, _ = secondsig("approver", "invite")
    assert code == 0
    assert "within 10 minutes, once" in out
    assert "/enrol#" in out
    assert secondsig("approver", "list")[1] == "Nobody is enrolled: secondsig approver invite\n"
    assert "Mika is not enrolled" in secondsig("approver", "revoke", "Mika")[2]


def test_a_reload_needs_a_gateway(secondsig: Command) -> None:
    code, _, err = secondsig("reload")
    assert code == 1
    assert "No gateway runs on this configuration" in err


def test_what_waits_and_what_happened_are_listed(secondsig: Command) -> None:
    assert secondsig("envelope", "list")[1] == "Nothing waits.\n"
    assert secondsig("envelope", "list", "--all")[1] == "Nothing waits.\n"
    assert "There is no envelope env_x" in secondsig("envelope", "show", "env_x")[2]
    assert "There is no envelope env_x" in secondsig("envelope", "deny", "env_x", "--note", "No.")[2]
    assert "There is no envelope env_x" in secondsig("envelope", "cancel", "env_x")[2]
    secondsig("agent", "add", "bot")
    code, out, _ = secondsig("audit", "list", "--filter", "kind:agent")
    assert code == 0
    assert out.splitlines()[0].split()[:4] == ["seq", "at", "kind", "decision"]
    assert "added" in out
    assert "is not a filter" in secondsig("audit", "list", "--filter", "nonsense")[2]


def test_the_kill_switch_says_how_much_it_stopped(secondsig: Command) -> None:
    secondsig("agent", "add", "one")
    secondsig("agent", "add", "two")
    assert secondsig("stop-all")[1] == "Paused 2 agents and denied 0 waiting requests.\n"


HOSTILE = {
    "id": "env_1",
    "state": "pending",
    "agent": "bot",
    "action": "/a\x1b[2J",
    "resource": "r\u202e",
    "address": "127.0.0.1",
    "expires_at": "…",
    "decided_by": None,
    "note": "n\nsecondsig: approved",
    "summary": [{"text": "Pay "}, {"value": "600\x1b[1A”"}],
}


def played(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[tuple[str, dict[str, Any]]]:
    asked: list[tuple[str, dict[str, Any]]] = []

    def ask(_path: Path, command: str, given: dict[str, Any]) -> Any:
        asked.append((command, given))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(module, "ask", ask)
    return asked


def test_what_an_agent_chose_cannot_speak_for_the_gateway(
    secondsig: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, {"envelope": HOSTILE, "rows": [{"seq": 1, "agent": "\x1b"}], "envelopes": [HOSTILE]})
    for words in (("envelope", "show", "env_1"), ("envelope", "list")):
        out = secondsig(*words)[1]
        assert "“600U+001B[1A””" in out
        assert all(line.isprintable() for line in out.splitlines())
        assert "\nsecondsig: approved" not in out
    json.loads(secondsig("envelope", "show", "env_1", "--json")[1])


def test_a_running_gateway_is_asked_with_exactly_what_was_said(
    secondsig: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = played(monkeypatch, {"envelope": HOSTILE, "config": "d" * 64, "rows": []})
    secondsig("envelope", "deny", "env_1", "--note", "No.")
    secondsig("envelope", "cancel", "env_1")
    assert secondsig("reload")[1] == f"In force: configuration {'d' * 16}.\n"
    secondsig("audit", "list", "--limit", "7", "--before", "9", "--filter", "a:b")
    assert asked == [
        ("envelope_deny", {"envelope": "env_1", "note": "No."}),
        ("envelope_cancel", {"envelope": "env_1"}),
        ("reload", {}),
        ("audit_list", {"chosen": "a:b", "before": 9, "limit": 7}),
    ]


def test_what_the_gateway_refuses_is_not_done_on_the_files_instead(
    secondsig: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, UsageError("Only the account that runs the gateway is its operator."))
    code, _, err = secondsig("agent", "add", "sneaky")
    assert code == 1
    assert "Only the account" in err
    monkeypatch.undo()
    assert "sneaky" not in secondsig("agent", "list")[1]


def test_a_revoked_approvers_name_is_printed_clean(
    secondsig: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, {"approver": "x", "revoked": True})
    assert secondsig("approver", "revoke", "a\x1b")[1] == "aU+001B is revoked.\n"


def test_a_channel_is_tried_also_while_no_gateway_runs(secondsig: Command, config: Path) -> None:
    text = config.read_text(encoding="utf-8")
    hook = '{webhook: {url: "http://127.0.0.1:9/", secret: "${SECRET_OF_NOBODY}"}}'
    config.write_text(f"{text}\nnotifications: {{channels: {{ops: {hook}}}}}\n", encoding="utf-8")
    code, out, _ = secondsig("notify", "test", "ops")
    assert (code, out) == (1, "ops: variable SECRET_OF_NOBODY is not set.\n")
    told = json.loads(secondsig("notify", "test", "ops", "--json")[1])
    assert (told["channel"], told["state"]) == ("ops", "failed")
    code, _, said = secondsig("notify", "test", "opps")
    assert code != 0
    assert "There is no channel opps" in said


def test_a_channel_that_works_is_told(monkeypatch: pytest.MonkeyPatch, secondsig: Command) -> None:
    monkeypatch.setattr(module, "operate", lambda *_words, **_given: {"state": "accepted", "error": None})
    assert secondsig("notify", "test", "ops")[:2] == (0, "ops: sent.\n")
