import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import COLUMNS, FILTERABLE, Kind, Row, parse_filter


def test_a_row_tells_every_column_it_has() -> None:
    row = Row(Kind.MINT, decision="step_up", status=201)
    assert tuple(row.columns()) == COLUMNS
    assert row.columns()["kind"] is Kind.MINT
    assert row.columns()["status"] == 201


def test_a_filter_is_columns_and_values() -> None:
    assert parse_filter("decision:step_up agent:ci-bot") == {"decision": "step_up", "agent": "ci-bot"}
    assert parse_filter("") == {}
    assert parse_filter('resource:Shop::Account::"a"') == {"resource": 'Shop::Account::"a"'}


@pytest.mark.parametrize(
    "text",
    [
        "decision",
        "decision:",
        ":allow",
        "detail:x",
        "config_digest:x",
        "seq:1",
        "1=1;--:x",
        "kind=x",
        "Decision:allow",
        "agent:a nonsense",
    ],
)
def test_sql_or_an_unknown_column_in_a_filter_is_a_sentence(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"is not a filter: write column:value, with one of action, address, agent"
    ):
        parse_filter(text)


@given(st.text())
def test_a_filter_names_only_columns_of_ours(text: str) -> None:
    try:
        found = parse_filter(text)
    except ValueError:
        return
    assert set(found) <= FILTERABLE
    assert all(found.values())
