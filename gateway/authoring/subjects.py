"""A template as lint looks at it: the service that was read, and where each key of it stands."""

from collections.abc import Iterator
from functools import cached_property

from gateway.errors import Place
from gateway.templates.action import Action
from gateway.templates.fields import items
from gateway.templates.service import Service
from gateway.templates.yaml12 import Yaml
from gateway.values import dataclass


@dataclass(frozen=True)
class Subject:
    service: Service
    document: Yaml
    text: str

    @cached_property
    def actions(self) -> list[Action]:
        """In the order of the file."""
        return sorted(
            self.service.actions, key=lambda action: (action.place.line or 0, action.place.column or 0)
        )

    @cached_property
    def _nodes(self) -> dict[Place, Yaml]:
        return {node.place: node for node in items(child(self.document, "actions"))}

    def place(self, action: Action, key: str = "id") -> Place:
        """Where a key of an action stands, or the action where it has none."""
        found = child(self._nodes.get(action.place), key)
        return action.place if found is None else found.place

    def declared(self, key: str) -> Iterator[tuple[str, Place]]:
        """The names under one of the template's own keys."""
        node = child(self.document, key)
        if node is not None and isinstance(node.value, dict):
            for name in node.value:
                yield name.text, name.place


def child(node: Yaml | None, key: str) -> Yaml | None:
    if node is None or not isinstance(node.value, dict):
        return None
    return next((item for name, item in node.value.items() if name.text == key), None)
