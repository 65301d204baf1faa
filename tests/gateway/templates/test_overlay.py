import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError, ConfigErrors, Place
from gateway.templates.overlay import Overlay, fits, read_overlay

HEAD = 'overlay: shop\nrequires: ">=1.2 <2"\n'


def read(text: str) -> Overlay:
    return read_overlay(Path("o.yaml"), text.encode())


def wrong(text: str) -> str:
    with pytest.raises((ConfigError, ConfigErrors)) as caught:
        read(text)
    return str(caught.value)


def test_an_overlay_says_what_it_is_for_and_what_it_changes() -> None:
    found = read(HEAD + "actions: [{id: refund, risk: forbid, loosen: why, examples: [1]}]\nexamples: [2]")
    assert (found.service, found.requires, found.unmatched) == ("shop", ">=1.2 <2", None)
    (entry,) = found.entries
    assert (entry.id, entry.loosen, entry.keys) == ("refund", "why", frozenset({"id", "risk"}))
    assert [node.value for node in (*entry.examples, *found.examples)] == [1, 2]
    assert str(entry.place) == "o.yaml:3:11"


def test_the_floors_are_an_entry_of_their_own() -> None:
    found = read(HEAD + "unmatched: {read: step_up}")
    assert found.unmatched is not None
    assert (found.unmatched.id, found.unmatched.keys) == ("unmatched", frozenset({"read"}))
    assert found.entries == ()


@pytest.mark.parametrize("key", ["hosts: [evil.test]", "vars: {}", "decode: []", "defaults: {}", "format: 1"])
def test_an_overlay_reaches_no_other_part_of_a_template(key: str) -> None:
    assert "The overlay has no" in wrong(HEAD + key)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('overlay: [shop]\nrequires: ">=1"', "must be a text"),
        ("overlay: shop\nrequires: 1.2", "must be a text"),
        (HEAD + "actions: [refund]", "must be a mapping"),
        (HEAD + "actions: [{risk: forbid}]", 'needs "id"'),
        (HEAD + "unmatched: low", "must be a mapping"),
        ("[]", "must be a mapping"),
    ],
)
def test_what_is_no_overlay_is_said_in_a_sentence(text: str, why: str) -> None:
    assert why in wrong(text)


@pytest.mark.parametrize("requires", ["", "1.2", "~1.2", ">=1.2.3.4", ">=v1", "latest", ">=1.2 <"])
def test_a_range_that_nobody_can_read_is_refused(requires: str) -> None:
    assert '"requires" cannot be' in wrong(f'overlay: shop\nrequires: "{requires}"\n')


@pytest.mark.parametrize("missing", ["overlay: shop\n", 'requires: ">=1"\n'])
def test_both_halves_of_the_head_are_needed(missing: str) -> None:
    assert "needs" in wrong(missing)


@pytest.mark.parametrize(
    ("version", "fit"),
    [("1.2.0", True), ("1.10.0", True), ("2.0.0", False), ("1.1.9", False), ("10.0.0", False)],
)
def test_versions_are_numbers_not_texts(version: str, fit: bool) -> None:
    assert fits(version, ">=1.2 <2", Place("o.yaml")) is fit


@given(st.text(max_size=200))
def test_no_text_makes_an_overlay_raise_anything_but_a_sentence(text: str) -> None:
    with pytest.raises((ConfigError, ConfigErrors)):
        read_overlay(Path("o.yaml"), text.encode())


@given(st.text(alphabet=" .,<>=0123456789v", max_size=20))
def test_no_range_makes_an_overlay_raise_anything_but_a_sentence(requires: str) -> None:
    raw = f'overlay: shop\nrequires: "{requires}"\n'.encode()
    with contextlib.suppress(ConfigError, ConfigErrors):
        assert read_overlay(Path("o.yaml"), raw).requires == requires
