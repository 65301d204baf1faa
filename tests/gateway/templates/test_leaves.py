import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.decoded import Kind, decode
from gateway.templates.leaves import covers, select, touches
from tests.gateway.templates.making import Headers, request


def picked(
    selector: str, body: str = "", kind: Kind = "none", target: str = "/", headers: Headers = ()
) -> tuple[str, ...]:
    sent = request("POST", target, body, headers)
    return select(selector, sent, decode(sent, kind))


def test_select_gives_every_leaf_below_a_place() -> None:
    body = '{"a": {"s": "x", "n": 1.0, "l": [true, null]}, "b": [{"k": "1"}, {"k": "2"}], "e": {}}'
    assert picked("json:/a", body, "json") == ("x", "1.0", "true", "null")
    assert picked("json:/b/*/k", body, "json") == ("1", "2")
    assert picked("json:/b/1/k", body, "json") == ("2",)
    assert picked("json:/b/x", body, "json") == ()
    assert picked("json:/a/s/z", body, "json") == ()
    assert picked("json:/a/*", body, "json") == ("x", "1.0", "true", "null")
    assert picked("json:/e", body, "json") == ("{}",)
    assert picked("json:/a") == ()


def test_select_reads_forms_queries_and_headers() -> None:
    assert picked("form:card", "card[number]=42&card[cvc]=1&x=2", "form") == ("42", "1")
    assert picked("form:card[number]", "card[number]=42", "form") == ("42",)
    assert picked("form:card[*]", "card[number]=42", "form") == ("42",)
    assert picked("query:key", target="/?key=1&key=2") == ("1", "2")
    assert picked("header:X-Key", headers={"x-key": "1"}) == ("1",)


def test_select_of_an_argument_looks_wherever_it_may_stand() -> None:
    assert picked("arg:a[b]", "a[b]=1", "form", "/?a[b]=2") == ("1", "2")
    assert picked("arg:a[b]", '{"a":{"b":3}}', "json") == ("3",)
    assert picked("arg:a", '{"z":3}', "json", "/?a=4") == ("4",)


@pytest.mark.parametrize(
    ("selector", "leaf", "expected"),
    [
        ("json:/a", "json:/a", True),
        ("json:/a", "json:/a/b/0", True),
        ("json:/a/*", "json:/a/b/0", True),
        ("json:/a/b", "json:/a", False),
        ("json:/a", "json:/ab", False),
        ("json:/a", "form:a", False),
        ("form:card", "form:card[number]", True),
        ("arg:card[number]", "form:card[number]", True),
        ("arg:card[number]", "json:/card/number", True),
        ("arg:a", "query:a", True),
        ("header:X-A", "header:x-a", True),
        ("header:X-A", "header:x-b", False),
        ("header:a", "query:a", False),
        ("query:a", "header:a", False),
        ("body.bytes", "json:/a", False),
        ("json:/a", "json:", False),
        ("form:card", "form:card[number", True),
        ("form:card[number]", "form:card[number", False),
        ("form:a[*]", "form:a[]", True),
        ("form:a", "form:", False),
        ("query:a", "query:]", False),
        ("json:/a~1b", "json:/a~1b", True),
        ("json:/a", "what:ever", False),
        ("json:/a", "arg:a[b]", True),
    ],
)
def test_covers(selector: str, leaf: str, *, expected: bool) -> None:
    assert covers(selector, leaf) is expected


def test_selectors_touch_where_one_covers_the_other() -> None:
    assert touches("json:/a/b", "json:/a")
    assert touches("json:/a", "json:/a/b")
    assert not touches("json:/a", "json:/b")


@given(st.text(), st.sampled_from(["json:", "form:", "query:", "header:", "arg:", ""]))
def test_no_key_of_an_agents_makes_covers_fail(name: str, kind: str) -> None:
    for selector in ("json:/a", "form:a[b]", "query:a", "arg:a", "header:a"):
        assert isinstance(covers(selector, kind + name), bool)
