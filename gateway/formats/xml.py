"""XML as data: elements, attributes and text, and nothing that two readers could see differently."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Never
from xml.parsers import expat

from gateway.bodies import MAX_DEPTH
from gateway.errors import ambiguous
from gateway.formats.refusals import read_utf8, shown, too_many
from gateway.values import dataclass

MAX_NODES = 20_000
MAX_NAMESPACE = 256
_BETWEEN = "\x1f"
"""Stands between namespace and name; no XML document can hold it."""


@dataclass(frozen=True, slots=True)
class XmlNode:
    """An element by its local name; it holds text or children, never both."""

    tag: str
    attributes: Mapping[str, str]
    text: str
    children: tuple["XmlNode", ...]


def parse_xml(body: bytes) -> XmlNode:
    """The root; no DOCTYPE, entities, comments, CDATA or instructions; one meaning for each local name."""
    if read_utf8(body, "XML body").startswith("\ufeff"):
        raise ambiguous("The XML body starts with a byte order mark; send it without one.")
    if body.count(b"<") > 2 * MAX_NODES or body.count(b'"') + body.count(b"'") > 4 * MAX_NODES:
        raise too_many("XML elements and attributes", MAX_NODES)
    builder = _Builder(has_returns=b"\r" in body)
    parser = _parser(builder)
    try:
        parser.Parse(body, True)  # noqa: FBT003  # expat takes no keywords
    except expat.ExpatError as error:
        raise ambiguous(f"The XML body cannot be read: {error}; send well-formed XML.") from error
    return builder.root()


def read_xml(node: XmlNode, path: Sequence[str]) -> list[str]:
    """The text of every element at that path below the node, in order."""
    found = [node]
    for name in path:
        found = [child for parent in found for child in parent.children if child.tag == name]
    for leaf in found:
        if leaf.children:
            raise ambiguous(f"The XML element {shown(leaf.tag)} holds elements where a text belongs.")
    return [leaf.text for leaf in found]


@dataclass(slots=True)
class _Open:
    tag: str
    attributes: dict[str, str]
    text: list[str] = field(default_factory=list)
    children: list[XmlNode] = field(default_factory=list)


class _Builder:
    def __init__(self, *, has_returns: bool) -> None:
        self.has_returns = has_returns
        self.open: list[_Open] = [_Open("", {})]
        self.names: dict[str, str] = {}
        self.nodes = 0

    def root(self) -> XmlNode:
        return self.open[0].children[0]

    def start(self, name: str, attributes: list[str]) -> None:
        self.nodes += 1 + len(attributes) // 2
        if self.nodes > MAX_NODES:
            raise too_many("XML elements and attributes", MAX_NODES)
        if len(self.open) > MAX_DEPTH:
            raise ambiguous(f"The XML body is nested deeper than {MAX_DEPTH} levels; send a flatter one.")
        self.open.append(_Open(self._tag(name), _attributes(attributes)))

    def text(self, text: str) -> None:
        self.open[-1].text.append(text)

    def end(self, _: str) -> None:
        done = self.open.pop()
        text = "".join(done.text)
        if done.children and text.strip(" \t\r\n"):
            raise ambiguous(f"The XML element {shown(done.tag)} mixes text and elements; send one of them.")
        if self.has_returns and not done.children and "\n" in text:
            raise ambiguous(
                "A text of the XML body has carriage returns at its line ends; write them as &#13; or not."
            )
        node = XmlNode(done.tag, done.attributes, "" if done.children else text, tuple(done.children))
        self.open[-1].children.append(node)

    def _tag(self, name: str) -> str:
        """The local name; everywhere in the document it is spelt alike and stands for one namespace."""
        local = name.rpartition(_BETWEEN)[2]
        if self.names.setdefault(local.casefold(), name) != name:
            raise ambiguous(
                f"The XML name {shown(local)} stands for two things here; use one namespace and spelling."
            )
        return local


def _attributes(flat: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in zip(flat[::2], flat[1::2], strict=True):
        local = name.rpartition(_BETWEEN)[2]
        if local in found:
            raise ambiguous(f"An XML element has two attributes {shown(local)}; send one.")
        found[local] = value
    return found


def _parser(builder: _Builder) -> expat.XMLParserType:
    parser = expat.ParserCreate("UTF-8", _BETWEEN)
    parser.buffer_text = True
    parser.ordered_attributes = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartNamespaceDeclHandler = _namespace
    parser.XmlDeclHandler = _declaration
    parser.StartDoctypeDeclHandler = _refuser("a DOCTYPE")
    parser.ProcessingInstructionHandler = _refuser("a processing instruction")
    parser.CommentHandler = _refuser("a comment, where some readers end a text")
    parser.StartCdataSectionHandler = _refuser("a CDATA section")
    return parser


def _namespace(_: str | None, uri: str | None) -> None:
    """Expat writes the namespace out before every name in it."""
    if len(uri or "") > MAX_NAMESPACE:
        raise ambiguous(f"An XML namespace is longer than {MAX_NAMESPACE} characters; use a shorter one.")


def _declaration(version: str, encoding: str | None, _: int) -> None:
    if version != "1.0" or (encoding or "utf-8").lower() != "utf-8":
        raise ambiguous("The XML declaration names another version or encoding; send XML 1.0 in UTF-8.")


class _refuser:  # noqa: N801
    def __init__(self, what: str) -> None:
        self.what = what

    def __call__(self, *_: object) -> Never:
        raise ambiguous(f"The XML body holds {self.what}; leave it out.")
