"""`secondsig template test`."""

import argparse
import os
from dataclasses import asdict
from pathlib import Path

from gateway.cli.output import print_json
from gateway.config import config_path, load_settings
from gateway.errors import UsageError
from gateway.loading import load_library, shipped_templates
from gateway.templates import Library


def test(arguments: argparse.Namespace) -> int:
    """Every example of every template and overlay; 1 if any of them fails. Says what overlays made looser."""
    library = _library(arguments)
    results, loosened = library.examples(), library.loosened()
    failed = [result for result in results if not result.ok]
    if arguments.json:
        print_json(
            {
                "passed": len(results) - len(failed),
                "failed": [{"place": str(r.place), "name": r.name, "wrong": list(r.wrong)} for r in failed],
                "loosened": [{**asdict(found), "place": str(found.place)} for found in loosened],
            }
        )
    else:
        for found in loosened:
            print(f"{found.place}: {found.action} is looser than its template: {found.what}. {found.reason}")
        for result in failed:
            print(f"{result.place}: {result.name}: {' '.join(result.wrong)}")
        print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def _library(arguments: argparse.Namespace) -> Library:
    if arguments.files:
        missing = [name for name in arguments.files if not Path(name).is_file()]
        if missing:
            raise UsageError(f"There is no file {missing[0]}.")
        return Library.load([Path(name) for name in arguments.files])
    path = config_path(arguments.config, os.environ)
    return (
        load_library(load_settings(path))
        if path.exists()
        else Library.load(list(shipped_templates().values()))
    )
