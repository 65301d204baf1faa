import pytest

from gateway.policy.source import Source, did_you_mean


@pytest.mark.parametrize(
    ("offset", "line", "column"), [(0, 1, 1), (1, 1, 2), (3, 2, 1), (5, 3, 1), (6, 3, 2)]
)
def test_places_count_lines_and_columns_from_one(offset, line, column):
    place = Source("f", "ab\nc\ndef").place(offset)
    assert (place.line, place.column) == (line, column)


def test_an_error_names_file_line_and_way_out():
    error = Source("policy.cedar", "a\nbc").error("Wrong.", 3, "Do this.")
    assert str(error) == "policy.cedar:2:2: Wrong. Do this."


def test_a_suggestion_is_made_only_for_what_is_close():
    assert did_you_mean("cosinger", {"cosigner", "units"}) == 'Did you mean "cosigner"?'
    assert did_you_mean("xyz", {"cosigner", "units"}) is None
