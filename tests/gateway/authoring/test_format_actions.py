from gateway.authoring.format_actions import ACTION, ENTRY
from gateway.authoring.shapes import Word
from gateway.model import Risk


def test_only_what_an_action_cannot_be_without_is_needed() -> None:
    assert [key.name for key in ACTION.keys if key.needed] == ["id", "match", "summary"]
    assert [key.name for key in ENTRY.keys if key.needed] == ["id"]


def test_the_words_are_those_of_the_code() -> None:
    risk = next(key for key in ACTION.keys if key.name == "risk")
    assert risk.shape == Word(tuple(Risk))
