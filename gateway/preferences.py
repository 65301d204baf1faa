"""Secondsig-Prefer: what an agent that knows the gateway would like, in the words of RFC 7240.

Some APIs read `Prefer` themselves, so that one is theirs and never ours.
"""

import re

from gateway.errors import ambiguous
from gateway.model import Request

HEADER = "Secondsig-Prefer"
WAIT = re.compile(r"wait\s*=\s*([0-9]{1,5})")


def wanted_wait(request: Request) -> int | None:
    """Seconds that the agent would wait before it rather comes back for the answer; None: it did not say."""
    written = request.header(HEADER)
    if not written:
        return None
    wanted = [part.strip().lower() for part in ",".join(written).split(",")]
    waits = [WAIT.fullmatch(part) for part in wanted if part != "respond-async"]
    if len(wanted) > 2 or len(set(wanted)) < len(wanted) or len(waits) > 1:  # noqa: PLR2004  # one of each
        raise _unread()
    if not waits:
        return 0
    if waits[0] is None:
        raise _unread()
    return int(waits[0][1])


def _unread() -> Exception:
    return ambiguous(f"{HEADER} is respond-async, wait=SECONDS, or both with a comma between them.")
