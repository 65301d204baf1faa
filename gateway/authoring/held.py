"""The request of an envelope, from what is sealed in it. What no approver sees is not there."""

from typing import Any

from gateway.authoring.asked import Asked, Origin, make_request
from gateway.authoring.loose import mapping, sequence, words
from gateway.model import Caller
from gateway.questions import Unsealed

HIDDEN = "(secret)"


def held_request(envelope: str, unsealed: Unsealed) -> Asked:
    """As the agent sent it, but for secrets and for headers that may change from one retry to the next."""
    shared = unsealed.shared
    sent, agent = mapping(shared.get("request")), mapping(shared.get("agent"))
    caller = Caller(
        words(agent.get("id")), words(agent.get("token")), agent.get("run"), words(agent.get("address"))
    )
    pairs = [sequence(pair) for pair in sequence(sent.get("headers"))]
    headers = [
        (str(name), value)
        for name, field in pairs
        if (value := _value(f"header:{name}", field, unsealed)) is not None
    ]
    origin = Origin(
        "http" if sent.get("scheme") == "http" else "https",
        words(sent.get("host")),
        int(sent.get("port") or 0),
    )
    request = make_request(
        caller, words(sent.get("method")), origin, words(sent.get("target")), headers, unsealed.body
    )
    return Asked(request, f"the envelope {envelope}", tuple(_notes(pairs)))


def _value(leaf: str, field: Any, unsealed: Unsealed) -> str | None:
    """None for what the envelope does not keep."""
    known = mapping(field)
    if "text" in known:
        return words(known["text"])
    hidden = unsealed.hidden.get(leaf.lower()) or unsealed.hidden.get(leaf)
    if hidden is not None:
        return hidden.value
    return HIDDEN if "secret" in known or "redacted" in known else None


def _notes(pairs: list[list[Any]]) -> list[str]:
    secret = [str(name) for name, field in pairs if "secret" in mapping(field)]
    free = [str(name) for name, field in pairs if "volatile" in mapping(field)]
    notes = [f"The envelope keeps no secrets: {', '.join(secret)} is read as {HIDDEN}."] if secret else []
    return notes + ([f"It does not keep what may change: {', '.join(free)} is left out."] if free else [])
