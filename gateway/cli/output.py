"""How answers are printed: tables for people, JSON for machines. What an agent chose is cleaned first."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def clean(value: object) -> str:
    """One line of visible characters: nothing here can move the cursor or speak for us."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in text)


def print_json(answer: Any) -> None:
    print(json.dumps(answer, indent=1, ensure_ascii=True))


def print_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], empty: str) -> None:
    lines = [[clean(row.get(column)) for column in columns] for row in rows]
    if not lines:
        print(empty)
        return
    widths = [max(len(line[i]) for line in [list(columns), *lines]) for i in range(len(columns))]
    for line in [list(columns), *lines]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def sentence(summary: Iterable[Mapping[str, str]]) -> str:
    """A summary as one line; what came from outside stands in quotes."""
    return "".join(part["text"] if "text" in part else f"“{clean(part['value'])}”" for part in summary)
