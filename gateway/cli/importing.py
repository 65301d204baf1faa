"""`secondsig template import`: a draft from a description, a browser's recording, or our own log."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.authoring.drafting import Draft, draft
from gateway.authoring.openapi import read_openapi
from gateway.authoring.operations import Description
from gateway.authoring.recorded import Seen, by_host, describe_seen, read_har, read_unmatched
from gateway.cli.output import clean, print_json
from gateway.cli.progress import Progress
from gateway.errors import UsageError


def import_template(arguments: argparse.Namespace) -> int:
    """Writes a template that loads and whose examples pass; what could not be drafted is told."""
    progress = Progress()
    description = _description(arguments, progress)
    made = draft(description, arguments.service or "", arguments.namespace or "", progress)
    progress.end()
    if not made.actions:
        raise UsageError("Nothing could be drafted from it.")
    where = _write(made, arguments.out)
    if where is None and not arguments.json:
        print(made.text, end="")
    if arguments.json:
        left = [{"method": o.method, "path": o.path, "why": why} for o, why in made.left_out]
        print_json(
            {
                "file": where,
                "actions": made.actions,
                "left_out": left,
                **({} if where else {"template": made.text}),
            }
        )
        return 0
    said = (
        f"Drafted {made.actions} actions{f' into {where}' if where else ''}; left out {len(made.left_out)}."
    )
    print(said, file=sys.stderr)
    if where:
        print(f"Next: read it, then secondsig template lint {where}", file=sys.stderr)
    return 0


def _write(made: Draft, out: str | None) -> str | None:
    """To the file, which must not be there yet; else, for people, to standard output."""
    if out is None:
        return None
    try:
        with Path(out).open("x", encoding="utf-8") as stream:
            stream.write(made.text)
    except FileExistsError:
        raise UsageError(f"{out} is there already: choose another name with --out.") from None
    return out


def _description(arguments: argparse.Namespace, progress: Progress) -> Description:
    if arguments.kind == "recorded":
        return _recorded(arguments, progress)
    source = Path(arguments.source or "")
    if not arguments.source or not source.is_file():
        raise UsageError(f"There is no file {arguments.source or ''}: name what to import.")
    if arguments.kind == "openapi":
        return read_openapi(source, progress)
    return _seen(read_har(source, progress), arguments.host, source.stem, progress)


def _recorded(arguments: argparse.Namespace, progress: Progress) -> Description:
    """From a saved `envelope list --all --json`, or from the gateway itself; then SOURCE is a host."""
    source = arguments.source
    host = arguments.host
    if source and Path(source).is_file():
        envelopes = _saved(Path(source))
    else:
        host, envelopes = host or source, _asked(arguments)
    seen = read_unmatched(envelopes)
    if not seen:
        raise UsageError(
            "No unmatched request waits or has waited: "
            "the path is kept only of those that people were asked about."
        )
    return _seen(seen, host, host or "recorded", progress)


def _saved(file: Path) -> Any:
    try:
        document = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        raise UsageError(f"{file} is not JSON: write it with secondsig envelope list --all --json.") from None
    return document.get("envelopes") if isinstance(document, dict) else document


def _asked(arguments: argparse.Namespace) -> Any:
    from gateway.cli.operator import operate

    return operate(arguments, "envelope_list", everything=True)["envelopes"]


def _seen(seen: list[Seen], host: str | None, title: str, progress: Progress) -> Description:
    """A template is about one service: the host asked for, else the one most requests went to."""
    grouped = by_host(seen)
    if host is None:
        origin, chosen = next(iter(grouped.items()))
        others = ", ".join(clean(urlsplit(other).netloc) for other in list(grouped)[1:6])
        if others:
            print(f"Drafting {clean(origin)}; also seen: {others} (choose with --host).", file=sys.stderr)
        return describe_seen(chosen, urlsplit(origin).hostname or title, progress)
    wanted = [
        each
        for origin, found in grouped.items()
        if host in {urlsplit(origin).netloc, origin}
        for each in found
    ]
    if not wanted:
        raise UsageError(
            f"No request went to {host}; seen were: {', '.join(urlsplit(o).netloc for o in grouped)}."
        )
    return describe_seen(wanted, host, progress)
