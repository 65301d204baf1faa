import pytest

from gateway.web import limits
from gateway.web.limits import RateLimit, address_key


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_tries_come_back_after_a_minute():
    clock = Clock()
    limit = RateLimit(2, clock)
    assert limit.wait("a") is None
    clock.now += 10
    assert limit.wait("a") is None
    assert limit.wait("a") == 50
    assert limit.wait("b") is None
    clock.now += 49.9
    assert limit.wait("a") == pytest.approx(0.1)
    clock.now += 0.1
    assert limit.wait("a") is None
    assert limit.wait("a") == 10


def test_refused_tries_do_not_lengthen_the_wait():
    clock = Clock()
    limit = RateLimit(1, clock)
    limit.wait("a")
    clock.now += 30
    assert [limit.wait("a") for _ in range(100)] == [30] * 100


def test_flood_of_addresses_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "MOST_KEYS", 3)
    limit = RateLimit(1, Clock())
    for key in "abcd":
        limit.wait(key)
    assert list(limit._tries) == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        (None, "unknown"),
        ("evil", "unknown"),
    ],
)
def test_one_holder_has_one_key(address: str | None, key: str):
    assert address_key(address) == key
