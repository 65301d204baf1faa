import pytest

from gateway.decoded import Kind
from gateway.errors import ConfigError, ConfigErrors, Place
from gateway.templates.decoding import Decoding, read_decoding
from gateway.templates.hosts import parse_service_host
from gateway.templates.paths import parse_path
from tests.gateway.templates.making import request, yaml

HOSTS = (parse_service_host("api.shop.test", Place("t"), {}),)
RULES = """
- {body: json, args: [form, query]}
- {at: {method: PUT}, body: opaque}
- {at: {method: PUT, path: '/a/{x}'}, body: text}
- {at: {method: PUT, path: /a/b}, body: {application/json: json}}
- {at: {method: POST, path: /up, where: {'query:type': media}}, body: opaque}
- {at: {host: git.shop.test}, body: form}
"""


def decoding(text: str) -> Decoding:
    return read_decoding(yaml(text), HOSTS, {})


def kind(method: str, path: str, query: str = "", host: str = "api.shop.test") -> Kind | None:
    sent = request(method, f"{path}?{query}", "x", {"Content-Type": "application/json"}, host)
    return decoding(RULES).find(sent, query, parse_path(path)).kind(sent)


def test_the_most_specific_rule_wins_in_whatever_order() -> None:
    assert kind("POST", "/a/b") == "json"
    assert kind("PUT", "/z") == "opaque"
    assert kind("PUT", "/a/c") == "text"
    assert kind("PUT", "/a/b") == "json"
    assert kind("POST", "/up", "type=media") == "opaque"
    assert kind("POST", "/up", "type=x") == "json"
    assert kind("POST", "/a", host="git.shop.test") == "form"
    assert decoding(RULES).general.args == ("form", "query")


def test_without_rules_the_content_type_decides() -> None:
    sent = request("POST", "/", "x", {"Content-Type": "application/json"})
    assert read_decoding(None, HOSTS, {}).find(sent, None, [""]).kind(sent) == "json"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[{body: json}, {body: form}]", 'no "at"'),
        ("[{body: jsn}]", 'There is no reader "jsn". There are: json, form,'),
        ("[{split: git, body: json}]", "The split git needs the reader git."),
        ("[{body: {a/b: multi}}]", 'There is no reader "multi"'),
        ("[{args: [cookie]}]", 'There is no reader "cookie". There are: form, query, json, multipart.'),
        ("[{split: graph}]", 'There is no reader "graph"'),
        ("[{at: {path: '/{x}/b'}}, {at: {path: '/a/{y}'}}]", "https://api.shop.test/a/b"),
        ("[{at: {path: /a}}, {at: {path: /a}}]", "Two decode rules fit one request"),
        ("[{at: {where: {'json:/a': 1}}}]", "cannot depend on the body"),
        ("[{boby: json}]", 'Did you mean "body"?'),
    ],
)
def test_wrong_rules_are_errors(text: str, says: str) -> None:
    with pytest.raises((ConfigError, ConfigErrors)) as caught:
        decoding(text)
    assert says in str(caught.value)
