"""A small shop, its policy, and ways to ask about it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gateway.authoring.asked import Asked
from gateway.authoring.curl import read_curl
from gateway.authoring.explaining import Explanation, explain
from gateway.authoring.scenes import Known, Scene, configured_scene
from gateway.authoring.shell import words
from gateway.config import load_settings
from gateway.model import Caller
from gateway.policy import AgentFacts, PersonFacts
from tests.kit.clocks import START

SHOP = r"""
format: 1
service: shop
namespace: Shop
version: 1.0.0
title: Shop
hosts: [api.shop.test, eu.shop.test]
params: {n: {pattern: "[0-9]+"}}
resources:
  Org: {id: "{org}"}
  Repo: {id: "{org}/{repo}", in: [Org], at: ["/repos/{org}/{repo}"]}
  Thing: {id: "{n}", in: [Org]}
decode:
  - {at: {method: POST, path: /graphql}, body: json, split: graphql}
  - {at: {path: /push}, body: git}
  - {at: {path: /form}, body: multipart}
  - {at: {path: /xml}, body: xml}
  - {at: {path: /text}, body: text}
  - {body: {application/json: json, application/x-www-form-urlencoded: form}}
actions:
  - {id: repo/read, match: {method: GET, path: "/repos/{org}/{repo}"}, resource: Repo,
       summary: "Read {repo}"}
  - {id: repo/delete, match: {method: DELETE, path: "/repos/{org}/{repo}"}, resource: Repo,
       groups: [destructive], risk: step_up, summary: "Delete {org}/{repo}", undo: {how: never,
       note: Gone.}}
  - id: pay
    title: Pay somebody
    match: {method: POST, path: /pay}
    groups: [payment]
    context:
      money: {type: money, amount: "json:/amount", currency: "json:/currency"}
      to: {from: "json:/to"}
      tags: {from: "json:/tags/*", type: set}
    summary: "Pay {money|or:something}[ to {to}]"
    secret: ["json:/card"]
    redact: ["json:/email"]
    bind: {volatile: ["header:Idempotency-Key"]}
    approval: {ttl: 2m, mode: hold}
  - {id: pay/test, match: {method: POST, path: /pay, where: {"json:/test": true}}, summary: "Try to pay"}
  - {id: pay/form, match: {method: POST, path: /pay, where: {"header:x-form": present}},
       over: [pay/test], summary: "Pay by form"}
  - {id: kept, match: {method: POST, path: /kept}, risk: step_up, approval: {mode: async}, summary: Kept}
  - {id: later, match: {method: POST, path: /later}, risk: step_up, approval: {mode: reject,
       approvers: 'Group::"approvers"'}, summary: Later}
  - {id: never, match: {method: POST, path: /never}, risk: forbid, summary: Never}
  - {id: thing/touch, match: {method: POST, path: "/things/{n}"}, resource: Thing, summary: "Touch {n}"}
  - {id: keys, match: {method: POST, path: /keys, where: {"query:mode": {not: [dry]},
       "query:like": {glob: "a*"}}}, query_only: [mode, like], summary: Keys}
  - {id: gql/drop, match: {method: POST, path: /graphql, where: {"graphql:kind": mutation,
       "graphql:field": dropAll}}, groups: [destructive], risk: step_up, summary: Drop}
  - {id: gql/any, match: {method: POST, path: /graphql}, summary: GraphQL}
  - {id: only/eu, match: {method: GET, host: eu.shop.test, path: /only}, summary: Only}
"""
POLICY = """
@id("reads") permit (principal is Agent, action in Action::"read", resource);
@id("payments-need-a-person")
@reason("A person signs payments.")
forbid (principal is Agent, action in Action::"payment", resource) when { !context.cosigner };
@id("writes") permit (principal is Agent, action in Action::"write", resource)
unless { context.host == "eu.shop.test" };
@id("no-platform")
forbid (principal in Team::"banned", action, resource);
@id("approvers") permit (principal in Group::"approvers", action == Action::"approve", resource);
"""
SETTINGS = {
    "template_files": "[shop.yaml]",
    "templates": "{shop: }",
    "approvals": "{ttl: 60s}",
    "trusted_hosts": "[trusted.test]",
}
MIKA = PersonFacts("Mika", ("approvers",))


def written(settings: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\n" for name, value in settings.items())


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text(SHOP, encoding="utf-8")
    (tmp_path / "policy.cedar").write_text(POLICY, encoding="utf-8")
    (tmp_path / "entities.json").write_text(
        '[{"uid": {"type": "Group", "id": "approvers"}, "attrs": {}, "parents": []}]'
    )
    (tmp_path / "secondsig.yaml").write_text(written(SETTINGS), encoding="utf-8")
    return tmp_path / "secondsig.yaml"


type MakeScene = Callable[..., Scene]


@pytest.fixture
def a_scene(config: Path) -> MakeScene:
    def made(
        agent: str | None = "ci-bot",
        *,
        team: str | None = "platform",
        people: tuple[PersonFacts, ...] = (MIKA,),
        paused: bool = False,
        owner: str | None = None,
        **settings: str,
    ) -> Scene:
        config.write_text(written(SETTINGS | settings), encoding="utf-8")
        known = Known((AgentFacts("ci-bot", team, owner),), frozenset({"ci-bot"} if paused else ()), people)
        return configured_scene(load_settings(config, {}), agent, known, START)

    return made


type Explain = Callable[..., Explanation]


@pytest.fixture
def explained(a_scene: MakeScene) -> Explain:
    """What is said of a curl command."""

    def made(command: str, **changes: object) -> Explanation:
        return explain(asked(command), a_scene(**changes))

    return made


def asked(command: str) -> Asked:
    return read_curl(words(f"curl {command}"), Caller("ci-bot", "tok", None, "127.0.0.1"), Path())
