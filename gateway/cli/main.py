"""`secondsig`: reads the arguments, runs one command, turns every error into one sentence."""

import argparse
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

from gateway import __version__
from gateway.cli.arguments import build_parser

INTERRUPTED = 130


def main(argv: list[str] | None = None) -> int:
    """The exit code: 0 when it was done, 1 when it was not, 2 for arguments that do not fit."""
    parser = build_parser(__version__)
    arguments = parser.parse_args(argv)
    if not hasattr(arguments, "run"):
        parser.print_help()
        return 2
    return run_safely(arguments)


def run_safely(arguments: argparse.Namespace) -> int:
    from gateway.errors import SecondsigError

    try:
        return _command(arguments.run)(arguments)
    except SecondsigError as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        return fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    except Exception as error:
        if os.environ.get("SECONDSIG_TRACE"):
            raise
        return fail(
            f"something went wrong that should not ({type(error).__name__}: {error}). "
            "SECONDSIG_TRACE=1 shows where; please report it."
        )


def fail(sentence: str) -> int:
    print(f"secondsig: {sentence}", file=sys.stderr)
    return 1


@contextmanager
def collecting_later() -> Iterator[None]:
    """What is made meanwhile stays: looking through it for garbage again and again is a tenth of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def roots_unread() -> Iterator[None]:
    """What aiohttp reads twice when it is imported, for a tenth of a start and no use of ours.

    Its own contexts come out trusting nobody; what of ours asks a server over TLS brings another.
    """
    import ssl

    kept = ssl.SSLContext.set_default_verify_paths
    ssl.SSLContext.set_default_verify_paths = _nothing  # type: ignore[method-assign,assignment]  # while nothing but imports runs
    try:
        yield
    finally:
        ssl.SSLContext.set_default_verify_paths = kept  # type: ignore[method-assign]


def _nothing(_context: object) -> None:
    pass


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """`gateway.cli.serve:serve`, imported now and not before."""
    module, _, function = name.partition(":")
    with collecting_later():
        found: Callable[[argparse.Namespace], int] = getattr(import_module(module), function)
    return found


if __name__ == "__main__":
    sys.exit(main())
