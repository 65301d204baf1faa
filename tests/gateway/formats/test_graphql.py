from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bodies import MAX_DEPTH, MAX_VALUES, Json, JsonNumber, parse_json
from gateway.errors import Reason, Refusal
from gateway.formats import graphql
from gateway.formats.graphql import (
    MAX_BATCH,
    MAX_BATCH_TEXT,
    MAX_FIELDS,
    GraphqlField,
    GraphqlRequest,
    check_url,
    from_json,
    from_query,
    parse_graphql,
)
from gateway.formats.graphql_syntax import Field


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.reason is Reason.AMBIGUOUS_REQUEST
    return caught.value.detail


def too_large(act: Callable[[], object]) -> None:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.reason is Reason.BODY_TOO_LARGE


def names(query: str, operation: str | None = None, variables: Json = None) -> list[tuple[str, str]]:
    return [(field.kind, field.field) for field in parse_graphql(query, operation, variables)]


def args(query: str, variables: Json = None) -> Mapping[str, Json]:
    (field,) = parse_graphql(query, None, variables)
    return field.args


def test_root_fields_of_a_mutation_with_fragments_and_variables() -> None:
    query = (
        "mutation($i:DeleteRefInput!){a:deleteRef(input:$i){clientMutationId} ...F}"
        'fragment F on Mutation{b:mergePullRequest(input:{pullRequestId:"PR_1"}){clientMutationId}}'
    )
    assert parse_graphql(query, None, {"i": {"refId": "REF_1"}}) == (
        GraphqlField("mutation", "deleteRef", {"input": {"refId": "REF_1"}}),
        GraphqlField("mutation", "mergePullRequest", {"input": {"pullRequestId": "PR_1"}}),
    )


def test_an_alias_does_not_hide_what_runs() -> None:
    assert names("mutation{viewer:deleteRepository(id:1){id}}") == [("mutation", "deleteRepository")]


def test_a_mutation_in_a_fragment_of_a_fragment_is_seen() -> None:
    query = (
        "mutation{ok ...A} fragment A on M{... on M{...B}} fragment B on M{... @include(if:true){deleteAll}}"
    )
    assert names(query) == [("mutation", "ok"), ("mutation", "deleteAll")]


def test_a_skipped_field_still_counts() -> None:
    assert names(
        "mutation{a @skip(if:true) ... @include(if:false){b} ...F @skip(if:true)} fragment F on M{c}"
    ) == [
        ("mutation", "a"),
        ("mutation", "b"),
        ("mutation", "c"),
    ]


def test_fields_below_the_root_do_not_count() -> None:
    assert names("{viewer{deleteRepository{id}}}") == [("query", "viewer")]
    assert names("query{__schema{types{name}}}") == [("query", "__schema")]
    assert names("subscription S{events}") == [("subscription", "events")]


def test_an_operation_must_be_named_among_several() -> None:
    query = "mutation M{__typename} query Q{viewer{login}}"
    assert names(query, "Q") == [("query", "viewer")]
    assert names(query, "M") == [("mutation", "__typename")]
    assert "operation" in refused(lambda: names(query))
    assert "operation" in refused(lambda: names(query, ""))
    assert "operation" in refused(lambda: names(query, "q"))
    assert "operation" in refused(lambda: names("{a}", "Q"))
    assert "operation" in refused(lambda: names("query P{a}", "Q"))
    assert "operation" in refused(lambda: names("fragment F on A{a}"))
    assert "operation" in refused(lambda: names(""))
    assert names("query P{a}", "") == [("query", "a")]


@pytest.mark.parametrize(
    "query",
    ["{...F}", "{a{...F}}", "{a} fragment G on A{...F}", "query Q{a} query R{...F}"],
)
def test_an_unknown_fragment_is_refused(query: str) -> None:
    assert "unknown fragment" in refused(lambda: names(query, "Q"))


@pytest.mark.parametrize(
    "query",
    [
        "{...F} fragment F on A{...F}",
        "{...F} fragment F on A{a{...F}}",
        "{a} fragment F on A{...G} fragment G on A{b ...F}",
        "{a{...F}} fragment F on A{b{...G}} fragment G on A{c{...H}} fragment H on A{... on A{...F}}",
    ],
)
def test_a_fragment_that_contains_itself_is_refused(query: str) -> None:
    assert "contains itself" in refused(lambda: names(query))


