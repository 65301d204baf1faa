"""Templates and requests for the tests of the template engine."""

import atexit
import itertools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent, indent

import pytest

from gateway.errors import ConfigErrors, Reason, Refusal
from gateway.model import Caller, Request, Unit
from gateway.templates import Library
from gateway.templates.yaml12 import Yaml, parse_yaml

HEAD = """\
format: 1
service: shop
namespace: Shop
version: 1.0.0
hosts: [api.shop.test]
"""

_FOLDER = tempfile.TemporaryDirectory(prefix="templates-")
atexit.register(_FOLDER.cleanup)
_NUMBERS = itertools.count()

type Headers = Mapping[str, str] | tuple[tuple[str, str], ...]


def yaml(text: str) -> Yaml:
    return parse_yaml(text.encode(), "t.yaml")


def template(actions: str = "", rest: str = "", head: str = HEAD) -> str:
    listed = f"actions:\n{indent(dedent(actions), '  ')}\n" if actions else "actions: []\n"
    return head + dedent(rest) + "\n" + listed


def library(text: str, variables: Mapping[str, Mapping[str, object]] | None = None) -> Library:
    folder = Path(_FOLDER.name) / str(next(_NUMBERS))
    folder.mkdir()
    file = folder / "shop.yaml"
    file.write_text(text, encoding="utf-8")
    return Library.load([file], variables)


def shop(actions: str = "", rest: str = "") -> Library:
    return library(template(actions, rest))


def problems(actions: str = "", rest: str = "", head: str = HEAD) -> str:
    """What a load complains about; the test fails if it does not."""
    with pytest.raises(ConfigErrors) as caught:
        library(template(actions, rest, head))
    return str(caught.value)


def request(
    method: str = "GET",
    target: str = "/",
    body: bytes | str = b"",
    headers: Headers = (),
    host: str = "api.shop.test",
) -> Request:
    raw = body.encode() if isinstance(body, str) else body
    pairs = tuple(headers.items()) if isinstance(headers, Mapping) else headers
    return Request(Caller("ci", "tok_ci", None, "127.0.0.1"), method, "https", host, 443, target, pairs, raw)


JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def unit(made: Library, sent: Request) -> Unit:
    (only,) = made.map(sent).units
    return only


def action(made: Library, sent: Request) -> str:
    return unit(made, sent).action.removeprefix("/shop/")


def refused(made: Library, sent: Request) -> str:
    """The detail of an ambiguous_request; the test fails if the request is mapped."""
    with pytest.raises(Refusal) as caught:
        made.map(sent)
    assert caught.value.reason is Reason.AMBIGUOUS_REQUEST
    return caught.value.detail
