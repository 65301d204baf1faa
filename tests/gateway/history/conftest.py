"""A gateway with a real template and real policies, so that what it remembers is what decides."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.policy import Policy
from gateway.rules import with_directory
from gateway.templates import Library
from tests.kit.things import HOST
from tests.kit.world import World

TEMPLATE = f"""\
format: 1
service: shop
namespace: Shop
version: 1.0.0
hosts: [{HOST}]
resources: {{Account: "{{id}}"}}
actions:
  - id: pay
    match: {{method: POST, path: "/pay/{{id}}"}}
    resource: Account
    groups: [payment]
    context: {{money: {{type: money, amount: "json:/amount", currency: "json:/currency", unit: minor}}}}
    summary: "Pay {{money|or:something}}"
  - id: quote
    match: {{method: POST, path: "/quote/{{id}}"}}
    resource: Account
    context: {{money: {{type: money, amount: "json:/amount", currency: "json:/currency", unit: minor}}}}
    summary: "Offer {{money|or:something}}"
  - {{id: look, match: {{method: GET, path: "/look/{{id}}"}}, resource: Account, summary: "Look at {{id}}"}}
unmatched: {{read: low, write: step_up}}
"""
LIMITS = """\
[{"uid": {"type": "Limits", "id": "small"}, "attrs": {}, "parents": [], "tags": {"cny/day": 5000}},
 {"uid": {"type": "Team", "id": "platform"}, "parents": [],
  "attrs": {"limits": {"__entity": {"type": "Limits", "id": "small"}}}}]
"""
PER_DAY = """\
permit (principal, action, resource);
permit (principal, action == Action::"approve", resource);

@id("a-days-payments")
@reason("A person signs payments beyond the day's limit.")
forbid (principal is Agent, action in Action::"payment", resource)
unless {
  context.cosigner ||
  (context has spent && context has money && context.money.currency == "cny" && principal has limits &&
   principal.limits.hasTag("cny/day") && context.spent.day <= principal.limits.getTag("cny/day"))
};
"""


class RealWorld(World):
    """`use` puts policies in force; the template is one shop's."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        file = folder / "shop.yaml"
        file.write_text(TEMPLATE, encoding="utf-8")
        self.library: Any = Library.load([file])

    def use(self, policy: str) -> None:
        loaded = Policy.load(
            policy, "policy.cedar", LIMITS, "entities.json", self.library.cedar_schema(), [], []
        )
        self.policy: Any = with_directory(loaded, self.directory)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[RealWorld]:
    made = RealWorld(tmp_path)
    await made.open()
    made.use(PER_DAY)
    yield made
    await made.close()
