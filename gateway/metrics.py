"""What this process counts, and the page of it that Prometheus reads."""

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass
class Metrics:
    """Counts since the start. Whoever has the token may read them; without one nobody may."""

    token: str = field(default="", repr=False)
    reloads: Counter[str] = field(default_factory=lambda: Counter(taken=0, refused=0, failed=0))
    decisions: Counter[str] = field(default_factory=lambda: Counter(allow=0, step_up=0, deny=0))

    def admits(self, token: str) -> bool:
        """Compared as hashes, so that the time it takes tells nothing."""
        given, own = (hashlib.sha256(text.encode()).digest() for text in (token, self.token))
        return bool(self.token) and hmac.compare_digest(given, own)

    def page(self, *, config: str, refused: bool, envelopes: Mapping[str, int], open_reviews: int) -> str:
        """In Prometheus' text format."""
        return "".join(
            (
                _family(
                    "secondsig_decisions_total", "counter", "Decisions of policy.", "effect", self.decisions
                ),
                _family(
                    "secondsig_reloads_total", "counter", "Changes of the files.", "result", self.reloads
                ),
                _family("secondsig_envelopes", "gauge", "Questions to people.", "state", envelopes),
                _family("secondsig_config_digest_info", "gauge", "What is in force.", "digest", {config: 1}),
                _lines(
                    "secondsig_open_reviews", "gauge", "Broken glass nobody has reviewed.", [open_reviews]
                ),
                _lines(
                    "secondsig_config_refused", "gauge", "1 if the last change was refused.", [int(refused)]
                ),
            )
        )


def _family(name: str, kind: str, what: str, label: str, values: Mapping[str, int]) -> str:
    samples = (f'{{{label}="{_escaped(key)}"}} {count}' for key, count in sorted(values.items()))
    return _head(name, kind, what) + "".join(f"{name}{sample}\n" for sample in samples)


def _lines(name: str, kind: str, what: str, values: Iterable[int]) -> str:
    return _head(name, kind, what) + "".join(f"{name} {value}\n" for value in values)


def _head(name: str, kind: str, what: str) -> str:
    return f"# HELP {name} {what}\n# TYPE {name} {kind}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
