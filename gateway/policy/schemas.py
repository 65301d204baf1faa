"""The generated schema, whole or as far as one question needs it: parsing all of it takes seconds.

A part holds every type and group, but no action besides the one in question: what is left out is unknown to
Cedar, and so refused.
"""

import json
import re

from cedarpy import Schema

_REMEMBERED = 256
_CONTEXT = re.compile(r"^type (Ctx[0-9]+) = ")


class Schemas:
    """Parts are parsed when they are first asked for; ValueError for what Cedar cannot read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._whole: Schema | None = None
        self._parts: dict[str | None, Schema] = {}
        self._actions: dict[str, str] = {}
        self._contexts: dict[str, str] = {}
        rest: list[str] = []
        for line in text.splitlines():
            context = _CONTEXT.match(line)
            if context:
                self._contexts[context[1]] = line
            elif line.startswith('action "') and " appliesTo " in line and line.endswith("};"):
                name, _ = json.JSONDecoder().raw_decode(line, len("action "))
                self._actions[name] = line
            else:
                rest.append(line)
        self._rest = "\n".join(rest)

    @property
    def whole(self) -> Schema:
        if self._whole is None:
            self._whole = Schema.from_str(self.text)
        return self._whole

    @property
    def types(self) -> Schema:
        """Entities and groups alone."""
        return self._part(None)

    def of(self, action: str) -> Schema:
        """Enough to ask whether a request for this action fits."""
        return self._part(action)

    def takes_money(self, action: str) -> bool:
        """Whether the action has an attribute of money, given or not; in doubt it has one."""
        line = self._actions.get(action)
        names = re.findall(r"\bCtx[0-9]+\b", line) if line is not None else []
        if not names:
            return True
        return any(": Money" in self._contexts.get(name, ": Money") for name in names)

    def _part(self, action: str | None) -> Schema:
        """Another thread may forget meanwhile: what is answered is never looked up again."""
        found = self._parts.get(action)
        if found is None:
            found = self._parsed(action)
            if len(self._parts) >= _REMEMBERED:
                self._parts.clear()
            self._parts[action] = found
        return found

    def _parsed(self, action: str | None) -> Schema:
        """The whole, where it was not written one declaration a line, as ours is."""
        line = self._actions.get(action, "") if action is not None else ""
        contexts = [self._contexts.get(name, "") for name in re.findall(r"\bCtx[0-9]+\b", line)]
        try:
            return Schema.from_str("\n".join([self._rest, *contexts, line]))
        except ValueError:
            return self.whole
