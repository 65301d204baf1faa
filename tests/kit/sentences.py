"""Errors for people are one sentence each."""

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.errors import UsageError


@contextmanager
def one_sentence_at_most() -> Iterator[None]:
    """What is inside works, or says in one line why not; anything else is a fault."""
    said = ""
    try:
        yield
    except UsageError as error:
        said = str(error)
    assert "\n" not in said
