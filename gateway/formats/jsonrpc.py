"""JSON-RPC 2.0 messages, one by one or in a batch, as MCP sends them."""

from collections.abc import Sequence

from gateway.bodies import Json, JsonLeaf, JsonNumber
from gateway.errors import ambiguous
from gateway.formats.refusals import is_bare, shown, too_many
from gateway.values import dataclass

MAX_MESSAGES = 200
_CALL = {"jsonrpc", "method", "params", "id"}
_RESPONSE = {"jsonrpc", "id", "result", "error"}


@dataclass(frozen=True, slots=True)
class RpcMessage:
    """`method` is None for a response; a notification has no id."""

    method: str | None
    params: Json
    id: JsonLeaf
    is_notification: bool


def parse_jsonrpc(body: Json) -> tuple[RpcMessage, ...]:
    """Every message in order, never none; refused unless all of them are plain JSON-RPC 2.0."""
    if not isinstance(body, list):
        return (_message(body),)
    if not body:
        raise ambiguous("The JSON-RPC batch is empty; send at least one message.")
    if len(body) > MAX_MESSAGES:
        raise too_many("JSON-RPC messages", MAX_MESSAGES)
    messages = tuple(_message(item) for item in body)
    _check_ids(messages)
    return messages


def _message(item: Json) -> RpcMessage:
    if not isinstance(item, dict):
        raise ambiguous("A JSON-RPC message must be an object.")
    version = item.get("jsonrpc")
    if version != "2.0" or isinstance(version, JsonNumber):
        raise ambiguous('A JSON-RPC message must say "jsonrpc": "2.0".')
    return _call(item) if "method" in item else _response(item)


def _call(item: dict[str, Json]) -> RpcMessage:
    _check_members(item, _CALL)
    method = item["method"]
    if not isinstance(method, str) or isinstance(method, JsonNumber) or not method or not is_bare(method):
        raise ambiguous("A JSON-RPC method must be a name without blanks around it.")
    params = item.get("params")
    if params is not None and not isinstance(params, (dict, list)):
        raise ambiguous("The params of a JSON-RPC message must be an object or a list.")
    if "id" not in item:
        return RpcMessage(method, params, None, is_notification=True)
    if item["id"] is None:
        raise ambiguous(
            "A JSON-RPC call with the id null is a notification to some servers; send an id or none."
        )
    return RpcMessage(method, params, _id(item["id"]), is_notification=False)


def _response(item: dict[str, Json]) -> RpcMessage:
    _check_members(item, _RESPONSE)
    if ("result" in item) == ("error" in item) or "id" not in item:
        raise ambiguous(
            "A JSON-RPC message must be a call with a method, or a response with an id and one result."
        )
    return RpcMessage(None, None, _id(item["id"]), is_notification=False)


def _check_members(item: dict[str, Json], allowed: set[str]) -> None:
    """Nothing else, for `Method` is the method to a reader that ignores case."""
    for key in item:
        if key not in allowed:
            raise ambiguous(
                f"The JSON-RPC message holds {shown(key)}, which does not belong there; leave it out."
            )


def _id(value: Json) -> JsonLeaf:
    if value is None or isinstance(value, str):
        return value
    raise ambiguous("The id of a JSON-RPC message must be a string or a number.")


def _check_ids(messages: Sequence[RpcMessage]) -> None:
    seen: set[str] = set()
    for message in messages:
        if message.id is None:
            continue
        if str(message.id) in seen:
            raise ambiguous(f"Two JSON-RPC messages have the id {shown(str(message.id))}; give each its own.")
        seen.add(str(message.id))