def test_a_fragment_bomb_costs_what_it_is_long() -> None:
    """Each of 60 fragments spreads the next one twenty times: 20**60 fields for who enters them all."""
    bomb = "mutation{...F0}" + "".join(f"fragment F{n} on M{{{f'...F{n + 1} ' * 20}}}" for n in range(60))
    assert names(bomb + "fragment F60 on M{drop}") == [("mutation", "drop")]
    chain = "{...F0}" + "".join(f"fragment F{n} on M{{...F{n + 1}}}" for n in range(2_000))
    assert names(chain + "fragment F2000 on M{a}") == [("query", "a")]
    too_large(lambda: names("{...F0}" + "".join(f"fragment F{n} on M{{...F{n + 1}}}" for n in range(25_000))))


def test_each_fragment_is_entered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[Field] = []
    monkeypatch.setattr(
        graphql, "_collect", lambda found, field: entered.append(found.setdefault(field.key, field))
    )
    bomb = "{...F0}" + "".join(f"fragment F{n} on M{{a{n} {f'...F{n + 1} ' * 20}}}" for n in range(60))
    assert len(names(bomb + "fragment F60 on M{a60}")) == 61
    assert len(entered) == 61


def test_an_alias_bomb_is_refused() -> None:
    def bomb(count: int) -> str:
        return "mutation{" + " ".join(f"a{n}:pay(id:1)" for n in range(count)) + "}"

    assert len(names(bomb(MAX_FIELDS))) == MAX_FIELDS
    too_large(lambda: names(bomb(MAX_FIELDS + 1)))
    too_large(lambda: names(bomb(100_000)))


def test_two_fields_under_one_answer_are_refused() -> None:
    """A server that does not validate runs only the first of them, or both."""
    assert names("mutation{pay(id:1) pay(id:1){ok} ...F} fragment F on M{pay(id:1)}") == [("mutation", "pay")]
    assert "alias" in refused(lambda: names("mutation{pay(id:1) pay(id:2)}"))
    assert "alias" in refused(lambda: names('mutation{pay(id:1) pay(id:"1")}'))
    assert "alias" in refused(lambda: names("mutation{a:look a:drop}"))
    assert "alias" in refused(
        lambda: names("mutation($x:I){pay(id:1) pay(id:$x)}", None, {"x": JsonNumber("1")})
    )


def test_variables_are_written_out_wherever_they_stand() -> None:
    query = 'query($a:I!,$b:[I]=[1,2],$c:S="d"){f(x:$a,l:[[$a],$b],o:{c:$c,n:{a:$a}})}'
    assert args(query, {"a": True, "c": "e"}) == {
        "x": True,
        "l": [[True], ["1", "2"]],
        "o": {"c": "e", "n": {"a": True}},
    }
    value = args("query($n:I){f(n:$n)}", {"n": JsonNumber("1.50")})["n"]
    assert isinstance(value, JsonNumber)


def test_a_variable_left_out_is_an_argument_left_out() -> None:
    query = "query($a:I,$b:I){f(a:$a,o:{b:$b,c:1})}"
    assert args(query) == {"o": {"c": "1"}}
    assert args(query, {"a": None}) == {"a": None, "o": {"c": "1"}}
    assert "list holds a variable" in refused(lambda: args("query($a:I){f(l:[$a])}"))


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("mutation($i:ID!){drop(id:$i)}", None),
        ("mutation($i:ID!){drop(id:$i)}", {}),
        ("mutation($i:ID!){drop(id:$i)}", {"I": "1"}),
        ("mutation($i:ID!){drop(id:$i)}", {"i": None}),
        ("mutation($i:[ID]!){drop(id:$i)}", {}),
        ("mutation($i:ID!){drop}", {}),
    ],
)
def test_a_required_variable_without_a_value_is_refused(query: str, variables: Json) -> None:
    assert "has no value" in refused(lambda: args(query, variables))


def test_null_that_some_servers_take_for_the_default_is_refused() -> None:
    assert "has no value" in refused(lambda: args('query($a:I="all"){drop(what:$a)}', {"a": None}))
    assert args('query($a:I="all"){drop(what:$a)}') == {"what": "all"}
    assert args("query($a:I=null){drop(what:$a)}") == {"what": None}


def test_a_variable_nobody_declared_is_refused() -> None:
    assert "without declaring" in refused(lambda: args("{f(a:$a)}", {"a": "1"}))
    assert "without declaring" in refused(lambda: args("query($b:I){f(a:[{x:$a}])}", {"a": "1"}))


