"""A body as its upstream reads it: which of the readers, and what that one saw."""

import re
from collections.abc import Callable, Iterator
from typing import Literal

from gateway.bodies import Json, Pairs, parse_form, parse_json
from gateway.errors import ambiguous
from gateway.formats.git_push import Push, read_push
from gateway.formats.multipart import Part, parse_multipart
from gateway.formats.refusals import read_utf8, shown
from gateway.formats.xml import XmlNode, parse_xml
from gateway.formats.yaml_body import parse_yaml_body
from gateway.model import Request
from gateway.values import dataclass

type Kind = Literal["none", "json", "form", "text", "opaque", "xml", "multipart", "yaml", "git", "stream"]


@dataclass(frozen=True, slots=True)
class DecodedBody:
    """Only the field that `kind` names is set. YAML is read as `json`, and nobody reads a stream."""

    kind: Kind
    json: Json = None
    form: Pairs = ()
    text: str | None = None
    xml: XmlNode | None = None
    parts: tuple[Part, ...] = ()
    push: Push | None = None


def decode(request: Request, kind: Kind) -> DecodedBody:
    """The body as that kind of reader sees it; refused where it could be seen in two ways."""
    if not request.body or kind == "none":
        return DecodedBody("none")
    if kind in {"opaque", "stream"}:
        return DecodedBody(kind)
    check_plain(request)
    return _READERS[kind](request)


def _read_multipart(request: Request) -> DecodedBody:
    types = request.header("content-type")
    if len(types) != 1:
        raise ambiguous("A multipart body needs exactly one Content-Type.")
    return DecodedBody("multipart", parts=parse_multipart(request.body, types[0]))


_READERS: dict[Kind, Callable[[Request], DecodedBody]] = {
    "json": lambda request: DecodedBody("json", json=parse_json(request.body)),
    "yaml": lambda request: DecodedBody("json", json=parse_yaml_body(request.body)),
    "form": lambda request: DecodedBody("form", form=parse_form(request.body)),
    "text": lambda request: DecodedBody("text", text=read_utf8(request.body, "text body")),
    "xml": lambda request: DecodedBody("xml", xml=parse_xml(request.body)),
    "git": lambda request: DecodedBody("git", push=read_push(request.body)),
    "multipart": _read_multipart,
}

_CHARSET = re.compile(r";\s*charset[\s*0-9]*=\s*\"?([^\s;\"]*)", re.IGNORECASE)


def check_plain(request: Request) -> None:
    """Refuses what stands between the bytes and their reader: a content encoding or another charset.

    A gzip header may hold a whole form as its comment, for the server that does not look at Content-Encoding.
    """
    for value in request.header("content-encoding"):
        if any(name.strip().lower() not in {"", "identity"} for name in value.split(",")):
            raise ambiguous(
                "The body is compressed, and not every server undoes that on requests: send it plain."
            )
    for value in request.header("content-type"):
        for charset in _CHARSET.findall(value):
            if charset.lower() not in {"utf-8", "utf8", "us-ascii"}:
                raise ambiguous(f"The body claims the charset {shown(charset)}; send it as UTF-8.")


def xml_leaves(root: XmlNode) -> Iterator[tuple[str, str]]:
    """Every attribute, and the text of every element without others, by its path below the root, in order."""
    stack: list[tuple[tuple[str, ...], XmlNode]] = [((), root)]
    while stack:
        path, node = stack.pop()
        yield from ((("/".join((*path, f"@{name}"))), text) for name, text in node.attributes.items())
        if not node.children:
            yield "/".join(path), node.text
        stack.extend(((*path, child.tag), child) for child in reversed(node.children))
