"""What lint says of a template: where, what, how to mend it, and a short name that stays the same."""

import re
from enum import StrEnum
from typing import Any

from gateway.errors import ConfigError, Place
from gateway.values import dataclass


class Severity(StrEnum):
    """Errors stop a template from being used, or make its sentences wrong; warnings want a second thought."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    place: Place
    severity: Severity
    name: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.severity}: {self.message} {self.hint}".rstrip() + f" [{self.name}]"

    def as_json(self) -> dict[str, Any]:
        return {
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "severity": str(self.severity),
            "name": self.name,
            "message": self.message,
            "hint": self.hint,
        }

    @property
    def order(self) -> tuple[str, int, int, str]:
        return self.place.file, self.place.line or 0, self.place.column or 0, self.name


LOADER: tuple[tuple[str, str], ...] = (
    (r"^This is not YAML|^The file is not UTF-8|^The file is empty", "not-yaml"),
    (r"^The (file|template|overlay) cannot be read", "unreadable"),
    (r"stands here twice", "duplicate-key"),
    (r"^The tag |alias", "yaml-feature"),
    (r'^The summary names "', "summary-unknown-name"),
    (r"^The summary has no filter|^The filter ", "summary-unknown-filter"),
    (r" in the summary ", "summary-brackets"),
    (r"^The actions .* both match ", "actions-overlap"),
    (
        r"^The actions .* ordered so that the second can never match|circle|each claim to be over",
        "over-order",
    ),
    (r"to be over\.$", "unknown-over"),
    (r"^The id .* is taken by line", "id-taken"),
    (r"cannot be an action's id", "bad-id"),
    (r' needs "| needs a ', "missing-key"),
    (r' has no "', "unknown-key"),
    (r"^There is no variable|^The template has no variable|no default and is not set", "unknown-variable"),
    (r"both answer for|^The (name|namespace) .* is also that of", "taken-by-another-template"),
    (r"reads .* which is (volatile|redacted|secret)|which is secret|volatile in ", "hidden-and-read"),
    (r"to name its .* with\.$|does not capture what the id needs", "resource-unbound"),
    (r"which no path has", "unknown-capture"),
    (r"does not say where to read|^The reader |is not a JSON pointer|names nothing", "unknown-reader"),
    (r"both claim ", "resources-overlap"),
    (r"decode rules? ", "decode-rule"),
    (r"would be looser than before", "overlay-loosens"),
    (r"^The overlay requires|^The overlay is for", "overlay-misfit"),
    (r" has no action ", "unknown-action"),
    (r" must be | cannot be ", "wrong-value"),
)
"""The loader's sentences, by what they are about; the first that fits names the finding."""


def from_loader(error: ConfigError, file: str) -> Finding:
    """One of the loader's errors, as a finding."""
    name = next((name for pattern, name in LOADER if re.search(pattern, error.message)), "invalid")
    return Finding(error.place or Place(file, 1, 1), Severity.ERROR, name, error.message, error.hint or "")


NAMES = {
    "not-yaml": "The file is not YAML 1.2 in UTF-8.",
    "unreadable": "The file is not there, or may not be read.",
    "duplicate-key": "A key stands twice in one mapping.",
    "yaml-feature": "A tag, or an alias that cannot be written out.",
    "missing-key": "A key that is needed is not there.",
    "unknown-key": "A key that the format does not have.",
    "wrong-value": "A value of the wrong kind or form.",
    "unknown-reader": "A selector that does not say where to read, or a reader that does not exist.",
    "unknown-variable": "A `${name}` that `vars` does not have, or one without default that nobody sets.",
    "unknown-capture": "`path.x` or `host.x` of a capture that no path has.",
    "unknown-over": "`over` names an action that does not exist.",
    "unknown-action": "An overlay changes an action that the template does not have.",
    "bad-id": "An action's id is not of the form noun/verb.",
    "id-taken": "Two actions have one id.",
    "actions-overlap": "Two actions match one request, and neither is contained in the other.",
    "over-order": "`over` orders actions in a circle, both ways, or so that one can never win.",
    "resources-overlap": "Two resources claim one path.",
    "resource-unbound": "A resource's id needs a name that its action or path does not bind.",
    "decode-rule": "Decode rules that overlap, or that depend on the body they decode.",
    "hidden-and-read": "What is read to decide or to show is volatile, redacted or secret.",
    "summary-unknown-name": "A summary names what is neither a capture nor a context field.",
    "summary-unknown-filter": "A summary uses a filter that does not exist, or not as it works.",
    "summary-brackets": "A bracket or brace of a summary stands alone.",
    "summary-missing-field": "A name outside […] that one of the paths does not bind (an error), or that is "
    "optional (a warning).",
    "taken-by-another-template": "Two templates share a name, a namespace or a host.",
    "overlay-loosens": "An overlay is looser than before, without a reason.",
    "overlay-misfit": "An overlay for another service or version, or for a template that is not here.",
    "invalid": "Anything else that the loader refuses.",
    "example-fails": "An example does not come out as it says.",
    "unreachable-action": "Other actions win whatever this one matches.",
    "broad-low-risk": "A write of risk low matches nearly every path, or values like `*`.",
    "low-risk-group": "A write in access, credential, destructive, payment or publish is of risk low.",
    "secret-in-context": "The context reads what sounds like a password, token, secret or key.",
    "no-example": "An action that is no plain read has no example.",
    "no-negative-example": "A risky action has no example of what it must not match.",
    "long-title": "A title is longer than a notification shows.",
    "long-summary": "A summary is longer than a notification shows.",
    "unused-param": "A param that no path or host captures.",
    "unused-resource": "A resource that no action is about and no path names.",
    "unused-variable": "A variable that nothing uses.",
}
"""Every name that a finding can have, for ever."""
