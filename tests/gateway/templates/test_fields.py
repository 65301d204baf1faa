import pytest

from gateway.errors import ConfigError, ConfigErrors, Place
from gateway.templates.fields import (
    Fields,
    Problems,
    duration,
    items,
    members,
    scalar_text,
    suggestion,
    text,
    whole,
    word,
)
from tests.gateway.templates.making import yaml


def test_unknown_keys_are_errors_with_a_suggestion_and_a_place() -> None:
    fields = Fields(yaml("tittle: x\nzzz: 1\ntitle: y"), "The template")
    assert fields.text("title") == "y"
    with pytest.raises(ConfigErrors) as caught:
        fields.finish()
    first, second = caught.value.errors
    assert str(first) == 't.yaml:1:1: The template has no "tittle". Did you mean "title"?'
    assert str(second) == 't.yaml:2:1: The template has no "zzz". Known are: title.'


def test_suggestion_without_anything_known() -> None:
    assert suggestion("x", []) == "Nothing may stand here."


def test_reading_by_type() -> None:
    fields = Fields(yaml("{a: x, b: true, c: low, n: 3}"), "It")
    assert fields.text("a") == "x"
    assert fields.flag("b") is True
    assert fields.word("c", ["low", "high"]) == "low"
    assert fields.get("none") is None
    assert fields.text("none") is None
    assert fields.flag("none") is None
    assert fields.word("none", []) is None
    assert fields.place_of("none") == fields.place
    assert str(fields.place_of("n")) == "t.yaml:1:25"


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda: Fields(yaml("[1]"), "It"), "It must be a mapping, and is a list."),
        (lambda: Fields(yaml("{}"), "It").need("a"), 'It needs "a".'),
        (
            lambda: Fields(yaml("{a: 1}"), "It").text("a"),
            '"a" must be a text, and is a number. Put it in quotes.',
        ),
        (lambda: Fields(yaml("{a: 1}"), "It").flag("a"), '"a" must be true or false, and is a number.'),
        (
            lambda: Fields(yaml("{a: lo}"), "It").word("a", ["low"]),
            '"a" cannot be \'lo\'. Did you mean "low"?',
        ),
        (lambda: scalar_text(yaml("[]"), "It"), "It must be a text, and is a list."),
        (lambda: scalar_text(yaml("~"), "It"), "It must be a text, and is nothing."),
        (lambda: text(yaml("true"), "It"), "It must be a text, and is true or false. Put it in quotes."),
        (lambda: word(yaml("x"), "It", ["y"]), "It cannot be 'x'. Known are: y."),
        (lambda: whole(yaml("6"), "It", 1, 5), "It must be a whole number from 1 to 5."),
        (lambda: whole(yaml("true"), "It", 0, 5), "It must be a whole number from 0 to 5."),
        (lambda: whole(yaml("1.0"), "It", 0, 5), "It must be a whole number from 0 to 5."),
        (lambda: members(yaml("x"), "It"), "It must be a mapping, and is a text."),
        (
            lambda: duration(yaml("2d"), "It", 60),
            "It must be a time of at most 1m. Write it as 50s, 2m or 1h.",
        ),
        (
            lambda: duration(yaml("2h"), "It", 3600),
            "It must be a time of at most 60m. Write it as 50s, 2m or 1h.",
        ),
        (
            lambda: duration(yaml("0s"), "It", 3600),
            "It must be a time of at most 60m. Write it as 50s, 2m or 1h.",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(act: object, says: str) -> None:
    assert callable(act)
    with pytest.raises(ConfigError) as caught:
        act()
    assert str(caught.value).partition(": ")[2] == says


def test_scalars_lists_and_times() -> None:
    assert scalar_text(yaml("1.50"), "It") == "1.50"
    assert items(None) == []
    assert [item.value for item in items(yaml("[1, 2]"))] == [1, 2]
    assert [item.value for item in items(yaml("x"))] == ["x"]
    assert members(None, "It") == []
    assert [duration(yaml(each), "It", 86400) for each in ("50s", "2m", "24h")] == [50, 120, 86400]
    assert whole(yaml("5"), "It", 1, 5) == 5


def test_problems_are_all_found_in_one_reading() -> None:
    found = Problems()

    def one() -> None:
        raise ConfigError("first", Place("a"))

    def many() -> None:
        raise ConfigErrors((ConfigError("second"), ConfigError("third")))

    assert found.attempt(one) is None
    assert found.attempt(many) is None
    assert found.attempt(lambda: 5) == 5
    with pytest.raises(ConfigErrors) as caught:
        found.raise_if_any()
    assert [error.message for error in caught.value.errors] == ["first", "second", "third"]
    Problems().raise_if_any()
