"""How many connections there is room for: no agent and no stranger takes the files of everybody else."""

import resource
from collections import Counter

MOST = 2_000
LEAST = 16
FILES_EACH = 2
"""A client and its upstream."""

FOR_OURSELVES = 400
"""Files of the pages, the database and notifications; and HTTP/2 clients may need more than one upstream."""

SHARE = 4
"""One agent may have a quarter of the places."""


class Places:
    """Whose each connection is: its agent's, once a credential on it was good."""

    def __init__(self, share: int) -> None:
        """No agent has more than `share` connections at once."""
        self.share = share
        self._agents: dict[str, str] = {}
        self._taken: Counter[str] = Counter()

    def take(self, connection: str, agent: str) -> bool:
        """False where the agent has as many others as it may."""
        if self._agents.get(connection) == agent:
            return True
        if self._taken[agent] >= self.share:
            return False
        self.leave(connection)
        self._agents[connection] = agent
        self._taken[agent] += 1
        return True

    def leave(self, connection: str) -> None:
        agent = self._agents.pop(connection, None)
        if agent is not None:
            self._taken[agent] -= 1

    def __contains__(self, connection: str) -> bool:
        return connection in self._agents


def room() -> int:
    """For clients of the proxy, once the process may open as many files as the system lets it."""
    files = _files(MOST * FILES_EACH + FOR_OURSELVES)
    return max(LEAST, min(MOST, (files - FOR_OURSELVES) // FILES_EACH))


def _files(wanted: int) -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft
