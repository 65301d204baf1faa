from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bodies import Json, JsonNumber, parse_json
from gateway.errors import Reason, Refusal
from gateway.formats.jsonrpc import MAX_MESSAGES, RpcMessage, parse_jsonrpc


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.reason is Reason.AMBIGUOUS_REQUEST
    return caught.value.detail


def read(raw: str) -> tuple[RpcMessage, ...]:
    return parse_jsonrpc(parse_json(raw.encode()))


def test_a_call_a_notification_and_a_response() -> None:
    assert read('{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"drop_db"}}') == (
        RpcMessage("tools/call", {"name": "drop_db"}, "a", is_notification=False),
    )
    assert read('{"jsonrpc":"2.0","method":"ping","params":[1]}') == (
        RpcMessage("ping", [JsonNumber("1")], None, is_notification=True),
    )
    assert read('{"jsonrpc":"2.0","id":3,"result":{}}') == (
        RpcMessage(None, None, JsonNumber("3"), is_notification=False),
    )
    assert read('{"jsonrpc":"2.0","id":null,"error":{"code":-32700}}')[0].method is None


def test_every_message_of_a_batch_counts() -> None:
    batch = read(
        '[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":2,"method":"b"},'
        '{"jsonrpc":"2.0","method":"c"},{"jsonrpc":"2.0","id":null,"error":{}}]'
    )
    assert [message.method for message in batch] == ["a", "b", "c", None]


@pytest.mark.parametrize(
    "raw",
    [
        '{"jsonrpc":"2.0","id":1,"result":{},"Method":"tools/call"}',
        '{"jsonrpc":"2.0","id":1,"result":{},"method":"tools/call"}',
        '{"jsonrpc":"2.0","id":1,"method":"ping","x":1}',
        '{"jsonrpc":"2.0","id":1,"method":"ping","error":{}}',
    ],
)
def test_a_call_smuggled_into_a_response_is_refused(raw: str) -> None:
    assert "does not belong there" in refused(lambda: read(raw))


@pytest.mark.parametrize(
    "raw",
    [
        '{"id":1,"method":"a"}',
        '{"jsonrpc":"1.0","id":1,"method":"a"}',
        '{"jsonrpc":2.0,"id":1,"method":"a"}',
        '{"jsonrpc":null,"method":"a"}',
        '{"jsonrpc":true,"method":"a"}',
    ],
)
def test_another_version_is_refused(raw: str) -> None:
    assert '"jsonrpc": "2.0"' in refused(lambda: read(raw))


@pytest.mark.parametrize(
    "raw", ["[]", "null", "1", '"a"', "[1]", "[[]]", '[[{"jsonrpc":"2.0","method":"a"}]]']
)
def test_what_is_no_message_is_refused(raw: str) -> None:
    refused(lambda: read(raw))


@pytest.mark.parametrize(
    "method", ['""', "null", "1", "{}", '" tools/call"', '"tools/call\\n"', '"a\\u0000b"', "true"]
)
def test_a_method_that_some_servers_trim_is_refused(method: str) -> None:
    assert "method" in refused(lambda: read(f'{{"jsonrpc":"2.0","id":1,"method":{method}}}'))


@pytest.mark.parametrize("params", ['"a"', "1", "true"])
def test_params_that_are_no_structure_are_refused(params: str) -> None:
    assert "params" in refused(lambda: read(f'{{"jsonrpc":"2.0","id":1,"method":"a","params":{params}}}'))


@pytest.mark.parametrize("ident", ["{}", "[]", "true", "null"])
def test_an_id_that_some_servers_take_for_none_is_refused(ident: str) -> None:
    assert "id" in refused(lambda: read(f'{{"jsonrpc":"2.0","id":{ident},"method":"a"}}'))


@pytest.mark.parametrize(
    "raw",
    [
        '{"jsonrpc":"2.0","result":1}',
        '{"jsonrpc":"2.0","id":1}',
        '{"jsonrpc":"2.0","id":1,"result":1,"error":{}}',
    ],
)
def test_half_a_response_is_refused(raw: str) -> None:
    assert "a response with an id and one result" in refused(lambda: read(raw))


@pytest.mark.parametrize("second", ["1", '"1"'])
def test_two_calls_of_one_id_are_refused(second: str) -> None:
    raw = f'[{{"jsonrpc":"2.0","id":1,"method":"a"}},{{"jsonrpc":"2.0","id":{second},"method":"b"}}]'
    assert "Two JSON-RPC messages" in refused(lambda: read(raw))


def test_a_flood_of_messages_is_refused() -> None:
    note: Json = {"jsonrpc": "2.0", "method": "a"}
    assert len(parse_jsonrpc([note] * MAX_MESSAGES)) == MAX_MESSAGES
    with pytest.raises(Refusal) as caught:
        parse_jsonrpc([note] * (MAX_MESSAGES + 1))
    assert caught.value.reason is Reason.BODY_TOO_LARGE


_leaves = st.none() | st.booleans() | st.text(max_size=5) | st.integers().map(JsonNumber)
_values = st.recursive(
    _leaves, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=5), v, max_size=4)
)
_messages = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | _leaves},
    optional={
        "id": _values,
        "method": st.just("tools/call") | _leaves,
        "params": _values,
        "result": _values,
        "error": _values,
    },
)


@given(_values | _messages | st.lists(_messages, max_size=4))
def test_any_value_is_read_or_refused(value: Json) -> None:
    try:
        messages = parse_jsonrpc(value)
    except Refusal:
        return
    sent = value if isinstance(value, list) else [value]
    assert [message.method for message in messages] == [
        item.get("method") for item in sent if isinstance(item, dict)
    ]
