"""`secondsig template lint`: what is wrong or doubtful in templates, and how to mend it."""

import argparse
import os
import sys
from pathlib import Path

from gateway.authoring.findings import Finding, Severity
from gateway.authoring.lint_set import LintSet, configured, named, remembered_lint
from gateway.cli.output import clean, print_json
from gateway.config import config_path, load_settings
from gateway.errors import UsageError

MISUSED = 2


def lint(arguments: argparse.Namespace) -> int:
    """1 if there is an error, 0 if there are warnings at most, 2 for files that are not there."""
    try:
        chosen = _chosen(arguments)
    except UsageError as error:
        print(f"secondsig: {error}", file=sys.stderr)
        return MISUSED
    found = remembered_lint(chosen)
    errors = sum(finding.severity is Severity.ERROR for finding in found)
    if arguments.json:
        print_json({"errors": errors, "findings": [finding.as_json() for finding in found]})
    else:
        _print(found, errors, len(chosen.files))
    return 1 if errors else 0


def _chosen(arguments: argparse.Namespace) -> LintSet:
    """The files that were named; else what ships with what the configuration adds and sets."""
    if arguments.files:
        missing = [name for name in arguments.files if not Path(name).is_file()]
        if missing:
            raise UsageError(f"There is no file {missing[0]}.")
        return named([Path(name) for name in arguments.files])
    path = config_path(arguments.config, os.environ)
    return configured(load_settings(path) if path.exists() else None)


def _print(found: list[Finding], errors: int, files: int) -> None:
    for finding in found:
        print(clean(finding))
    if found:
        print()
    print(f"{files} files: {_counted(errors, 'error')}, {_counted(len(found) - errors, 'warning')}")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
