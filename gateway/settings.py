"""Every setting of secondsig.yaml as a value with its type and its default."""

from collections.abc import Mapping
from dataclasses import field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from gateway.envelopes import MAX_HELD_TTL, Cap, Caps
from gateway.model import Mode, ServiceMode
from gateway.values import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the proxy and the people's pages listen."""

    proxy: Address = Address("127.0.0.1", 8080)
    pages: Address = Address("localhost", 8081)


@dataclass(frozen=True, slots=True)
class PagesTls:
    certificate: Path
    key: Path


type GuardedGroup = Literal["payment", "destructive", "credential"]
GUARDED_GROUPS: tuple[GuardedGroup, ...] = ("payment", "destructive", "credential")
"""What no grant covers, unless the operator says so and policy does as well."""


@dataclass(frozen=True, slots=True)
class Escalation:
    """After so many seconds without a decision the question goes to a further group."""

    after: int
    to: str


@dataclass(frozen=True, slots=True)
class Approvals:
    """How people are asked, where a template does not say otherwise. Times are seconds.

    A grant with an end lasts `grant_for` at most.
    """

    ttl: int = 60
    mode: Mode = Mode.HOLD
    hold_for: int | Literal["auto"] | None = None
    join: Literal["address", "run", "agent"] = "address"
    deny_for: int = 600
    max_quorum: int = 5
    owner_may_approve: bool = False
    grant_for: int = 900
    grants_for: tuple[GuardedGroup, ...] = ()
    retention: int = 86_400
    session: int = 28_800
    escalate: tuple[Escalation, ...] = ()
    max_ttl: int = MAX_HELD_TTL


QUESTIONS = Caps(agent=Cap(20, 30, 60), team=Cap(60, 60, 300), everybody=Cap(200, 120, 1_000))


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes. After so many denials in a row an agent is paused; 0 never pauses one.

    So many questions a day may be let through by breaking glass; 0 lets nobody break it.
    """

    body: int = 32 * MIB
    step_up_body: int = MIB
    questions: Caps = QUESTIONS
    denials_in_a_row: int = 5
    break_glass: int = 3
    disk_reserve: int = 64 * MIB


@dataclass(frozen=True, slots=True)
class Upstream:
    """How destinations are reached: extra roots, fixed addresses, and networks that are not public."""

    ca: Path | None = None
    connect_to: dict[str, Address] = field(default_factory=dict)
    allow: tuple[IPv4Network | IPv6Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Judge:
    """An endpoint that is asked whether a write fits its stated purpose; nobody is asked without a URL."""

    url: str | None = None
    timeout: int = 3


@dataclass(frozen=True, slots=True)
class AppriseChannel:
    """A service that Apprise reaches. `${NAME}` in its URL stands for a variable of the environment."""

    url: str = field(repr=False)
    kind = "apprise"

    @property
    def is_elsewhere(self) -> bool:
        """Whether what is secret in it stands in the environment."""
        return "${" in self.url

    @property
    def masked(self) -> str:
        """What may be shown: in these URLs any part but the scheme may be the secret."""
        scheme, mark, _ = self.url.partition("://")
        return f"{scheme}{mark}…" if mark and "$" not in scheme else "…"


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """An endpoint that is told with a signature; the secret may stand for a variable, as `${NAME}`."""

    url: str = field(repr=False)
    secret: str = field(repr=False)
    kind = "webhook"

    @property
    def is_elsewhere(self) -> bool:
        return "${" in self.secret

    @property
    def masked(self) -> str:
        """Scheme and host: a path may be a secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}/…"


type ChannelSetting = AppriseChannel | WebhookChannel


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of the day, in minutes, in which other channels are used, or none."""

    start: int
    end: int
    zone: str
    on_call: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotificationRule:
    """Who is told of what, over which channels. What is None holds for everybody, or everything."""

    channels: tuple[str, ...]
    to: str | None = None
    service: str | None = None
    risk: str = "low"
    group: str | None = None
    quiet: Quiet | None = None


@dataclass(frozen=True, slots=True)
class Notifications:
    """How people are told that something waits; without a channel the pages alone show it."""

    channels: Mapping[str, ChannelSetting] = field(default_factory=dict)
    rules: tuple[NotificationRule, ...] = ()
    values: bool = False
    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    push_services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """One template as the operator uses it."""

    mode: ServiceMode = ServiceMode.ENFORCE
    vars: dict[str, object] = field(default_factory=dict)
    overlays: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the operator decides. Paths are absolute."""

    file: Path
    state: Path
    policy: Path
    entities: Path
    name: str = "secondsig"
    listen: Listen = Listen()
    public_url: str | None = None
    trusted_proxy: bool = False
    pages_tls: PagesTls | None = None
    templates: dict[str, Service] = field(default_factory=dict)
    template_files: tuple[Path, ...] = ()
    approvals: Approvals = Approvals()
    limits: Limits = Limits()
    upstream: Upstream = Upstream()
    judge: Judge = Judge()
    notifications: Notifications = Notifications()
    unknown_hosts: Literal["refuse", "watch"] = "refuse"
    trusted_hosts: tuple[str, ...] = ()
    ca_hosts: tuple[str, ...] = ()
    config_trust: Literal["files", "signed"] = "files"

    @property
    def origin(self) -> str:
        """The address people use; passkeys are bound to it."""
        if self.public_url:
            return self.public_url
        scheme = "https" if self.pages_tls else "http"
        return f"{scheme}://{self.listen.pages.host}:{self.listen.pages.port}"
