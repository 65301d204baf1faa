"""The description of the format knows each key that the loader knows, and no other."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.authoring.findings import Severity
from gateway.authoring.format import BY_NAME, PARTS
from gateway.authoring.linting import lint
from gateway.authoring.shapes import Either, Many, Names, Of, Shape
from gateway.templates.fields import Fields

EVERYTHING = """\
format: 1
service: shop
namespace: Shop
version: 1.2.0
title: Shop
vars: {hosts: {type: hosts, default: [api.shop.test]}}
hosts: ["${hosts}"]
params: {owner: {fold: lower}, path: {slash: encoded}, n: {pattern: "[0-9]+"}, kind: {enum: [a, b]}}
resources:
  Org: {id: "{owner}", at: ["/orgs/{owner}"]}
  Repo: {id: ["{owner}/{repo}", "#{n}"], in: [Org], attributes: {visibility: string}}
decode:
  - {at: {method: POST, path: /special, host: api.shop.test, where: {"query:a": {not: [b]}}},
       body: json, args: [json]}
  - {body: {application/json: json, "*": opaque}}
defaults: {bind: {volatile: ["header:Idempotency-Key"]}, approval: {ttl: 1m}, redact: [], secret: []}
actions:
  - id: repo/put_file
    title: Create or update a file
    match: {method: PUT, host: api.shop.test, path: ["/repos/{owner}/{repo}/contents/{path*}",
       "/repositories/{n}/{kind}"]}
    query_only: [a]
    over: []
    resource: Repo
    groups: [content]
    access: write
    risk: step_up
    opaque_ids: accept
    context:
      branch: {from: "json:/branch", type: string, default: x, fold: lower, enum: [x]}
      need: {from: "json:/need", missing: refuse}
      money: {type: money, amount: "json:/a", currency: "json:/c", unit: minor, exponents: {isk: 2},
       default_currency: {by: "header:X", of: {a: jpy}, else: eur}}
    summary: "Write {branch}"
    approval: {ttl: 2m, quorum: 1, mode: hold, hold_for: 50s, approvers: 'Group::"platform"',
               batch: "{owner}/{repo}", single_use: false}
    bind: {body: exact, volatile: [], credential: whole}
    redact: ["json:/r"]
    secret: ["json:/s"]
    show: {content: {from: "json:/content", as: base64-text}}
    undo: {how: hard, note: Later.}
    outcome: {failed_when: {"json:/ok": false}}
    upgrade: [websocket]
    examples:
      - vars: {hosts: [api.shop.test]}
        request: {method: PUT, url: "https://api.shop.test/repositories/1/a", headers: {A: b},
        json: {need: 1}}
        expect: {action: /shop/repo/put_file, resource: 'Shop::Repo::"#1"', risk: step_up,
        summary: "Write x", context: {need: "1"}}
  - {id: read, match: {method: GET, path: /a, where: {"query:a": {glob: "b*"}}}, summary: Read}
unmatched: {read: low, write: step_up}
examples:
  - {request: {method: PATCH, url: "https://api.shop.test/x", form: {a: b}},
       expect: {risk: step_up}}
  - {request: {method: PUT, url: "https://api.shop.test/x//y", body: b}, expect: {refused: ambiguous_request}}
"""
OVERLAY = """\
overlay: shop
requires: ">=1.2 <2"
actions:
  - {id: repo/put_file, risk: forbid, loosen: "No reason"}
unmatched: {read: step_up, write: forbid, loosen: "No reason"}
examples: []
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """What the loader asks of each kind of mapping, by what it calls them."""
    found: dict[str, set[str]] = defaultdict(set)

    class Watching(Fields):
        def finish(self) -> None:
            found[_label(self.what)] |= self.asked
            super().finish()

    for module in _modules():
        monkeypatch.setattr(module, "Fields", Watching)
    template, overlay = tmp_path / "shop.yaml", tmp_path / "over.yaml"
    template.write_text(EVERYTHING, encoding="utf-8")
    overlay.write_text(OVERLAY, encoding="utf-8")
    wrong = lint([template], {}, {"shop": (overlay,)})
    assert [str(each) for each in wrong if each.severity is Severity.ERROR] == []
    lint(_trial(), {}, {})
    return found


def _trial() -> Sequence[Path]:
    return sorted((Path(__file__).parents[2] / "trial").glob("*.yaml"))


def _modules() -> Iterator[Any]:
    import gateway.templates as package

    for path in sorted(Path(package.__file__ or "").parent.glob("*.py")):
        module = __import__(f"gateway.templates.{path.stem}", fromlist=["Fields"])
        if hasattr(module, "Fields") and path.stem != "fields":
            yield module


def _label(what: str) -> str:
    """What the loader calls a mapping, without its own name."""
    if re.fullmatch(r'".*" of "show"', what):
        return "of show"
    return re.sub(r'^(\w+ [a-z ]+) "[^"]*"$', r"\1", what)


def test_the_loader_and_the_description_know_the_same_keys(asked: dict[str, set[str]]) -> None:
    by_label: dict[str, set[str]] = defaultdict(set)
    for part in PARTS:
        by_label[part.loader] |= {key.name for key in part.keys}
    for label in ("The entry", '"unmatched"'):
        # An overlay's keys are merged into the template before they are read there.
        by_label.pop(label)
        asked.pop(label, None)
    assert dict(asked) == dict(by_label)


def test_an_entry_has_an_actions_keys_and_its_reason() -> None:
    names = {key.name for key in BY_NAME["entry"].keys}
    assert names == {key.name for key in BY_NAME["action"].keys} | {"loosen"}
    assert {key.name for key in BY_NAME["floors"].keys} == {"read", "write", "loosen"}
    assert {key.name for key in BY_NAME["unmatched"].keys} == {"read", "write"}


def test_every_part_is_used_and_every_use_is_a_part() -> None:
    used = {name for part in PARTS for key in part.keys for name in _parts(key.shape)}
    assert used | {"template", "overlay"} == BY_NAME.keys()


def _parts(shape: Shape) -> set[str]:
    match shape:
        case Of(part):
            return {part}
        case Many(inner) | Names(inner, _):
            return _parts(inner)
        case Either(alternatives):
            return {name for each in alternatives for name in _parts(each)}
        case _:
            return set()


def test_every_key_is_described_in_a_sentence() -> None:
    for part in PARTS:
        for key in part.keys:
            assert key.says.endswith("."), f"{part.name}.{key.name}"
