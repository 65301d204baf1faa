import resource

import pytest

from gateway.proxy.places import FOR_OURSELVES, LEAST, MOST, Places, room

WANTED = MOST * 2 + FOR_OURSELVES


class System:
    """The system's limit on the files of a process."""

    def __init__(self, soft: int, hard: int) -> None:
        self.soft, self.hard = soft, hard

    def getrlimit(self, which: int) -> tuple[int, int]:
        assert which == resource.RLIMIT_NOFILE
        return self.soft, self.hard

    def setrlimit(self, which: int, limits: tuple[int, int]) -> None:
        assert which == resource.RLIMIT_NOFILE
        self.soft, self.hard = limits


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "after"),
    [
        (1024, 524_288, MOST, WANTED),
        (1024, resource.RLIM_INFINITY, MOST, WANTED),
        (524_288, 524_288, MOST, 524_288),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, MOST, resource.RLIM_INFINITY),
        (1024, 4096, (4096 - FOR_OURSELVES) // 2, 4096),
        (256, 256, LEAST, 256),
    ],
)
def test_there_are_as_many_places_as_the_system_has_files_for(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, wanted: int, after: int
) -> None:
    system = System(soft, hard)
    for name in ("getrlimit", "setrlimit"):
        monkeypatch.setattr(f"gateway.proxy.places.resource.{name}", getattr(system, name))
    assert room() == wanted
    assert (system.soft, system.hard) == (after, hard)


def test_a_place_belongs_to_the_agent_that_proved_itself_there_last() -> None:
    places = Places(2)
    assert places.take("one", "ci-bot")
    assert places.take("one", "ci-bot")
    assert places.take("two", "ci-bot")
    assert not places.take("three", "ci-bot")
    assert "three" not in places
    assert places.take("three", "other")
    assert places.take("two", "other")
    assert places.take("four", "ci-bot")
    assert not places.take("three", "ci-bot")
    places.leave("one")
    assert places.take("five", "ci-bot")
    places.leave("never came")
