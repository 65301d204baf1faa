"""Every step is there, in the gateway's order, in words that name files, lines and reasons."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.authoring.asked import Asked
from gateway.authoring.explaining import Explanation, explain, value_text
from gateway.model import Money
from tests.gateway.authoring.conftest import Explain, MakeScene
from tests.kit.things import a_request

PAY = "https://api.shop.test/pay --json"


def said(explanation: Explanation, name: str) -> str:
    return "\n".join(line for step in explanation.steps if step.name == name for line in step.says)


def test_a_payment_is_told_from_its_bytes_to_what_the_agent_gets(explained: Explain) -> None:
    told = explained(PAY + """ '{"amount": 600, "currency": "jpy", "tags": ["a", "b"], "card": "1"}'""")
    assert [step.name for step in told.steps] == [
        "request", "service", "path", "body", "candidates", "winner", "unit", "intent_risk", "policy",
        "outcome",
    ]  # fmt: skip
    assert told.outcome == "step_up"
    assert "as the agent ci-bot of the team platform, from the curl command" in said(told, "request")
    assert "shop.yaml:" in said(told, "service")
    assert "pay" in said(told, "path")
    assert "json with amount, currency, tags, card" in said(told, "body")
    assert "/shop/pay fits: /pay" in said(told, "candidates")
    assert "/shop/pay/test does not fit" in said(told, "candidates")
    assert "json:/test true: false" in said(told, "candidates")
    unit = said(told, "unit")
    assert "money: money = 600 JPY" in unit
    assert "tags: set = [a, b]" in unit
    assert "not there: to" in unit
    assert "write, payment" in unit
    assert "Summary    Pay “600 JPY”" in unit
    assert "Secret     json:/card" in unit
    assert "Redacted" not in unit
    assert said(told, "intent_risk") == "high: moves money, says no purpose"


def test_the_narrower_action_wins_and_says_over_whom(explained: Explain) -> None:
    told = explained(PAY + """ '{"test": true, "amount": 1, "currency": "jpy"}'""")
    assert "/shop/pay/test wins" in said(told, "winner")
    assert "over /shop/pay: it is the narrower one: only with json:/test true." in said(told, "winner")
    ordered = explained(PAY + """ '{"test": true}' -H 'X-Form: 1'""")
    assert "over /shop/pay/test: it says so: over: [pay/test]." in said(ordered, "winner")


def test_parents_and_undo_are_named(explained: Explain) -> None:
    unit = said(explained("-X DELETE https://api.shop.test/repos/acme/site"), "unit")
    assert 'Shop::Repo::"acme/site" in Shop::Org::"acme"' in unit
    assert "Undo       never: Gone." in unit


def test_a_risk_that_was_raised_says_why(explained: Explain) -> None:
    unit = said(explained("-X POST https://api.shop.test/things/7"), "unit")
    assert "step_up (the template says low; a parent of the resource cannot be named)" in unit


def test_each_part_of_a_split_request_has_its_own_story(explained: Explain) -> None:
    query = json.dumps({"query": "mutation { a: dropAll { id } other { id } }"})
    told = explained(f"https://api.shop.test/graphql --json '{query}'")
    assert "For mutation dropAll:" in said(told, "candidates")
    assert "For mutation dropAll: /shop/gql/drop wins" in said(told, "winner")
    assert "For mutation other: /shop/gql/any wins" in said(told, "winner")
    assert [step.title for step in told.steps if step.name == "unit"] == ["Meaning 1 of 2", "Meaning 2 of 2"]
    assert "Each of its meanings alone:" in said(told, "policy")


def test_a_path_that_no_action_has_names_what_another_method_would_be(explained: Explain) -> None:
    told = explained("-X PATCH https://api.shop.test/repos/acme/site")
    assert "No action has this method and path." in said(told, "candidates")
    assert "With another method it would be /shop/repo/read" in said(told, "candidates")
    assert "/shop/unmatched/write wins, as no action fits" in said(told, "winner")


@pytest.mark.parametrize(
    ("command", "outcome", "words"),
    [
        ("--path-as-is https://api.shop.test/a/../b", "ambiguous_request", "dot segment"),
        (PAY + " '{'", "ambiguous_request", "JSON"),
        ("https://api.shop.test/pay -d a=1", "ambiguous_request", "send it as JSON"),
        ("https://api.shop.test/graphql --json '{}'", "ambiguous_request", "query"),
        ("https://api.shop.test/pay -H 'Content-Type: text/csv' -d a", "ambiguous_request", "content type"),
        ("https://www.shop.test/", "destination_refused", "secondsig template import"),
    ],
)
def test_a_refusal_is_told_with_its_way_out(
    explained: Explain, command: str, outcome: str, words: str
) -> None:
    told = explained(command)
    assert told.outcome == outcome
    assert told.steps[-1].says[0].startswith(f"403 {outcome}: ")
    assert words in told.steps[-1].says[1]


def test_an_unknown_content_type_is_told_at_the_body(explained: Explain) -> None:
    told = explained("https://api.shop.test/pay -H 'Content-Type: text/csv' -d a")
    assert "whatever reads it is unknown" in said(told, "body")
    told = explained(PAY + " '{'")
    assert "it cannot be read" in said(told, "body")


def test_a_host_that_nobody_serves_names_its_neighbours_or_passes(explained: Explain) -> None:
    assert "api.shop.test" in said(explained("https://www.shop.test/"), "service")
    assert explained("https://trusted.test/").outcome == "watch"
    assert explained("https://other.test/", unknown_hosts="watch").outcome == "watch"


def test_what_cannot_be_shown_cannot_be_approved(explained: Explain) -> None:
    told = explained("""-X POST https://api.shop.test/later --json '{"a": 1, "a": 2}'""")
    assert told.outcome == "ambiguous_request"


