"""A world in which a shop's write can be granted: real store, desk and passkeys; policy is played."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from gateway.desk.acts.grants import GrantFromEnvelope
from gateway.desk.contract import JsonObject
from gateway.gate import Answer, Forward, Release
from gateway.model import EntityRef, Mapped, Request, Unit
from gateway.store.things import Grant
from tests.kit.things import a_mapped, a_request, a_unit
from tests.kit.world import ALLOW, World

WRITE = "/shop/order/change"
FIRST = EntityRef("Shop::Order", "a1")
DIGEST = "e" * 64


def a_write(**changes: Any) -> Unit:
    plain = {"action": WRITE, "groups": ("content",), "resource": FIRST, "context": {"size": 1}}
    return a_unit(**{**plain, **changes})


def meaning(*units: Unit) -> Callable[[Request], Mapped]:
    return lambda _request: a_mapped(*units)


def grantable(world: World) -> None:
    """The request means one plain write of a template that is in force, and policy lets a grant answer."""
    world.library.services = {"shop": SimpleNamespace(digest=DIGEST, actions=(), unmatched={})}
    world.library.meaning = meaning(a_write())
    world.policy.on_grant = ALLOW


def act(world: World) -> GrantFromEnvelope:
    return GrantFromEnvelope(world.deciding, world.grants, world.rules)


async def granted(world: World, person: str = "Mika", **asked: Any) -> JsonObject:
    """A question was opened, and this person grants what it asks."""
    envelope = asked.pop("envelope", None) or (await world.opened()).id
    wanted = {"envelope": envelope, "covers": "resource", "seconds": 900, **asked}
    made = await world.change("grant/envelope", act(world), wanted, person)
    await world.operating.envelope_cancel(envelope)
    grant: JsonObject = made["grant"]
    return grant


async def send(world: World, **changes: Any) -> Answer | Forward | Release:
    """The request as the proxy hands it over; where people are asked, a Refusal comes at once."""
    world.set(hold_for=0)
    return await world.pipeline.decide(a_request(**changes), asyncio.Event())


async def only_grant(world: World) -> Grant:
    (grant,) = await world.sqlite.grants()
    return grant
