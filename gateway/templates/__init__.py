"""Templates: what requests mean. They map, Cedar decides."""

from gateway.bodies import leaf_text
from gateway.templates.compiled import Compiled
from gateway.templates.examples import ExampleResult
from gateway.templates.leaves import covers, select
from gateway.templates.library import ActionInfo, Library
from gateway.templates.money import format_money
from gateway.templates.overlaying import Loosened
from gateway.templates.service import Service

__all__ = [
    "ActionInfo",
    "Compiled",
    "ExampleResult",
    "Library",
    "Loosened",
    "Service",
    "covers",
    "format_money",
    "leaf_text",
    "select",
]
