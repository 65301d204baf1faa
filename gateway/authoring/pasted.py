"""A request that somebody pasted on the pages, explained as `secondsig template explain` does it."""

from typing import Any

from gateway.authoring.asked import Asked
from gateway.authoring.curl import read_curl
from gateway.authoring.explaining import explain
from gateway.authoring.raw_http import read_raw
from gateway.authoring.scenes import MADE_UP, known_in, scene_in_force
from gateway.authoring.shell import words
from gateway.directory import Directory
from gateway.model import Caller
from gateway.rules import Rules

ADDRESS = "127.0.0.1"


def explain_pasted(
    written: str, agent: str | None, rules: Rules, directory: Directory, now: int
) -> dict[str, Any]:
    """By what is in force. UsageError for what is no request; a file that it names is never read."""
    asked = read_pasted(written, Caller(agent or MADE_UP, "tok_explained", None, ADDRESS))
    told = explain(asked, scene_in_force(rules, agent, known_in(directory), now))
    return {
        "outcome": told.outcome,
        "request": {"method": told.request.method, "url": told.request.url},
        "steps": [
            {"step": step.name, "title": step.title, "says": list(step.says), "data": dict(step.data)}
            for step in told.steps
        ],
    }


def read_pasted(written: str, caller: Caller) -> Asked:
    """A curl command, or a request as it stands on the wire."""
    if written.split(maxsplit=1)[:1] == ["curl"]:
        return read_curl(words(written), caller, None)
    return read_raw(written.encode(), caller, where="what was pasted")
