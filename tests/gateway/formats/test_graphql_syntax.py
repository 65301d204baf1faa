import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bodies import MAX_DEPTH, JsonNumber
from gateway.errors import Reason, Refusal
from gateway.formats.graphql_syntax import (
    Field,
    Inline,
    Operation,
    Spread,
    Variable,
    VariableDefinition,
    parse_document,
)


def refused(source: str) -> str:
    with pytest.raises(Refusal) as caught:
        parse_document(source)
    assert caught.value.reason is Reason.AMBIGUOUS_REQUEST
    return caught.value.detail


def test_a_document_of_every_construct_is_read() -> None:
    document = parse_document(
        'mutation M($a: [ID!]! = ["1"] @d, $b: Int = null, $c: X) @live(if: true) {'
        ' x: del(id: $a, n: -1, on: true, e: OPEN, o: {l: [1, [$b]], s: "t", z: null}) @skip(if: $c)'
        " { id ... on A @d { b } }"
        "  ...F @include(if: false) ... { q } ... @d { r } }"
        "fragment F on Mutation @d { add }"
    )
    field = Field(
        "x",
        "del",
        {
            "id": Variable("a"),
            "n": JsonNumber("-1"),
            "on": True,
            "e": "OPEN",
            "o": {"l": [JsonNumber("1"), [Variable("b")]], "s": "t", "z": None},
        },
        (Field("id", "id", {}, ()), Inline((Field("b", "b", {}, ()),))),
    )
    variables = {
        "a": VariableDefinition(required=True, has_default=True, default=["1"]),
        "b": VariableDefinition(required=False, has_default=True, default=None),
        "c": VariableDefinition(required=False, has_default=False, default=None),
    }
    rest = (Spread("F"), Inline((Field("q", "q", {}, ()),)), Inline((Field("r", "r", {}, ()),)))
    assert document.operations == (Operation("mutation", "M", variables, (field, *rest)),)
    assert document.fragments == {"F": (Field("add", "add", {}, ()),)}


def test_words_of_the_grammar_may_be_names() -> None:
    (operation,) = parse_document(
        "query query($fragment: on) { mutation: fragment(on: {query: null}) type }"
    ).operations
    assert (operation.kind, operation.name) == ("query", "query")
    assert [getattr(field, "name", None) for field in operation.selections] == ["fragment", "type"]
    assert parse_document("subscription { a }").operations[0].kind == "subscription"


@pytest.mark.parametrize(
    "source",
    [
        "{",
        "{}",
        "}",
        "{a",
        "{a}}",
        "{a(}",
        "{a()}",
        "{a(b)}",
        "{a(b:)}",
        "{a(b:1}",
        "{a(b:[1}",
        "{a(b:{c 1})}",
        "{a{}}",
        "{a:}",
        "{...}",
        "{... on}",
        "{... on A}",
        "{... on {a}}",
        "{@d}",
        "{a @}",
        "{a b:}",
        "query",
        "query()",
        "query($a){a}",
        "query($a:){a}",
        "query($a:[X){a}",
        "query($a:X!!){a}",
        "query(a:X){a}",
        "query($a:X=$b){a}",
        "query($a:X=[$b]){a}",
        "query($a:X={c:$b}){a}",
        "query Q(){a}",
        "Query{a}",
        "mutations{a}",
        "type A{a:B}",
        "schema{query:A}",
        "extend type A{b:C}",
        '"doc" query{a}',
        "directive @a on FIELD",
        "fragment F{a}",
        "fragment F on{a}",
        "fragment on on A{a}",
        "fragment F On A{a}",
        "fragment F($a:X) on A{a}",
        "{a(b:$)}",
        "{a(b:$1)}",
        "{a(b:!)}",
        "{a}{",
        "1",
        "{1}",
        '{"a"}',
        "{a.b}",
        "{a(b:&)}",
    ],
)
def test_what_the_grammar_does_not_know_is_refused(source: str) -> None:
    refused(source)


@pytest.mark.parametrize(
    "source",
    [
        "{a(id:1,id:2)}",
        "{a(o:{id:1,id:2})}",
        "query($a:X,$a:Y){a}",
        "{...F} fragment F on A{a} fragment F on A{b}",
        "{a}{b}",
        "{a} query Q{b}",
        "query Q{a} mutation Q{b}",
    ],
)
def test_a_name_given_twice_is_refused(source: str) -> None:
    refused(source)


@pytest.mark.parametrize(
    ("opening", "middle", "closing"),
    [
        ("{a", "", "}"),
        ("{...", "{a}", "}"),
        ("{a(b:", "1", ")}"),
        ("[", "1", "]"),
        ("{c:", "1", "}"),
        ("[", "X", "]"),
    ],
)
def test_deep_nesting_is_refused(opening: str, middle: str, closing: str) -> None:
    for count in (MAX_DEPTH + 1, 2_000):
        nested = opening * count + middle + closing * count
        for source in (nested, f"{{a(b:{nested})}}", f"query($a:{nested}){{a}}"):
            refused(source)
    parse_document("{a" * MAX_DEPTH + "}" * MAX_DEPTH)


_pieces = st.sampled_from(
    [
        "query",
        "mutation",
        "fragment",
        "on",
        "a",
        "B",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        ":",
        "=",
        "!",
        "$",
        "@",
        "...",
        "1",
        '"s"',
        "null",
        "|",
    ]
)


@given(st.lists(_pieces, max_size=25).map(" ".join))
def test_any_tokens_are_read_or_refused(source: str) -> None:
    try:
        document = parse_document(source)
    except Refusal:
        return
    assert len(document.operations) + len(document.fragments) <= source.count("{")


def test_a_name_given_twice_in_other_case_is_read_as_two() -> None:
    (field,) = parse_document("{a(id: 1, ID: 2)}").operations[0].selections
    assert isinstance(field, Field)
    assert set(field.args) == {"id", "ID"}
