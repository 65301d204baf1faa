"""How many connections there is room for: no agent and no stranger takes the files of everybody else."""

import resource

MOST = 2_000
LEAST = 16
FILES_EACH = 2
"""A client and its upstream."""

FOR_OURSELVES = 400
"""Files of the pages, the database and notifications; and HTTP/2 clients may need more than one upstream."""

SHARE = 4
"""One agent may have a quarter of the places."""


def places() -> int:
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
