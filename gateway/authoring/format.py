"""The template format, described once: the JSON Schema and the reference are made of this.

A test holds it against the loader: every key that either knows, the other knows too.
"""

from gateway.authoring import format_files as files
from gateway.authoring.format_actions import ACTION, ENTRY, INSIDE
from gateway.authoring.shapes import Part

PARTS: tuple[Part, ...] = (
    files.TEMPLATE, files.VARIABLE, files.PARAM, files.RESOURCE, files.DECODE, files.DEFAULTS,
    ACTION, *INSIDE,
    files.UNMATCHED, files.EXAMPLE, files.REQUEST, files.EXPECT,
    files.OVERLAY, ENTRY, files.FLOORS,
)  # fmt: skip
"""In the order of the reference."""

BY_NAME = {part.name: part for part in PARTS}
