"""Delegations for tests: Mika is away and Tomo signs for her, unless a test says otherwise."""

from typing import Any

from gateway.delegations import Delegation
from gateway.desk.acts.delegations import SetAway
from gateway.payload import utc
from tests.kit.world import World

HOUR, DAY = 3600, 86_400


def set_away(world: World) -> SetAway:
    return SetAway(world.directory, world.rules, world.board, world.store.now)


async def lend(
    world: World,
    person: str = "Mika",
    to: str = "Tomo",
    lasts: int = HOUR,
    asked: dict[str, Any] | None = None,
) -> Delegation:
    """The person signs that somebody else may sign for them, from now on."""
    wanted = {"to": to, "until": utc(world.store.now() + lasts), **(asked or {})}
    made = await world.change("delegation/set", set_away(world), wanted, person)
    return next(lent for lent in world.directory.delegations if lent.id == made["id"])
