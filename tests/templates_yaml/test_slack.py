"""Slack's template against every method of its official SDK."""

import pytest

from gateway.errors import Refusal
from tests.templates_yaml import walk

FORM = "application/x-www-form-urlencoded"
SLACK = walk.Walk(
    "slack",
    "slack.com",
    usual=(FORM, b"channel=C1&channel_id=C1"),
    bodies={("GET", f"/api/search.{what}"): "query=x" for what in ("all", "files", "messages")},
)
asked = SLACK.asked

LOW = {
    "/slack/agents_conversations/remove_view": "a view is set again",
    "/slack/calls_participants/remove": "a list of who is in a call",
    "/slack/conversations/close": "closes a window, and deletes nothing",
    "/slack/pins/remove": "undone by pinning again",
    "/slack/reactions/remove": "the agent's own reaction",
    "/slack/stars/remove": "undone by starring again",
    "/slack/workflows_featured/remove": "undone by featuring again",
}


class TestPromises(walk.Promises):
    walk = SLACK
    least = 280
    low = LOW


def test_every_method_that_writes_does_so_by_get_too() -> None:
    for each in SLACK.operations():
        if each.mutating:
            unit = asked("GET", f"slack.com{each.path}?channel=C1&channel_id=C1")
            assert "unmatched" not in unit.groups
            assert unit.action != "/slack/method/call"
            assert unit.access == "write"


def test_administration_always_steps_up() -> None:
    for each in SLACK.operations():
        if each.name.startswith("admin."):
            assert asked("POST", f"slack.com{each.path}", b"channel_id=C1").risk == "step_up"


@pytest.mark.parametrize(
    "host", ["slack.com", "acme.slack.com", "acme.enterprise.slack.com", "slack-gov.com"]
)
def test_a_message_is_the_same_on_every_host(host: str) -> None:
    unit = asked("POST", f"{host}/api/chat.postMessage", b"channel=C1&text=hi")
    assert (unit.action, str(unit.resource)) == ("/slack/chat/post_message", 'Slack::Channel::"C1"')


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("slack.com/api/chat.postMessage?channel=C2", b"channel=C1"),
        ("slack.com/api/chat.postMessage", b"channel=C1&channel=C2"),
        ("slack.com/api/chat.postMessage", b"text=hi"),
        ("slack.com/api/chat%2EpostMessage%2F", b"channel=C1"),
    ],
)
def test_a_channel_that_can_be_read_in_two_ways_is_refused(url: str, body: bytes) -> None:
    with pytest.raises(Refusal):
        asked("POST", url, body)


@pytest.mark.parametrize(
    "method", ["chat.postmessage", "CHAT.DELETE", "admin.users.list2", "conversations.list.all"]
)
def test_a_method_that_is_not_known_is_asked_about(method: str) -> None:
    unit = asked("GET", f"slack.com/api/{method}")
    assert (unit.action, unit.risk) == ("/slack/method/call", "step_up")
