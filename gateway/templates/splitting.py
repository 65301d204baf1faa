"""One request, several things to ask about: the views of its units."""

from gateway.errors import ambiguous
from gateway.formats.graphql import check_url, from_json, from_query, parse_graphql
from gateway.formats.jsonrpc import parse_jsonrpc
from gateway.templates.view import UnitPart, View

MAX_UNITS = 200


def split(view: View) -> tuple[View, ...]:
    """Never none; the request itself where its body is not split."""
    kind = view.rule.split
    if kind is None or kind == "multipart/mixed":
        return (view,)
    parts = _PARTS[kind](view)
    if len(parts) > MAX_UNITS:
        raise ambiguous(f"The request asks for more than {MAX_UNITS} things at once; send fewer at a time.")
    return tuple(view.of(part) for part in parts)


def _graphql(view: View) -> list[UnitPart]:
    if view.request.body:
        check_url(view.query)
        requests = from_json(view.body.json)
    else:
        requests = from_query(view.query)
    return [field for request in requests for field in parse_graphql(*request)]


def _jsonrpc(view: View) -> list[UnitPart]:
    if not view.request.body:
        raise ambiguous("A JSON-RPC request has a body; send the message in it.")
    return [*parse_jsonrpc(view.body.json)]


def _git(view: View) -> list[UnitPart]:
    push = view.body.push
    if push is None:
        raise ambiguous("A push has a body; push with git.")
    return [*push.updates]


_PARTS = {"graphql": _graphql, "jsonrpc": _jsonrpc, "git": _git}
