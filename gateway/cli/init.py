"""`secondsig init`."""

import argparse
import os
from pathlib import Path

from gateway.cli.output import print_json
from gateway.config import home
from gateway.installation import install


def init(arguments: argparse.Namespace) -> int:
    folder = Path(arguments.dir).expanduser().absolute() if arguments.dir else home(os.environ)
    written = install(folder, variation=arguments.variation)
    if arguments.json:
        print_json({"config": str(written)})
    else:
        print(f"Wrote {written} with policy.cedar and entities.json beside it.")
        if arguments.variation:
            print(f"Put the host of {arguments.variation} into it.")
        print(f"Start it: secondsig serve --config {written}")
    return 0
