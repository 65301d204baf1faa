"""A bar for people, lines for logs, nothing for what is quick."""

import io

import pytest

from gateway.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_quick_work_shows_nothing(clock: list[float]) -> None:
    for stream in (Terminal(), io.StringIO()):
        progress = Progress(stream)
        progress("Reading", 1, 2)
        progress.end()
        assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_that_is_taken_away(clock: list[float]) -> None:
    stream = Terminal()
    progress = Progress(stream)
    clock[0] += 1
    progress("Reading", 1, 2)
    progress("Reading", 2, 2)
    assert stream.getvalue() == f"\rReading {'█' * 15}{'░' * 15}  50% "
    progress.end()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_a_log_gets_a_line_now_and_then(clock: list[float]) -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    for done in range(10):
        clock[0] += 1
        progress("Reading", done, 0 if done == 9 else 10)
    progress.end()
    assert stream.getvalue().splitlines() == [
        "Reading: 0%",
        "Reading: 20%",
        "Reading: 40%",
        "Reading: 60%",
        "Reading: 80%",
    ]
