"""What would decide about a request now: templates, policy, settings, the agent that asks, who may sign."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import Place, Refusal, UsageError
from gateway.loading import read_rules, shipped_templates
from gateway.model import Request, ServiceMode
from gateway.policy import AgentFacts, PersonFacts, Policy
from gateway.rules import Rules, agent_facts
from gateway.settings import Settings
from gateway.templates import Library
from gateway.templates.cedar_schema import cedar_schema
from gateway.templates.compiled import Compiled
from gateway.values import dataclass

if TYPE_CHECKING:  # it costs every command that only names the type a start that is slower
    from gateway.directory import Directory

MADE_UP = "an-agent"


@dataclass(frozen=True, slots=True)
class Known:
    """Who a gateway knows. Where none was ever started, nobody."""

    agents: tuple[AgentFacts, ...] = ()
    paused: frozenset[str] = frozenset()
    people: tuple[PersonFacts, ...] = ()


@dataclass(frozen=True)
class Scene:
    """Everything that decides, at one moment. `people` of None means that who is enrolled is not known."""

    library: Library
    policy: Policy
    policy_places: Mapping[str, Place]
    settings: Settings
    agent: AgentFacts
    now: int
    made_up: bool = False
    paused: bool = False
    people: tuple[PersonFacts, ...] | None = None

    def lets_through(self, host: str) -> bool:
        return self.settings.unknown_hosts == "watch" or host in self.settings.trusted_hosts

    def mode(self, service: str) -> ServiceMode:
        known = self.settings.templates.get(service)
        return known.mode if known else ServiceMode.ENFORCE


def known_in(directory: "Directory") -> Known:
    """Those of a gateway's directory; of its people, whoever has a passkey."""
    agents = directory.agents.values()
    return Known(
        tuple(agent_facts(each, directory.limits) for each in agents),
        frozenset(each.name for each in agents if each.paused),
        tuple(PersonFacts(name, p.person.groups) for name, p in directory.people.items() if p.credentials),
    )


def configured_scene(settings: Settings, agent: str | None, known: Known | None, now: int) -> Scene:
    """What a gateway with these settings would do, for one of its agents or a made-up one."""
    return scene_in_force(read_rules(settings), agent, known, now)


def scene_in_force(rules: Rules, agent: str | None, known: Known | None, now: int) -> Scene:
    """What these rules would do. The policy is one of its own, as it remembers what it was asked."""
    caller, made_up = _caller(agent, known)
    people, settings = known.people if known is not None else None, rules.settings
    return Scene(
        library=rules.library,
        policy=rules.policy.with_directory(_all_agents(caller, known), people or ()),
        policy_places=_places_in(settings.policy),
        settings=settings,
        agent=caller,
        now=now,
        made_up=made_up,
        paused=known is not None and caller.name in known.paused,
        people=people,
    )


def shipped_scene(requests: Sequence[Request], agent: str | None, now: int) -> Scene:
    """What ships, under the policy of `secondsig init`, which is asked about these requests alone."""
    library = _library(requests)
    starter = files("gateway").joinpath("starter")
    policy_text = starter.joinpath("policy.cedar").read_text(encoding="utf-8")
    entities = starter.joinpath("entities.json").read_text(encoding="utf-8")
    caller, _ = _caller(agent, None)
    schema = _schema(library, requests)
    policy = Policy.load(policy_text, "policy.cedar", entities, "entities.json", schema, [caller], [])
    nowhere = Path("nowhere")
    settings = Settings(nowhere, nowhere, nowhere, nowhere)
    places = places_of(policy_text, "the starter's policy.cedar")
    return Scene(library, policy, places, settings, caller, now, made_up=True)


def _schema(library: Library, requests: Sequence[Request]) -> str:
    """Of the actions that these requests are: the starter's policies name no others."""
    served = {library.serves(each.scheme, each.host, each.port) for each in requests}
    asked = [service for name, service in library.services.items() if name in served]
    meant: set[str] = set()
    for request in requests:
        with contextlib.suppress(Refusal):
            meant.update(unit.action for unit in library.map(request).units)
    return cedar_schema(asked, meant)


def _library(requests: Sequence[Request]) -> Library:
    """All that ships; or, where that is enough, only the files that name the hosts in question."""
    paths = list(shipped_templates().values())
    ends = {".".join(each.host.split(".")[-2:]).encode() for each in requests}
    named = [path for path in paths if any(end in path.read_bytes() for end in ends)]
    kept = Compiled.usual()
    library = Library.load(named, compiled=kept)
    if all(library.serves(each.scheme, each.host, each.port) for each in requests):
        return library
    return Library.load(paths, compiled=kept)


def _caller(agent: str | None, known: Known | None) -> tuple[AgentFacts, bool]:
    """The agent of that name; a made-up one without team where no gateway could know it."""
    agents = {each.name: each for each in known.agents} if known is not None else {}
    if agent is None or known is None:
        return agents.get(MADE_UP) or AgentFacts(agent or MADE_UP), True
    if agent not in agents:
        near = f" Known are: {', '.join(sorted(agents))}." if agents else " None was added yet."
        raise UsageError(f"There is no agent {agent}.{near}")
    return agents[agent], False


def _all_agents(caller: AgentFacts, known: Known | None) -> list[AgentFacts]:
    others = known.agents if known is not None else ()
    return [caller, *(each for each in others if each.name != caller.name)]


def _places_in(policy: Path) -> dict[str, Place]:
    """None where the file went away: what was read from it is in force all the same."""
    try:
        return places_of(policy.read_text(encoding="utf-8"), str(policy))
    except (OSError, UnicodeDecodeError):
        return {}


def places_of(policy_text: str, file: str) -> dict[str, Place]:
    """Where each policy with an @id stands."""
    return {
        found[1]: Place(file, policy_text.count("\n", 0, found.start()) + 1)
        for found in re.finditer(r'@id\(\s*"([^"\\]*)"\s*\)', policy_text)
    }
