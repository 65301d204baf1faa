import pytest

from gateway.model import Approval, Bind, Mode, Risk, Undo
from gateway.templates.action import Action
from tests.gateway.templates.making import library, problems, shop, template

FULL = """
- id: repo/put_file
  title: Put a file
  match: {method: PUT, path: '/repos/{owner}/{path*}'}
  resource: Repo
  groups: [content, content, publish]
  access: write
  context: {path: {from: path.path}}
  summary: Write {path}
  undo: {how: hard, note: Public.}
  show: {content: {from: 'json:/content', as: base64-text}, note: {from: 'json:/note'}}
  risk: step_up
  approval: {ttl: 2m, mode: reject}
  bind: {body: decoded}
  redact: ['json:/content']
  secret: ['json:/key']
  outcome: {failed_when: {'json:/ok': false, 'json:/code': 7, 'json:/w': no}}
  upgrade: [websocket]
  opaque_ids: accept
- {id: a, match: {method: [GET, HEAD], path: /a}, summary: A}
- {id: b, match: {method: [GET, POST], path: /b}, summary: B}
- {id: c, match: {path: /c}, summary: C}
- {id: d, match: {method: DELETE, path: /d}, access: read, summary: D, bind: {volatile: []}}
"""
REST = """
resources: {Repo: '{owner}'}
defaults:
  bind: {volatile: ['header:Idempotency-Key']}
  approval: {quorum: 2}
  redact: ['json:/pin']
  secret: ['json:/cvc']
"""


def actions() -> dict[str, Action]:
    (service,) = shop(FULL, REST).services.values()
    return {action.id: action for action in service.actions}


def test_an_action_in_full() -> None:
    made = actions()["repo/put_file"]
    assert made.name == "/shop/repo/put_file"
    assert made.title == "Put a file"
    assert made.groups == ("content", "publish")
    assert made.risk is Risk.STEP_UP
    assert made.asking.approval == Approval(ttl=120, quorum=2, mode=Mode.REJECT)
    assert made.bind == Bind("decoded", ("header:Idempotency-Key",))
    assert made.redact == ("json:/pin", "json:/content")
    assert made.secret == ("json:/cvc", "json:/key")
    assert made.show == {"content": ("json:/content", "base64-text"), "note": ("json:/note", "text")}
    assert made.undo == Undo("hard", "Public.")
    assert made.outcome == {"json:/ok": False, "json:/code": 7, "json:/w": "no"}
    assert made.upgrade == {"websocket"}
    assert made.accepts_opaque


def test_a_method_alone_makes_a_read_only_where_all_of_them_read() -> None:
    made = actions()
    assert {name: action.access for name, action in made.items()} == {
        "repo/put_file": "write",
        "a": "read",
        "b": "write",
        "c": "write",
        "d": "read",
    }
    assert made["a"].title == "A"
    assert made["a"].risk is Risk.LOW
    assert made["d"].bind.volatile == ()


PLAIN = "- {id: x, match: {method: POST, path: '/a/{n}'}, summary: X%s}"


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (PLAIN % ", sumary: y", 'The action "x" has no "sumary". Did you mean "summary"?'),
        (PLAIN % ", groups: [destructve]", 'Did you mean "destructive"?'),
        (PLAIN % ", groups: [write]", "Write access: write."),
        (PLAIN % ", groups: [unmatched]", "cannot be 'unmatched'"),
        (PLAIN % ", access: execute", "Known are: read, write."),
        (PLAIN % ", risk: high", "Known are: forbid, low, step_up."),
        (PLAIN % ", resource: Xyz", "Known are: Host, Repo"),
        (PLAIN % ", resource: Repo", "has no owner to name its Repo with"),
        (PLAIN % ", approval: {batch: '{ownr}'}", "has no ownr to name its batch with"),
        (PLAIN % ", undo: {how: maybe}", "Known are: easy, hard, never."),
        (PLAIN % ", undo: {how: easy, nte: x}", 'Did you mean "note"?'),
        (PLAIN % ", show: {a: {from: path.n}}", "cannot be shown"),
        (PLAIN % ", show: {a: {from: 'json:/a', as: html}}", "cannot be 'html'"),
        (PLAIN % ", outcome: {failed_when: {'status': 200}}", "cannot be read in an answer"),
        (PLAIN % ", outcome: {failed_wen: {}}", 'needs "failed_when"'),
        (PLAIN % ", show: {a: {from: 'json:/a'}}, secret: ['json:/a/b']", "shows 'json:/a', which is secret"),
        (PLAIN % ", upgrade: [h2c]", "cannot be 'h2c'"),
        (PLAIN % ", context: {a: {from: path.m}}", 'reads the capture "m", which no path has'),
        (PLAIN % ", context: {a: {from: 'yaml:Key'}}", "'yaml:Key' does not say where to read"),
        ("- {id: X, match: {path: /a}, summary: X}", "cannot be an action's id"),
        ("- {id: unmatched/read, match: {path: /a}, summary: X}", "cannot be an action's id"),
        ("- {id: x, match: {path: /a}}", 'needs "summary"'),
        ("- {id: x, summary: X}", 'needs "match"'),
        ("- {id: x, match: {method: GET}, summary: X}", "without a path needs a condition"),
        ("- {match: {path: /a}, summary: X}", 'needs "id"'),
        ("- x", "must be a mapping"),
    ],
)
def test_wrong_actions_are_errors_with_their_place(action: str, says: str) -> None:
    said = problems(action, "resources: {Repo: '{owner}'}")
    assert says in said
    assert "shop.yaml:8:" in said


def test_a_batch_may_be_named_by_what_is_captured_or_read_and_a_default_need_not_fit() -> None:
    known = ", approval: {batch: '{n}/{a}/{host}'}, context: {a: {from: 'json:/a'}}"
    for more, around in ((known, ""), ("", "defaults: {approval: {batch: '{owner}'}}")):
        made = library(template(PLAIN % more, around)).services["shop"].actions
        assert made[0].asking.batch is not None


MONEY = "context: {m: {type: money, amount: 'json:/a', currency: 'json:/c'}}"


@pytest.mark.parametrize(
    ("more", "used"),
    [
        (", context: {a: {from: 'json:/a'}}, bind: {volatile: ['json:/a']}", "json:/a"),
        (", context: {a: {from: 'arg:a'}}, bind: {volatile: ['form:a']}", "arg:a"),
        (", context: {a: {from: 'json:/a'}}, bind: {volatile: ['arg:a']}", "json:/a"),
        (", context: {a: {from: 'header:Account'}}, bind: {volatile: ['header:account']}", "header:Account"),
        (f", bind: {{volatile: ['json:/c']}}, {MONEY}", "json:/c"),
    ],
)
def test_a_volatile_value_that_decides_is_refused(more: str, used: str) -> None:
    assert f"reads '{used}', which is volatile" in problems(PLAIN % more)


def test_a_volatile_value_that_matches_is_refused() -> None:
    where = "- {id: x, match: {path: /a, where: {'query:q': x}}, summary: X, bind: {volatile: ['query:q']}}"
    assert "which is volatile" in problems(where)
    default = "defaults: {bind: {volatile: ['header:Account']}}"
    assert "which is volatile" in problems(PLAIN % ", context: {a: {from: 'header:Account'}}", default)


@pytest.mark.parametrize("what", ["redact", "secret"])
def test_a_hidden_value_cannot_stand_in_the_context(what: str) -> None:
    more = f", context: {{a: {{from: 'json:/card/number'}}}}, {what}: ['json:/card']"
    assert "take it out of one of the two" in problems(PLAIN % more)
