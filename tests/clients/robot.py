"""A person who signs whatever asks, and remembers what it was: what a client's requests were read as."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from gateway.demo.person import Refused, SoftPerson
from gateway.encoding import from_b64u


@dataclass(frozen=True)
class Signed:
    action: str
    resource: str
    context: dict[str, str]
    summary: str


@dataclass
class Robot(SoftPerson):
    """Every unit of every request that it signed, in the order of signing."""

    origin: str
    name: str
    signed: list[Signed] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.origin, self.name)

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        said = await super().call(method, path, body)
        if path.endswith("/sign"):
            units = json.loads(from_b64u(said["payload"]))["units"]
            self.signed.extend(map(signed, units))
        return said

    async def sign_everything(self) -> None:
        """Until it is cancelled."""
        while True:
            for row in await self.waiting():
                try:
                    await self.approve(row["id"])
                except Refused as refused:
                    if refused.body.get("error") != "decided":
                        raise
            await asyncio.sleep(0.05)


def signed(unit: dict[str, Any]) -> Signed:
    summary = "".join(part.get("text", part.get("value", "")) for part in unit["summary"])
    return Signed(unit["action"], unit["resource"], unit["context"], summary)
