import pytest

from gateway.errors import ConfigErrors
from gateway.model import Risk
from tests.gateway.templates.making import HEAD, library, problems, request, shop, template, unit

ONE = "- {id: x, match: {path: /a}, summary: X}"


def test_a_service_says_who_it_is() -> None:
    (service,) = shop(ONE, "title: The shop").services.values()
    assert (service.name, service.title, service.version, service.namespace) == (
        "shop",
        "The shop",
        "1.0.0",
        "Shop",
    )
    assert service.hosts == ("api.shop.test",)
    assert service.file.name == "shop.yaml"
    assert service.unmatched["read"].risk is Risk.LOW
    assert service.unmatched["write"].risk is Risk.STEP_UP


def test_the_floor_for_what_is_unmatched() -> None:
    (service,) = shop(rest="unmatched: {read: step_up, write: forbid}").services.values()
    assert service.unmatched["read"].risk is Risk.STEP_UP
    assert service.unmatched["write"].risk is Risk.FORBID
    assert str(service.unmatched["write"].place).endswith("shop.yaml:6:28")


def test_hosts_only_an_action_names_belong_to_the_service() -> None:
    (service,) = shop("- {id: x, match: {host: up.shop.test, path: /a}, summary: X}").services.values()
    assert service.hosts == ("api.shop.test", "up.shop.test")


def test_the_digest_names_the_bytes_and_the_variables() -> None:
    text = template(ONE, "vars: {v: {default: a}}")
    digests = {
        library(text).digest,
        library(text + "# comment\n").digest,
        library(text, {"shop": {"v": "b"}}).digest,
    }
    assert len(digests) == 3
    assert library(text).digest == library(text).digest


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        ("servce: x", 'Did you mean "service"?'),
        ("bind: {volatile: []}", 'The template has no "bind"'),
        ("unmatched: {read: lo}", 'Did you mean "low"?'),
        ("unmatched: {reed: low}", 'Did you mean "read"?'),
        ("params: {x: {pattern: '('}}", "is not closed"),
        ("params: [x]", "must be a mapping"),
        ("opaque_ids: fine", "Known are: accept."),
        ("defaults: {risk: low}", '"defaults" has no "risk"'),
        ("defaults: {bind: {volatile: [path.x]}}", "cannot be volatile"),
        ("resources: {A: {id: '{x}', at: ['/{x}/b']}, B: {id: '{y}', at: ['/a/{y}']}}", "both claim /a/b"),
        ("decode: {body: streams}", 'no reader "streams"'),
        (
            "decode: {at: {where: {'query:q': x}}, body: json}\ndefaults: {bind: {volatile: ['query:q']}}",
            "A decode rule reads 'query:q', volatile in",
        ),
        ("title: [x]", '"title" must be a text'),
    ],
)
def test_wrong_parts_are_errors(rest: str, says: str) -> None:
    assert says in problems(ONE, rest)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (HEAD.replace("format: 1", "format: 2"), "from 1 to 1"),
        (HEAD.replace("format: 1\n", ""), 'needs "format"'),
        (HEAD.replace("service: shop", "service: Shop"), "cannot be a service"),
        (HEAD.replace("namespace: Shop\n", ""), 'needs "namespace"'),
        (HEAD.replace("namespace: Shop", "namespace: shop"), "Write it as GitHub."),
        (HEAD.replace("1.0.0", "'1.0'"), "cannot be a version"),
        (HEAD.replace("hosts: [api.shop.test]\n", ""), 'needs "hosts"'),
        (HEAD.replace("api.shop.test", "API.shop.test"), "lower case"),
        (HEAD.replace("api.shop.test", "'${h}'"), 'There is no variable "h"'),
        ("[]", "must be a mapping"),
        ("a: [", "not YAML"),
    ],
)
def test_a_wrong_head_is_an_error(head: str, says: str) -> None:
    if head in {"[]", "a: ["}:
        with pytest.raises(ConfigErrors) as caught:
            library(head)
        assert says in str(caught.value)
    else:
        assert says in problems(ONE, head=head)


def test_everything_that_is_wrong_is_found_at_once() -> None:
    listed = ONE + "\n- {id: y, match: {path: b}, summary: Y}\n- {id: z, match: {path: /z}, summary: '{q}'}"
    said = problems(listed, "titel: x\nunmatched: {read: lo}")
    for each in ('has no "titel"', "cannot be 'lo'", "must start with", 'names "q"'):
        assert each in said
    assert len(said.splitlines()) == 4


def test_an_id_is_given_once() -> None:
    said = problems(ONE + "\n- {id: x, match: {path: /b}, summary: X}")
    assert 'The id "x" is taken by line 8.' in said


def test_resources_of_different_depth_may_share_paths() -> None:
    kinds = "A: {id: '{x}', at: ['/{x}']}, B: {id: '{y}', at: ['/a/{y}', '/b/{y}']},"
    kinds += " C: {id: '{host}', at: ['/c']}"
    (service,) = shop(ONE, f"resources: {{{kinds}}}").services.values()
    assert service.resources.deepest(["a", "q", "r"]) == ("B", {"y": "q"})
    assert service.resources.deepest(["c"]) == ("C", {})


PUT = "- {id: put, match: {method: PUT, path: '/files/{n}'}, context: {a: {from: 'json:/a'}}, summary: Put}"


@pytest.mark.parametrize(
    "decode",
    [
        "decode: [{body: stream}]",
        "decode: [{body: json}, {at: {method: PUT, path: '/files/{x}'}, body: stream}]",
        "decode: [{body: json}, {at: {path: '/{x*}'}, body: stream}]",
        "decode: [{body: stream}, {at: {method: POST, path: /files/other}, body: json}]",
    ],
)
def test_an_action_that_would_look_into_a_stream_is_an_error(decode: str) -> None:
    said = problems(PUT, decode)
    assert "The action \"put\" reads 'json:/a' in a body that is a stream." in said


@pytest.mark.parametrize(
    "decode",
    [
        "decode: [{body: stream}, {at: {method: PUT, path: '/files/{x}'}, body: json}]",
        "decode: [{body: json}, {at: {method: POST, path: '/files/{x}'}, body: stream}]",
        "decode: [{body: {application/json: json, '*': stream}}]",
        "decode: [{body: stream}, {at: {path: /files/other}, body: json}]",
    ],
)
def test_a_stream_elsewhere_is_no_matter(decode: str) -> None:
    assert shop(PUT, decode).services


def test_a_stream_is_matched_by_what_its_headers_say() -> None:
    made = shop(
        "- {id: put, match: {method: PUT, path: '/files/{n}'}, summary: 'Put {size}', "
        "context: {size: {from: 'header:x-size', type: int}, all: {from: body.bytes, type: int}}}",
        "decode: [{body: stream}]",
    )
    found = unit(
        made, request("PUT", "/files/a", b"\xff", {"X-Size": "1", "Content-Encoding": "aws-chunked"})
    )
    assert found.context == {"size": 1, "all": 1}


def test_one_wrong_resource_is_said_once_not_once_more_for_each_action() -> None:
    action = "- {id: x, match: {path: /a}, resource: Repo, summary: X}"
    said = problems(action, "resources: {Repo: {id: '{x}', in: [Nothing]}}")
    assert "Nothing" in said
    assert "The resource cannot be" not in said