@pytest.mark.parametrize("variables", ["{}", [], True, JsonNumber("1")])
def test_variables_that_are_no_object_are_refused(variables: Json) -> None:
    assert "object" in refused(lambda: parse_graphql("{a}", None, variables))
    assert "object" in refused(lambda: from_json({"query": "{a}", "variables": variables}))


def test_a_variable_bomb_is_refused() -> None:
    """A long variable named often: each use is a few bytes of query and thousands of values of meaning."""
    uses = ",".join(["$v"] * 5_000)
    too_large(lambda: args(f"query($v:X){{f(l:[{uses}])}}", {"v": [None] * 1_000}))
    too_large(lambda: args(f"query($v:X){{f(l:[{uses}])}}", {"v": "x" * 100_000}))
    too_large(lambda: args(f"query($v:X){{f(l:[{uses}])}}", {"v": {"x" * 100_000: None}}))
    too_large(lambda: args("query($v:X){f(v:$v)}", {"v": [None] * (MAX_VALUES + 1)}))
    assert args("query($v:X){f(l:[$v,$v])}", {"v": "x" * 100_000}) == {"l": ["x" * 100_000] * 2}


def test_deep_values_are_refused_wherever_the_depth_comes_from() -> None:
    deep: Json = "x"
    for _ in range(40):
        deep = [deep]
    half = "[" * 30 + "$v" + "]" * 30
    assert "deeper" in refused(lambda: args(f"query($v:X){{f(a:{half})}}", {"v": deep}))
    for _ in range(100_000):
        deep = {"a": deep}
    assert "deeper" in refused(lambda: args("query($v:X){f(a:$v)}", {"v": deep}))
    flat: Json = "x"
    for _ in range(MAX_DEPTH - 2):
        flat = [flat]
    assert args("query($v:X){f(a:$v)}", {"v": flat}) == {"a": flat}


def test_requests_of_a_json_body() -> None:
    assert from_json({"query": "{a}"}) == [("{a}", None, None)]
    assert from_json([{"query": "{a}"}, {"query": "{b}", "operationName": "Q", "variables": {"x": "1"}}]) == [
        GraphqlRequest("{a}", None, None),
        GraphqlRequest("{b}", "Q", {"x": "1"}),
    ]
    assert from_json(
        {"query": "{a}", "variables": None, "operationName": None, "extensions": {"trace": True}}
    )


@pytest.mark.parametrize(
    "body",
    [
        {"extensions": {"persistedQuery": {"sha256Hash": "ab"}}},
        {"query": "{a}", "extensions": {"persistedQuery": {"sha256Hash": "ab"}}},
        {"query": "{a}", "extensions": "{}"},
        {"documentId": "1"},
        {"query": "{a}", "documentId": "1"},
        {"query": "{a}", "id": "1"},
        {"queryId": "1", "variables": {}},
        {"query": "{a}", "Query": "mutation{drop}"},
        {"variables": {}},
        {"query": None},
        {"query": JsonNumber("1")},
        {"query": ["{a}"]},
        {"query": "{a}", "operationName": ["Q"]},
        {"query": "{a}", "operationName": JsonNumber("1")},
        {},
        [],
        "{a}",
        None,
        [["{a}"]],
        [{"query": "{a}"}, {"id": "stored"}],
    ],
)
def test_a_query_whose_text_is_elsewhere_is_refused(body: Json) -> None:
    refused(lambda: from_json(body))


