"""Waiting for what has no event: comes at once, or on a busy machine late; what never comes still fails."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

PATIENCE = 120


async def until(holds: Callable[[], object]) -> None:
    """`holds` may be a coroutine function."""
    async with asyncio.timeout(PATIENCE):
        while not await _asked(holds):  # what is waited for has no event
            await asyncio.sleep(0.005)


async def _asked(holds: Callable[[], object | Awaitable[object]]) -> object:
    told = holds()
    return await told if inspect.isawaitable(told) else told
