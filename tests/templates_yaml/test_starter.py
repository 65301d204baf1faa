"""The templates that ship: every example holds, and what they promise to a security team is so."""

import re
from collections import Counter
from pathlib import Path

import cedarpy
import pytest

from gateway.model import Caller, Request
from gateway.templates import ExampleResult, Library

FOLDER = Path(__file__).parents[2] / "templates_yaml"
FILES = sorted(FOLDER.glob("*.yaml"))
LIBRARY = Library.load(FILES)
EXAMPLES = LIBRARY.examples()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.service}:{example.place.line}")
def test_every_example_holds(example: ExampleResult) -> None:
    assert example.wrong == ()


def test_there_are_enough_actions() -> None:
    named = Counter(action.service for action in LIBRARY.actions() if "unmatched" not in action.groups)
    assert named["github"] >= 14
    assert named["stripe"] >= 10
    assert named["playground"] >= 6


def test_every_action_has_an_example_and_an_own_title() -> None:
    for service in LIBRARY.services.values():
        for action in service.actions:
            assert action.examples, action.name
            assert action.title != action.id.replace("/", " ").capitalize(), action.name
        refusals = re.findall(r"refused: ambiguous_request", service.file.read_text(encoding="utf-8"))
        assert len(refusals) >= 4, service.name


def test_the_schema_of_all_of_them_is_valid() -> None:
    assert "Schema" in type(cedarpy.Schema.from_str(LIBRARY.cedar_schema())).__name__


@pytest.mark.parametrize(
    "group",
    ["destructive", "payment", "credential", "access", "publish", "execute", "content", "communicate"],
)
def test_each_group_of_the_vocabulary_is_used(group: str) -> None:
    assert any(group in action.groups for action in LIBRARY.actions())


def test_nothing_that_only_reads_is_in_a_dangerous_group() -> None:
    for action in LIBRARY.actions():
        if action.access == "read":
            assert set(action.groups) <= {"unmatched"}, action.id


CLONE = [
    ("GET", "/acme/site.git/info/refs?service=git-upload-pack", "fetch_refs"),
    ("POST", "/acme/site.git/git-upload-pack", "fetch"),
    ("GET", "/acme/site/info/refs?service=git-upload-pack", "fetch_refs"),
    ("POST", "/acme/site/git-upload-pack", "fetch"),
    ("GET", "/acme/site.git/info/refs?service=git-receive-pack", "push_refs"),
]


@pytest.mark.parametrize(("method", "target", "name"), CLONE)
def test_a_clone_only_reads(method: str, target: str, name: str) -> None:
    headers = (("Content-Type", "application/x-git-upload-pack-request"), ("Content-Encoding", "gzip"))
    caller = Caller("a", "t", None, "127.0.0.1")
    sent = Request(
        caller,
        method,
        "https",
        "github.com",
        443,
        target,
        headers,
        b"\x1f\x8bpack" if method == "POST" else b"",
    )
    (unit,) = LIBRARY.map(sent).units
    assert (unit.action, unit.access, unit.risk) == (f"/github/git/{name}", "read", "low")
    assert unit.resource.id == "acme/site"


def test_a_push_is_a_write_that_steps_up_and_its_body_stays_whole() -> None:
    caller = Caller("a", "t", None, "127.0.0.1")
    sent = Request(caller, "POST", "https", "github.com", 443, "/acme/site.git/git-receive-pack", (), b"0000")
    (unit,) = LIBRARY.map(sent).units
    assert (unit.access, unit.risk) == ("write", "step_up")
    assert LIBRARY.body(sent).kind == "opaque"


SECRETS = [
    ("github", "secret/put", "json:/encrypted_value"),
    ("github", "hook/create", "json:/config/secret"),
    ("stripe", "payment_method/create", "arg:card[number]"),
    ("stripe", "payment_method/create", "arg:card[cvc]"),
]


@pytest.mark.parametrize(("service", "name", "selector"), SECRETS)
def test_what_is_secret_is_hidden(service: str, name: str, selector: str) -> None:
    (action,) = (action for action in LIBRARY.services[service].actions if action.id == name)
    assert selector in (*action.redact, *action.secret)