def test_a_flood_of_requests_is_refused() -> None:
    assert len(from_json([{"query": "{a}"}] * MAX_BATCH)) == MAX_BATCH
    too_large(lambda: from_json([{"query": "{a}"}] * (MAX_BATCH + 1)))
    too_large(
        lambda: from_json(
            [{"query": "#" * (MAX_BATCH_TEXT // 2)}, {"query": "#" * (MAX_BATCH_TEXT // 2 + 1)}]
        )
    )
    assert from_json({"query": "#" * (MAX_BATCH_TEXT + 1)})


def test_a_request_in_a_url() -> None:
    pairs = (("query", "{a}"), ("variables", '{"n":1.50}'), ("operationName", "Q"), ("api-version", "3"))
    assert from_query(pairs) == [GraphqlRequest("{a}", "Q", {"n": "1.50"})]


@pytest.mark.parametrize(
    "pairs",
    [
        (("query", "{a}"), ("query", "mutation{drop}")),
        (("query", "{a}"), ("Query", "mutation{drop}")),
        (("query", "{a}"), ("query[]", "mutation{drop}")),
        (("query", "{a}"), ("variables[id]", "1")),
        (("query", "{a}"), ("variables.id", "1")),
        (("query", "{a}"), ("documentId", "1")),
        (("query", "{a}"), ("extensions[persistedQuery]", "1")),
        (("query", "{a}"), ("extensions", '{"persistedQuery":{}}')),
        (("query", "{a}"), ("variables", "")),
        (("query", "{a}"), ("variables", '{"a":1,"a":2}')),
        (("id", "1"),),
        (),
    ],
)
def test_a_url_that_servers_read_differently_is_refused(pairs: tuple[tuple[str, str], ...]) -> None:
    refused(lambda: from_query(pairs))


def test_a_query_in_the_url_of_a_post_is_refused() -> None:
    """express-graphql runs the URL's query and not the body's; others do the opposite."""
    check_url((("api-version", "3"),))
    for key in ("query", "operationName", "variables", "Query", "queryId", "variables[x]"):
        assert "in the body alone" in refused(lambda key=key: check_url(((key, "{a}"),)))  # type: ignore[misc]


_names = st.sampled_from(["a", "b", "F", "G", "on", "query", "null"])
_values = st.sampled_from(["1", '"s"', "$v", "$w", "[$v]", "{a:$v}", "E", "null"])
_fields = st.builds(
    lambda a, n, v, d: f" {a}:{n}(x:{v}){d}",
    _names,
    _names,
    _values,
    st.sampled_from(["", "@skip(if:$v)", "{a}"]),
)
_selections = st.lists(
    _fields | st.sampled_from([" a", " ...F", " ...G", " ...H", " ... on A{b}", " ...@d{c}"]),
    min_size=1,
    max_size=3,
).map("".join)
_operations = st.builds(
    lambda head, inner: f"{head}{{{inner}}}",
    st.sampled_from(
        [
            "",
            "query",
            "mutation Q",
            "query Q($v:I)",
            "mutation($v:I!=1,$w:[I])",
            "fragment F on A",
            "fragment G on A",
        ]
    ),
    _selections,
)
_json = st.recursive(
    st.none() | st.booleans() | st.text(max_size=4),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(_names, v, max_size=3),
)
_variables = st.none() | st.dictionaries(st.sampled_from(["v", "w", "x"]), _json, max_size=2)


@given(
    st.lists(_operations, max_size=4).map(" ".join) | st.text(max_size=20),
    st.none() | _names | st.just("Q"),
    _variables,
)
def test_any_request_is_read_or_refused(query: str, operation: str | None, variables: Json) -> None:
    try:
        fields = parse_graphql(query, operation, variables)
    except Refusal:
        return
    assert fields
    for field in fields:
        assert field.field in query
        assert field.kind == "query" or field.kind in query


@given(
    _json
    | st.fixed_dictionaries(
        {"query": st.just("{a}") | _json}, optional={"variables": _json, "extensions": _json, "id": _json}
    )
)
def test_any_json_is_a_request_or_refused(body: Json) -> None:
    try:
        requests = from_json(body)
    except Refusal:
        return
    assert [request.query for request in requests] == [
        item["query"] for item in (body if isinstance(body, list) else [body]) if isinstance(item, dict)
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["query", "variables", "Query", "id", "x", "operationName"])
            | st.text(max_size=4),
            st.sampled_from(["{a}", "{}", "null", ""]) | st.text(max_size=5),
        ),
        max_size=4,
    ).map(tuple)
)
def test_any_url_is_a_request_or_refused(pairs: tuple[tuple[str, str], ...]) -> None:
    try:
        (request,) = from_query(pairs)
    except Refusal:
        return
    assert request.query == dict(pairs)["query"]


def test_a_body_is_read_from_its_bytes_to_its_fields() -> None:
    body = parse_json(
        b'[{"query":"{viewer{login}}"},{"query":"mutation{x:updateLabel(input:{id:\\"1\\"}){id}}"}]'
    )
    fields = [field for request in from_json(body) for field in parse_graphql(*request)]
    assert [(field.kind, field.field) for field in fields] == [
        ("query", "viewer"),
        ("mutation", "updateLabel"),
    ]
