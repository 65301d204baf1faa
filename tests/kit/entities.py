"""Entries of entities.json."""

from typing import Any


def entity(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"uid": {"type": kind, "id": name}, "attrs": {}, "parents": [], **more}


def limited(agent: str, **limits: Any) -> list[dict[str, Any]]:
    """Limits of an agent's own, as the operators' guide writes them."""
    return [
        entity("Limits", agent, tags=limits),
        entity("Agent", agent, attrs={"limits": {"type": "Limits", "id": agent}}),
    ]
