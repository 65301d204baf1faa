import pytest

from gateway.errors import ConfigError, Place, Refusal
from gateway.templates.reading import COMPOUND, Found
from gateway.templates.selectors import BodyPresence, has_wildcard, may_be_free, names_a_leaf, parse_selector
from gateway.templates.view import BodyRule, View
from tests.gateway.templates.making import FORM, JSON, Headers, request

HERE = Place("t.yaml", 3, 4)


def read(selector: str, target: str = "/", body: str = "", headers: Headers = ()) -> list[Found]:
    view = View(
        request("POST", target, body, headers), target.partition("?")[2], BodyRule(), {"owner": "acme"}
    )
    return list(parse_selector(selector, HERE).read(view))


def test_every_reader() -> None:
    assert read("path.owner") == ["acme"]
    assert read("host.owner") == ["acme"]
    assert read("path.repo") == []
    assert read("body.bytes", body="é") == ["2"]
    assert read("query:a[b]", "/?a%5Bb%5D=1") == ["1"]
    assert read("header:x-a", headers={"X-A": " 1 "}) == ["1"]
    assert read("header:x-a", headers=(("X-A", "1"), ("x-a", "2"))) == ["1", "2"]
    assert read("json:/a~1b/0", body='{"a/b":[7]}', headers=JSON) == ["7"]
    assert read("json:/a") == []
    assert read("form:a", body="a=1", headers=FORM) == ["1"]
    assert read("form:a[]", body="a[]=1&a[1]=2", headers=FORM) == ["1", "2"]
    assert read("form:a") == []
    assert read("form:a", body="b=1", headers=FORM) == []


def test_an_amount_in_the_other_kind_of_body_is_not_overlooked() -> None:
    with pytest.raises(Refusal, match="read in JSON"):
        read("json:/a", body="a=1", headers=FORM)
    with pytest.raises(Refusal, match="read in a form"):
        read("form:a", body='{"a":1}', headers=JSON)


def test_an_argument_stands_in_exactly_one_place() -> None:
    assert read("arg:a", body="a=1", headers=FORM) == ["1"]
    assert read("arg:a", "/?a=2") == ["2"]
    assert read("arg:a[b]", body='{"a":{"b":3}}', headers=JSON) == ["3"]
    assert read("arg:a") == []
    for body, headers in (("a=1", FORM), ('{"a":1}', JSON)):
        with pytest.raises(Refusal, match="more than one place"):
            read("arg:a", "/?a=2", body, headers)


def test_a_body_that_cannot_be_read_is_refused_for_every_body_selector() -> None:
    for selector in ("json:/a", "form:a", "arg:a"):
        with pytest.raises(Refusal):
            read(selector, body="{", headers=JSON if selector != "form:a" else {"Content-Type": "x/y"})


def test_presence_of_a_body() -> None:
    view = View(request("POST", body="x"), None, BodyRule())
    assert BodyPresence().read(view) == (COMPOUND,)
    assert BodyPresence().read(View(request("POST"), None, BodyRule())) == ()


def test_wildcards() -> None:
    assert has_wildcard(parse_selector("json:/a/*", HERE))
    assert has_wildcard(parse_selector("form:a[]", HERE))
    assert not has_wildcard(parse_selector("header:a", HERE))


@pytest.mark.parametrize("kind", ["graphql", "mcp", "git", "aws", "grpc"])
def test_an_unknown_word_of_a_reader_is_named_with_what_there_is(kind: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_selector(f"{kind}:x", HERE)
    assert str(caught.value).startswith(f"t.yaml:3:4: '{kind}:x' does not say what to read.")
    assert f"{kind}:" in str(caught.value) or "Did you mean" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["xml:", "xml:a//b", "xml:@id/b", "xml:a/b c", "graphql:args", "graphql:field/x"]
)
def test_a_path_that_leads_nowhere_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_selector(text, HERE)


@pytest.mark.parametrize(
    "text", ["graphql:field", "mcp:tool", "git:ref", "aws:service", "grpc:method", "path.n", "body.bytes"]
)
def test_what_is_no_value_of_the_request_cannot_be_hidden_or_left_free(text: str) -> None:
    assert not names_a_leaf(parse_selector(text, HERE))
    assert not may_be_free(parse_selector(text, HERE))


def test_elements_and_parts_can_be_hidden_and_not_left_free() -> None:
    for text in ("xml:a/b", "multipart:file"):
        assert names_a_leaf(parse_selector(text, HERE))
        assert not may_be_free(parse_selector(text, HERE))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("jsn:/a", 'Did you mean "json:"?'),
        ("amount", "There are"),
        ("path.", "There are"),
        ("path.a b", "There are"),
        ("json:a", "not a JSON pointer"),
        ("json:/a~2", "not a JSON pointer"),
        ("json:", "names nothing"),
        ("header:a b", "not the name of a header"),
        ("form:a[", "do not pair"),
        ("form:[a]", "do not pair"),
        ("arg:a]b", "do not pair"),
    ],
)
def test_wrong_selectors_are_errors(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_selector(text, HERE)
    assert says in str(caught.value)
