"""`secondsig template coverage`: for people a table of what is missing and totals, for CI an exit code."""

import argparse
import os
from pathlib import Path
from typing import Any

from gateway.authoring.coverage import STATES, Coverage, Covered, cover
from gateway.authoring.openapi import read_openapi
from gateway.authoring.operations import Description, read_operations
from gateway.cli.output import print_json, print_table
from gateway.cli.progress import Progress
from gateway.config import config_path, load_settings
from gateway.errors import UsageError
from gateway.loading import load_library, shipped_templates
from gateway.templates import Library

SAID = {
    "named": "by name",
    "shadowed": "shadowed",
    "fallback": "unmatched",
    "refused": "refused",
    "no_host": "no host",
}
COLUMNS = ("state", "method", "path", "operation", "action", "risk", "note")


def coverage(arguments: argparse.Namespace) -> int:
    """0 if as many operations are mapped by name as was asked for."""
    progress = Progress()
    description = _description(arguments, progress)
    library = _library(arguments)
    service = _service(arguments, library, description)
    found = cover(library, description.operations, service, progress)
    progress.end()
    enough = (
        found.percent(mutating=True) >= arguments.min_mutating
        and found.percent(mutating=False) >= arguments.min_reads
    )
    if arguments.json:
        print_json(
            {"enough": enough, **_totals(found), "operations": [_plain(each) for each in found.operations]}
        )
    else:
        _print(found, arguments.all)
    return 0 if enough else 1


def _library(arguments: argparse.Namespace) -> Library:
    """The files named; else the configuration's templates, or of those that ship the one asked for."""
    missing = [name for name in arguments.files if not Path(name).is_file()]
    if missing:
        raise UsageError(f"There is no file {missing[0]}.")
    if arguments.files:
        return Library.load([Path(name) for name in arguments.files])
    path, shipped = config_path(arguments.config, os.environ), shipped_templates()
    if path.exists():
        return load_library(load_settings(path))
    one = shipped.get(arguments.service)
    return Library.load([one] if one else list(shipped.values()))


def _description(arguments: argparse.Namespace, progress: Progress) -> Description:
    name = arguments.openapi or arguments.operations
    if name is None:
        raise UsageError("Name a description: --openapi FILE, or --operations FILE.tsv.")
    if not Path(name).is_file():
        raise UsageError(f"There is no file {name}.")
    return read_openapi(Path(name), progress) if arguments.openapi else read_operations(Path(name))


def _service(arguments: argparse.Namespace, library: Library, description: Description) -> str | None:
    """The one asked for; else the only one there is, or the one a list of operations is called after."""
    if arguments.service is not None:
        if arguments.service not in library.services:
            raise UsageError(f"No template is called {arguments.service}.")
        return str(arguments.service)
    if len(library.services) == 1:
        return next(iter(library.services))
    stem = Path(arguments.operations).stem if arguments.operations else ""
    if stem in library.services:
        return stem
    if not any(each.origins for each in description.operations):
        raise UsageError("The description names no host: say which template is meant with --service NAME.")
    return None


def _print(found: Coverage, everything: bool) -> None:  # noqa: FBT001  # a flag of the command line
    rows = [_row(each) for each in found.operations if everything or each.state != "named" or each.note]
    if rows:
        print_table(rows, COLUMNS, "")
        print()
    print_table(
        [
            {
                "operations": "mutating" if mutating else "reading",
                **{SAID[state]: found.count(state, mutating=mutating) for state in STATES},
                "all": found.count(mutating=mutating),
                "mapped": f"{found.percent(mutating=mutating):g} %",
            }
            for mutating in (True, False)
        ],
        ("operations", *SAID.values(), "all", "mapped"),
        "",
    )
    print()
    for title, counted in (("risk", found.by_risk()), ("group", found.by_group())):
        names = sorted({name for counts in counted.values() for name in counts})
        rows = [{title: name, **{kind: counted[kind][name] for kind in counted}} for name in names]
        print_table(rows, (title, *counted), f"No operation has a {title}.")
        print()


def _row(each: Covered) -> dict[str, Any]:
    also = [f"or {reached.action} ({reached.risk})" for reached in each.also]
    by = [f"captured by the path of {name}" for name in each.shadowed_by]
    return {
        "state": SAID[each.state],
        "method": each.operation.method,
        "path": each.operation.path,
        "operation": each.operation.id,
        "action": each.winner.action if each.winner else "",
        "risk": each.winner.risk if each.winner else "",
        "note": "; ".join(part for part in (each.note, *by, *also) if part),
    }


def _totals(found: Coverage) -> dict[str, Any]:
    return {
        kind: {
            "percent": found.percent(mutating=mutating),
            "all": found.count(mutating=mutating),
            **{state: found.count(state, mutating=mutating) for state in STATES},
            "risk": dict(found.by_risk()[kind]),
            "groups": dict(found.by_group()[kind]),
        }
        for kind, mutating in (("mutating", True), ("reading", False))
    }


def _plain(each: Covered) -> dict[str, Any]:
    winner = each.winner
    return {
        "method": each.operation.method,
        "path": each.operation.path,
        "operation": each.operation.id,
        "mutating": each.mutating,
        "state": each.state,
        "action": winner.action if winner else None,
        "risk": winner.risk if winner else None,
        "groups": list(winner.groups) if winner else [],
        "also": [{"action": other.action, "risk": other.risk} for other in each.also],
        "shadowed_by": list(each.shadowed_by),
        "note": each.note or None,
    }
