"""One step of an explanation: its lines for people, and the same as data."""

from collections.abc import Mapping
from typing import Any

from gateway.values import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    title: str
    says: tuple[str, ...]
    data: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"step": self.name, "says": [line.strip() for line in self.says], **self.data}
