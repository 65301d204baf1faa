import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Reason, Refusal
from gateway.preferences import wanted_wait
from tests.kit.things import a_request, with_header


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("respond-async", 0),
        ("Respond-Async", 0),
        ("wait=10", 10),
        ("wait = 10", 10),
        ("respond-async, wait=10", 10),
        ("wait=10 ,respond-async", 10),
        ("wait=0", 0),
    ],
)
def test_an_agent_says_how_long_it_would_wait(written: str, seconds: int) -> None:
    assert wanted_wait(with_header(a_request(), "secondsig-prefer", written)) == seconds


def test_two_lines_are_one_list() -> None:
    both = with_header(
        with_header(a_request(), "Secondsig-Prefer", "respond-async"), "Secondsig-Prefer", "wait=3"
    )
    assert wanted_wait(both) == 3


@pytest.mark.parametrize(
    "written",
    [
        "",
        "async",
        "wait",
        "wait=",
        "wait=-1",
        "wait=1.5",
        "wait=999999",
        "wait=1, wait=2",
        "respond-async, respond-async",
        "respond-async; wait=1",
        "respond-async, wait=1, return=minimal",
        "respond-async,",
    ],
)
def test_what_cannot_be_read_as_a_preference_is_refused_and_not_guessed(written: str) -> None:
    with pytest.raises(Refusal, match="respond-async, wait=SECONDS") as refused:
        wanted_wait(with_header(a_request(), "Secondsig-Prefer", written))
    assert refused.value.reason is Reason.AMBIGUOUS_REQUEST


@pytest.mark.parametrize("name", ["Prefer", "X-Secondsig-Prefer", "Secondsig-Prefers"])
def test_an_apis_own_prefer_is_never_taken_for_ours(name: str) -> None:
    assert wanted_wait(with_header(a_request(), name, "respond-async, wait=10")) is None


@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_any_text_is_a_number_of_seconds_or_a_refusal(written: str) -> None:
    try:
        seconds = wanted_wait(with_header(a_request(), "Secondsig-Prefer", written))
    except Refusal:
        return
    assert seconds is not None
    assert 0 <= seconds < 100_000