LINE = b"0" * 40 + b" " + b"1" * 40 + b" refs/heads/main\0 report-status"
PART = b'--x\r\nContent-Disposition: form-data; name="avatar"\r\n\r\nhi\r\n--x--\r\n'


@pytest.mark.parametrize(
    ("path", "kind", "body", "words"),
    [
        ("/push", "a/b", b"%04x" % (len(LINE) + 4) + LINE + b"0000PACK", "git with create refs/heads/main"),
        ("/form", "multipart/form-data; boundary=x", PART, "multipart with avatar"),
        ("/xml", "text/xml", b"<Delete><Key>a</Key></Delete>", "xml with Delete"),
        ("/text", "text/plain", b"hello", "text."),
        ("/wide", "application/json", json.dumps({f"k{n}": n for n in range(20)}).encode(), "and 8 more"),
    ],
)
def test_what_a_body_holds_is_named(
    a_scene: MakeScene, path: str, kind: str, body: bytes, words: str
) -> None:
    headers = (("Content-Type", kind),)
    request = a_request(host="eu.shop.test", target=path, headers=headers, body=body)
    assert words in said(explain(Asked(request, "a test"), a_scene()), "body")


def test_all_of_it_is_data_as_well(explained: Explain) -> None:
    told = explained(PAY + """ '{"amount": 600, "currency": "jpy"}'""")
    data = json.loads(json.dumps([step.as_json() for step in told.steps]))
    unit = next(step for step in data if step["step"] == "unit")
    assert unit["context"] == {"money": {"currency": "jpy", "minor": 600}, "tags": []}
    assert unit["types"]["money"] == "money"
    candidates = next(step for step in data if step["step"] == "candidates")["parts"][0]["candidates"]
    assert {each["verdict"] for each in candidates} == {"true", "false"}


def test_values_are_written_for_people() -> None:
    assert value_text(Money("jpy", 600, 0)) == "600 JPY ({currency: jpy, minor: 600})"
    assert value_text(("a", "b")) == "[a, b]"
    assert value_text(value=True) == "true"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["api.shop.test", "eu.shop.test", "other.test"]),
    st.sampled_from(["GET", "POST", "DELETE", "get", "X-Y"]),
    st.one_of(
        st.sampled_from(["/pay", "/graphql", "/keys?mode=1", "/later", "/never", "/things/1"]), st.text()
    ),
    st.sampled_from(["application/json", "text/plain", ""]),
    st.one_of(st.binary(), st.sampled_from([b"{}", b'{"query": "{a}"}', b'{"amount": 1}'])),
)
def test_no_request_is_a_fault(
    a_scene: MakeScene, host: str, method: str, target: str, kind: str, body: bytes
) -> None:
    if not hasattr(test_no_request_is_a_fault, "scene"):
        test_no_request_is_a_fault.scene = a_scene()  # type: ignore[attr-defined]
    scene = test_no_request_is_a_fault.scene  # type: ignore[attr-defined]
    request = a_request(
        host=host, method=method, target=target, body=body, headers=(("Content-Type", kind),) if kind else ()
    )
    told = explain(Asked(request, "a test"), scene)
    assert told.steps[-1].name == "outcome"
    assert all("\n" not in line or not line.isprintable() for step in told.steps for line in step.says)
