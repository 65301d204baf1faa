"""How often one address may try to sign in."""

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable

WINDOW_SECONDS = 60.0
MOST_KEYS = 4096


class RateLimit:
    """At most `most` tries a key in any minute; remembers a bounded number of keys, the latest."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most, self._clock = most, clock
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, key: str) -> float | None:
        """None counts a try; a number is the seconds until the next is welcome, and counts nothing."""
        now = self._clock()
        tries = self._tries.setdefault(key, deque())
        self._tries.move_to_end(key)
        while tries and tries[0] <= now - WINDOW_SECONDS:
            tries.popleft()
        if len(tries) >= self._most:
            return tries[0] + WINDOW_SECONDS - now
        tries.append(now)
        while len(self._tries) > MOST_KEYS:
            self._tries.popitem(last=False)
        return None


def address_key(address: str | None) -> str:
    """One key for what one party holds: an IPv4 address, or a whole IPv6 /64."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
