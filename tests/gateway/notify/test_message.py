import html
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelopes import State
from gateway.notify.message import MAX_TEXT, Limit, fitted, message_of, plain, trial_message
from tests.kit.clocks import START
from tests.kit.things import ENVELOPE, an_envelope

ORIGIN = "https://sign.example"
HOSTILE = (
    "<!channel> @everyone <@U1> **bold** [pay](http://evil.example) `x` evil.example \u202egnp.exe\n\x07&amp;"
)


def asked(values: bool = False, **changes: object):
    return message_of(an_envelope(**changes), "asked", origin=ORIGIN, now=START + 2, values=values)


def test_it_says_who_asks_for_what_how_risky_that_is_and_how_long_there_is() -> None:
    message = asked()
    assert message.title == "ci-bot asks for approval"
    assert message.text == "Pay … (shop, risk high; 58 s left)"
    assert message.link == f"{ORIGIN}/approve/{ENVELOPE}"


def test_what_was_decided_is_said_with_its_state() -> None:
    envelope = an_envelope(state=State.DENIED, decided_at=START + 9)
    message = message_of(envelope, "decided", origin=ORIGIN, now=START + 99)
    assert (message.title, message.text) == ("Denied: ci-bot", "Pay … (shop, risk high)")
    assert (message.at, message.facts["state"]) == (START + 9, "denied")


def test_only_names_are_told_unless_the_operator_wants_values() -> None:
    secret = ({"text": "Pay "}, {"value": "acct_tea"}, {"text": " with "}, {"value": "hidden"})
    assert "acct_tea" not in repr(asked(list_summary=secret, purpose="a purpose", resource="a resource"))
    told = asked(list_summary=secret, purpose="a purpose", resource="a resource", values=True)
    assert told.text.startswith("Pay acct＿tea with hidden (")
    for name in ("purpose", "resource", "10.9.8.7", "sealed", "hash", "note"):
        assert name not in repr(
            asked(address="10.9.8.7", note="a note", purpose="a purpose", resource="a resource")
        )


def test_the_link_carries_no_authority() -> None:
    assert asked().link.removeprefix(ORIGIN) == f"/approve/{ENVELOPE}"
    assert not set("?#@") & set(asked().link)


def test_hostile_values_are_text_without_mention_markup_or_link() -> None:
    told = asked(list_summary=({"value": HOSTILE},), values=True).text
    assert not set("@<>*`[]&_#|\\") & set(told)
    assert "evil.example" not in told
    assert "://" not in told
    assert not any(unicodedata.category(char) in {"Cc", "Cf"} for char in told)
    assert "12.50" in asked(list_summary=({"value": "12.50"},), values=True).text


@given(st.text(max_size=300))
def test_no_value_imitates_a_channels_own_voice(value: str) -> None:
    shown = plain(value)
    assert not set(shown) & set("@#<>&*_`~[]()|\\/\"'${}!")
    assert shown == plain(shown)
    assert html.escape(shown) == shown
    assert shown.isprintable() or all(unicodedata.category(c) == "Zs" for c in shown if not c.isprintable())


@given(
    st.lists(st.one_of(st.text(max_size=400), st.sampled_from(["&<>\"'" * 50, HOSTILE])), max_size=4),
    st.integers(120, 400),
    st.integers(5, 120),
    st.booleans(),
)
def test_a_message_fits_its_channel_after_escaping_and_its_link_is_whole(
    parts: list[str], room: int, title_room: int, as_html: bool
) -> None:
    def measure(text: str) -> int:
        return len(html.escape(text)) if as_html else len(text.encode("utf-8", "replace"))

    summary = tuple({"text": part} for part in parts)
    message = asked(list_summary=summary)
    title, body = fitted(message, Limit(title_room, room), measure)
    assert measure(title) <= title_room
    assert measure(body) <= room
    assert body.endswith(message.link)


def test_what_is_short_enough_is_not_cut() -> None:
    message = asked()
    assert fitted(message, Limit(100, 1000)) == (message.title, f"{message.text}\n{message.link}")


def test_a_channel_that_takes_less_than_the_link_is_told_apart() -> None:
    with pytest.raises(ValueError, match="less than a link"):
        fitted(asked(), Limit(10, 20))
    link = asked().link
    assert fitted(asked(), Limit(0, len(link) + 1)) == ("", link)


def test_a_long_sentence_is_cut_before_it_is_sent_anywhere() -> None:
    told = asked(list_summary=({"text": "word " * 1000},))
    assert len(told.text) == MAX_TEXT
    assert told.text.endswith("…")


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (86_400, "24 h")]
)
def test_the_time_left_is_in_words(seconds: int, said: str) -> None:
    assert asked(expires_at=START + 2 + seconds).text.endswith(f"; {said} left)")


def test_what_is_over_has_no_time_left() -> None:
    assert asked(expires_at=START - 10).text.endswith("; 0 s left)")


def test_a_trial_asks_for_nothing() -> None:
    message = trial_message("The <b>treasury</b>", origin=ORIGIN, now=START)
    assert (message.kind, message.envelope, message.link) == ("test", "", f"{ORIGIN}/app/approvals")
    assert "<b>" not in message.title
    json.dumps(dict(message.facts))
