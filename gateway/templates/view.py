"""One request under one decode rule, read no further than it is asked for."""

from collections.abc import Sequence
from dataclasses import field
from typing import Literal, Protocol

from gateway.bodies import Pairs, parse_form
from gateway.decoded import DecodedBody, Kind, decode
from gateway.errors import Refusal, ambiguous
from gateway.formats.git_push import RefUpdate
from gateway.formats.graphql import GraphqlField
from gateway.formats.jsonrpc import RpcMessage
from gateway.model import Request
from gateway.templates.reading import Found
from gateway.values import dataclass

type ArgSource = Literal["form", "query", "json", "multipart"]
type Split = Literal["graphql", "jsonrpc", "git", "multipart/mixed"]
type UnitPart = GraphqlField | RpcMessage | RefUpdate


@dataclass(frozen=True, slots=True)
class BodyRule:
    """How the upstream reads bodies: by content type (`*` is any other), and where its arguments stand."""

    kinds: tuple[tuple[str, Kind], ...] = (
        ("application/json", "json"),
        ("application/x-www-form-urlencoded", "form"),
        ("*", "opaque"),
    )
    args: tuple[ArgSource, ...] = ("form", "query", "json")
    split: Split | None = None

    @property
    def is_stream(self) -> bool:
        return all(kind == "stream" for _, kind in self.kinds) and bool(self.kinds)

    def kind(self, request: Request) -> Kind | None:
        """None where the content type is not listed, or stands there twice."""
        kinds = dict(self.kinds)
        if not request.body:
            return "none"
        types = request.header("content-type")
        if len(types) > 1:
            return kinds.get("*") if len(kinds) == 1 else None
        named = types[0].partition(";")[0].strip().lower() if types else ""
        return kinds.get(named, kinds.get("*"))


class Readable(Protocol):
    @property
    def text(self) -> str: ...
    def read(self, view: "View") -> Sequence[Found]: ...


@dataclass(slots=True)
class View:
    """What selectors read. Anything that has more than one reading raises the refusal.

    `part` is the one of the request's units that this view is about, where its body is split.
    """

    request: Request
    query_text: str | None
    rule: BodyRule
    captures: dict[str, str] = field(default_factory=dict)
    part: UnitPart | None = None
    _query: Pairs | None = None
    _body: DecodedBody | None = None
    _found: dict[str, Sequence[Found] | Refusal] = field(default_factory=dict)

    def found(self, source: Readable) -> Sequence[Found]:
        """What a selector of a condition reads, read once: many actions ask for the same."""
        known = self._found.get(source.text)
        if known is None:
            try:
                known = source.read(self)
            except Refusal as refusal:
                known = refusal
            self._found[source.text] = known
        if isinstance(known, Refusal):
            raise known
        return known

    @property
    def query(self) -> Pairs:
        if self._query is None:
            self._query = parse_query(self.query_text)
        return self._query

    @property
    def body(self) -> DecodedBody:
        """Decoded; refused where the content type is not listed, or names a body nobody can read into."""
        if self._body is None:
            kind = self.rule.kind(self.request)
            if kind is None:
                raise ambiguous(
                    "The body's content type is not one this service is known to read; send a listed one."
                )
            self._body = decode(self.request, kind)
        if self._body.kind in {"opaque", "stream", "text"}:
            raise ambiguous("The body cannot be read here; send it with its right content type.")
        return self._body

    def of(self, part: UnitPart) -> "View":
        """The same request, for one of its units; what was read stays read."""
        return View(self.request, self.query_text, self.rule, {}, part, self._query, self._body)


def parse_query(query: str | None) -> Pairs:
    if not query:
        return ()
    try:
        return parse_form(query.encode("ascii"))
    except UnicodeEncodeError as error:
        raise ambiguous("The query holds characters that must be percent-encoded.") from error
