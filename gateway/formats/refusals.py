"""What all formats say when they refuse."""

import json
import re

from gateway.errors import Reason, Refusal, ambiguous

MAX_SHOWN = 40
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def too_many(what: str, limit: int) -> Refusal:
    return Refusal(Reason.BODY_TOO_LARGE, f"The body holds more than {limit} {what}; send fewer at a time.")


def shown(text: str) -> str:
    """A piece of the agent's text as a message may quote it: short, and with nothing invisible in it."""
    return json.dumps(text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…")


def read_utf8(raw: bytes, what: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ambiguous(f"The {what} is not valid UTF-8; send it as UTF-8.") from error


def is_bare(text: str) -> bool:
    """No blanks around it and no control character in it, which some readers would drop."""
    return text == text.strip() and not _CONTROLS.search(text)
