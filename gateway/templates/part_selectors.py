"""Selectors that read one unit of a split body: a GraphQL field, a JSON-RPC message, a git ref's change."""

from collections.abc import Sequence

from gateway.errors import ConfigError, Place, Refusal, ambiguous
from gateway.formats.git_push import RefUpdate
from gateway.formats.graphql import GraphqlField
from gateway.formats.jsonrpc import RpcMessage
from gateway.templates.fields import suggestion
from gateway.templates.reading import Found, read_json
from gateway.templates.view import View
from gateway.values import dataclass

GRAPHQL = ("kind", "field", "args")
MCP = ("method", "tool", "args", "params")
GIT = ("op", "ref", "old", "new", "delete", "option")


@dataclass(frozen=True, slots=True)
class GraphqlPlace:
    what: str
    tokens: tuple[str, ...]
    text: str
    reads_body: bool = True

    def read(self, view: View) -> Sequence[Found]:
        part = view.part
        if not isinstance(part, GraphqlField):
            raise _whole(self.text, "graphql")
        if self.what == "args":
            return read_json(dict(part.args), self.tokens)
        return (part.kind if self.what == "kind" else part.field,)


@dataclass(frozen=True, slots=True)
class McpPlace:
    """Of a JSON-RPC message; the tool and its arguments are those of a `tools/call`."""

    what: str
    tokens: tuple[str, ...]
    text: str
    reads_body: bool = True

    def read(self, view: View) -> Sequence[Found]:
        part = view.part
        if not isinstance(part, RpcMessage):
            raise _whole(self.text, "jsonrpc")
        if self.what == "method":
            return () if part.method is None else (part.method,)
        if self.what == "params":
            return read_json(part.params, self.tokens)
        if part.method != "tools/call":
            return ()
        return read_json(part.params, ("name",) if self.what == "tool" else ("arguments", *self.tokens))


@dataclass(frozen=True, slots=True)
class GitPlace:
    what: str
    text: str
    reads_body: bool = True

    def read(self, view: View) -> Sequence[Found]:
        part = view.part
        if not isinstance(part, RefUpdate):
            raise _whole(self.text, "git")
        if self.what == "delete":
            return (part.op == "delete",)
        if self.what == "option":
            return view.body.push.options if view.body.push is not None else ()
        value: str = getattr(part, self.what)
        return (value,) if value else ()


def part_selector(text: str, name: str, place: Place) -> GraphqlPlace | McpPlace | GitPlace:
    kind = text.partition(":")[0]
    what, slash, rest = name.partition("/")
    known = {"graphql": GRAPHQL, "mcp": MCP, "git": GIT}[kind]
    if what not in known or bool(slash) is not (what in {"args", "params"}) or (slash and not rest):
        near = suggestion(what, known) or f"There are: {', '.join(f'{kind}:{each}' for each in known)}."
        raise ConfigError(f"{text!r} does not say what to read.", place, near)
    tokens = tuple(token.replace("~1", "/").replace("~0", "~") for token in rest.split("/")) if rest else ()
    if kind == "graphql":
        return GraphqlPlace(what, tokens, text)
    return McpPlace(what, tokens, text) if kind == "mcp" else GitPlace(what, text)


def _whole(text: str, split: str) -> Refusal:
    return ambiguous(f"{text!r} is read in a body that is split ({split}), and this one is not.")
