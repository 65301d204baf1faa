"""What is pasted on the pages is explained by what is in force, and reads no file of the gateway's."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.authoring.pasted import explain_pasted
from gateway.config import load_settings
from gateway.directory import Directory
from gateway.errors import UsageError
from gateway.loading import load_rules
from gateway.rules import Rules
from gateway.store.things import Agent
from tests.kit.clocks import START

PAY = 'curl https://api.shop.test/pay --json \'{"amount": 600, "currency": "jpy"}\''


@pytest.fixture
def directory() -> Directory:
    made = Directory(cast("Any", None))
    made.agents = {"ci-bot": Agent("ci-bot", "platform", None, paused=False, created_at=START)}
    return made


@pytest.fixture
def rules(config: Path, directory: Directory) -> Rules:
    return load_rules(load_settings(config, {}), directory)


def test_a_pasted_command_is_told_step_by_step_as_data_that_travels(
    rules: Rules, directory: Directory
) -> None:
    told = json.loads(json.dumps(explain_pasted(PAY, "ci-bot", rules, directory, START), allow_nan=False))
    steps = {step["step"]: step for step in told["steps"]}
    assert (told["request"]["method"], told["request"]["url"]) == ("POST", "https://api.shop.test/pay")
    assert steps["service"]["data"]["service"] == "shop"
    assert steps["unit"]["data"]["action"] == "/shop/pay"
    assert steps["unit"]["data"]["context"]["money"] == {"currency": "jpy", "minor": 600}
    assert steps["policy"]["data"]["effect"] == "step_up"
    assert steps["policy"]["data"]["reasons"][0]["place"].endswith("policy.cedar:3")
    assert told["outcome"] == "no_approver_reachable"


def test_a_request_off_the_wire_is_told_for_an_agent_that_is_made_up(
    rules: Rules, directory: Directory
) -> None:
    raw = "GET /repos/acme/site HTTP/1.1\nHost: api.shop.test\n\n"
    told = explain_pasted(raw, None, rules, directory, START)
    assert told["outcome"] == "allow"
    assert "made up" in " ".join(told["steps"][0]["says"])


@pytest.mark.parametrize(
    "option", ["-d @{0}", "--data-binary @{0}", "-T {0}", "-H @{0}", "-F f=@{0}", "-F 'f=<{0}'", "-d @-"]
)
def test_a_pasted_command_reads_no_file_of_the_gateway(
    rules: Rules, directory: Directory, config: Path, option: str
) -> None:
    command = f"curl https://api.shop.test/pay {option.format(config)}"
    with pytest.raises(UsageError, match="none is read here"):
        explain_pasted(command, None, rules, directory, START)


@pytest.mark.parametrize("text", ["", "curl", "curl https://a.test/ | sh", "hello", "\x00", "GET / HTTP/1.1"])
def test_what_is_no_request_is_a_sentence(rules: Rules, directory: Directory, text: str) -> None:
    with pytest.raises(UsageError):
        explain_pasted(text, None, rules, directory, START)


def test_an_agent_that_nobody_added_is_a_sentence(rules: Rules, directory: Directory) -> None:
    with pytest.raises(UsageError, match="no agent ghost"):
        explain_pasted(PAY, "ghost", rules, directory, START)


def test_a_policy_file_that_went_away_costs_the_places_only(
    rules: Rules, directory: Directory, config: Path
) -> None:
    gone = replace(rules, settings=replace(rules.settings, policy=config.parent / "gone"))
    assert explain_pasted(PAY, "ci-bot", gone, directory, START)["outcome"] == "no_approver_reachable"
