"""`secondsig template schema`: the JSON Schema of templates and overlays, for editors."""

import argparse

from gateway.authoring.schema import template_schema
from gateway.cli.output import print_json


def schema(_arguments: argparse.Namespace) -> int:
    """It is JSON with and without --json."""
    print_json(template_schema())
    return 0
