from pathlib import Path
from textwrap import dedent

import pytest

from gateway.errors import ConfigErrors
from gateway.model import Mode, Risk
from gateway.templates import Library
from gateway.templates.language import TooLarge
from tests.gateway.templates.making import action, request, unit

SHOP = """\
format: 1
service: shop
namespace: Shop
version: 1.2.3
vars: {hosts: {type: hosts, default: [api.shop.test]}}
hosts: ["${hosts}"]
resources:
  Order: {id: "{order}", at: ["/orders/{order}"]}
defaults:
  approval: {ttl: 45s, quorum: 2}
decode:
  - body: {application/json: json}
actions:
  - id: refund
    match: {method: POST, path: "/orders/{order}/refund"}
    resource: Order
    groups: [payment]
    risk: step_up
    redact: ["json:/note"]
    context: {to: {from: "json:/to"}}
    summary: "Refund {order}[ to {to}]"
    examples:
      - {request: {method: POST, url: "https://api.shop.test/orders/7/refund"}, expect: {risk: step_up}}
  - id: order/read
    match: {method: GET, path: "/orders/{order}"}
    resource: Order
    summary: "Read {order}"
    examples:
      - {request: {method: GET, url: "https://api.shop.test/orders/7"}, expect: {risk: low}}
unmatched: {read: low, write: step_up}
"""

JSON = {"Content-Type": "application/json"}


class Files:
    """A template and its overlays in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "shop.yaml").write_text(SHOP, encoding="utf-8")

    def load(self, *overlays: str, head: str = 'overlay: shop\nrequires: ">=1.2 <2"\n') -> Library:
        paths = []
        for number, text in enumerate(overlays):
            path = self.folder / f"over-{number}.yaml"
            path.write_text(head + dedent(text), encoding="utf-8")
            paths.append(path)
        return Library.load([self.folder / "shop.yaml"], {}, {"shop": paths})

    def wrong(self, *overlays: str, head: str = 'overlay: shop\nrequires: ">=1.2 <2"\n') -> str:
        with pytest.raises(ConfigErrors) as caught:
            self.load(*overlays, head=head)
        return str(caught.value)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_an_overlay_forbids_one_action_and_leaves_the_others(files: Files) -> None:
    made = files.load("actions: [{id: refund, risk: forbid}]")
    found = unit(made, request("POST", "/orders/7/refund", "{}", JSON))
    assert (found.risk, found.groups) == (Risk.FORBID, ("payment",))
    assert found.approval.quorum == 2
    assert unit(made, request("GET", "/orders/7")).risk is Risk.LOW
    assert made.loosened() == ()


def test_what_is_added_joins_what_the_template_has(files: Files) -> None:
    made = files.load(
        """
        actions:
          - id: refund
            groups: [destructive]
            redact: ["json:/name"]
            secret: ["json:/card"]
            approval: {quorum: 3, ttl: 30s, mode: reject, hold_for: 10s, single_use: true}
            bind: {volatile: []}
        """
    )
    found = unit(made, request("POST", "/orders/7/refund", "{}", JSON))
    assert found.groups == ("payment", "destructive")
    assert found.redact == ("json:/note", "json:/name")
    assert found.secret == ("json:/card",)
    asked = found.approval
    assert (asked.quorum, asked.ttl, asked.mode, asked.hold_for, asked.single_use) == (
        3,
        30,
        Mode.REJECT,
        10,
        True,
    )


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("{id: refund, risk: low}", "its risk is low, not step_up"),
        ("{id: refund, access: read}", "counts as a read"),
        ("{id: refund, approval: {quorum: 1}}", "1 must sign, not 2"),
        ("{id: refund, approval: {ttl: 5m}}", "300s, longer than 45s"),
        ("{id: refund, approval: {mode: hold}}", "its mode is hold"),
        ("{id: refund, approval: {batch: '{order}'}}", "in a batch"),
        ("{id: refund, bind: {body: decoded}}", "bound as decoded"),
        ("{id: refund, bind: {volatile: ['header:X-A']}}", '"header:X-A" may change'),
        ("{id: refund, opaque_ids: accept}", "opaque"),
        ("{id: refund, title: Nothing special}", 'it changes "title"'),
        ("{id: refund, summary: Say hello}", 'it changes "summary"'),
        ("{id: refund, context: {to: {from: 'json:/from'}}}", 'it changes "context"'),
        ("{id: refund, match: {method: PUT, path: '/no/{order}'}}", 'it changes "match"'),
        ("{id: order/read, resource: Host}", "another resource"),
    ],
)
def test_an_overlay_that_loosens_without_a_reason_is_refused_where_it_stands(
    files: Files, entry: str, why: str
) -> None:
    told = files.wrong(f"actions:\n  - {entry}")
    assert why in told
    assert "over-0.yaml:4:5" in told
    assert 'loosen: "…"' in told


def test_what_is_loosened_with_a_reason_loads_and_shows_as_such(files: Files) -> None:
    made = files.load('actions: [{id: refund, risk: low, loosen: "Refunds are capped upstream."}]')
    (found,) = made.loosened()
    assert (found.action, found.reason) == ("/shop/refund", "Refunds are capped upstream.")
    assert found.what == "its risk is low, not step_up"
    assert found.place.file.endswith("over-0.yaml")
    shown = {info.id: info.loosened for info in made.actions()}
    assert shown["/shop/refund"] == (found,)
    assert shown["/shop/order/read"] == ()
    assert unit(made, request("POST", "/orders/7/refund", "{}", JSON)).risk is Risk.LOW


def test_a_reason_where_nothing_is_looser_shows_nothing(files: Files) -> None:
    assert files.load('actions: [{id: refund, risk: forbid, loosen: "x"}]').loosened() == ()


@pytest.mark.parametrize("reason", ['""', '"  "', f'"{"x" * 201}"'])
def test_a_reason_that_says_nothing_is_none(files: Files, reason: str) -> None:
    assert '"loosen" must be a reason' in files.wrong(
        f"actions: [{{id: refund, risk: low, loosen: {reason}}}]"
    )


def test_a_second_overlay_may_not_take_back_what_the_first_demands(files: Files) -> None:
    told = files.wrong("actions: [{id: refund, risk: forbid}]", "actions: [{id: refund, risk: step_up}]")
    assert "its risk is step_up, not forbid" in told
    assert "over-1.yaml" in told


# New actions. ----------------------------------------------------------------------------------------------

NARROW = """
actions:
  - id: order/refund_big
    match: {{method: POST, path: "/orders/{{order}}/refund", where: {{"json:/to": bank}}}}
    resource: Order
    groups: [payment]
    risk: {risk}
    redact: ["json:/note"]
    context: {{to: {{from: "json:/to"}}}}
    summary: "Refund {{order}} to a bank"
    {more}
"""


def test_a_narrower_action_takes_its_part(files: Files) -> None:
    made = files.load(NARROW.format(risk="forbid", more=""))
    assert action(made, request("POST", "/orders/7/refund", '{"to": "bank"}', JSON)) == "order/refund_big"
    assert action(made, request("POST", "/orders/7/refund", '{"to": "card"}', JSON)) == "refund"
    assert made.loosened() == ()


def test_a_new_action_is_no_easier_way_past_a_stricter_one(files: Files) -> None:
    told = files.wrong(NARROW.format(risk="low", more=""))
    assert 'it wins over "refund", and its risk is low, not step_up' in told
    made = files.load(NARROW.format(risk="low", more='loosen: "The bank asks again."'))
    assert [found.action for found in made.loosened()] == ["/shop/order/refund_big"]


@pytest.mark.parametrize(
    ("without", "why"),
    [
        ("    groups: [payment]\n", 'not in the group "payment"'),
        ("    resource: Order\n", "another resource"),
        ('    redact: ["json:/note"]\n', "does not redact"),
        ('    context: {to: {from: "json:/to"}}\n', 'no context "to"'),
    ],
)
def test_a_new_action_that_policies_would_not_find_is_looser(files: Files, without: str, why: str) -> None:
    whole = NARROW.format(risk="step_up", more="")
    assert without in whole
    assert why in files.wrong(whole.replace(without, ""))


@pytest.mark.parametrize(
    ("method", "risk", "why"),
    [
        ("POST", "low", "where no action matched, its risk is low, not step_up"),
        ("POST", "step_up", None),
        ("GET", "low", None),
        ("[GET, POST]", "low", "where no action matched"),
        (None, "low", "where no action matched"),
    ],
)
def test_a_new_action_does_not_undercut_what_no_action_named(
    files: Files, method: str | None, risk: str, why: str | None
) -> None:
    match = f'{{path: "/carts/{{cart}}"{f", method: {method}" if method else ""}}}'
    text = f'actions: [{{id: cart/do, match: {match}, risk: {risk}, summary: "Do {{cart}}"}}]'
    if why is None:
        assert files.load(text).loosened() == ()
    else:
        assert why in files.wrong(text)


BESIDE = """
actions:
  - {{id: any, match: {{method: [POST, PUT], path: "/orders/7/refund"}}, summary: Any, {}}}
"""


def test_an_action_beside_another_without_an_order_is_a_load_error_in_the_overlay(files: Files) -> None:
    told = files.wrong(BESIDE.format("risk: forbid"))
    assert "both match POST https://api.shop.test/orders/7/refund" in told
    assert "over-0.yaml" in told


def test_an_action_over_another_is_held_against_it_without_being_inside(files: Files) -> None:
    told = files.wrong(BESIDE.format("over: [refund]"))
    assert 'it wins over "refund"' in told
    assert "where no action matched" in told


# What does not fit. ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        ("{id: refnd, risk: forbid}", 'Did you mean "refund"?'),
        ("{id: /shop/refund, risk: forbid}", 'Did you mean "refund"?'),
        ("{id: zebra, risk: forbid}", 'A new action needs "match" and "summary".'),
    ],
)
def test_an_id_that_nothing_has_is_an_error_with_the_likely_one(files: Files, entry: str, hint: str) -> None:
    told = files.wrong(f"actions:\n  - {entry}")
    assert "has no action" in told
    assert hint in told
    assert "over-0.yaml:4:5" in told


def test_a_misspelt_key_is_found_in_the_overlay(files: Files) -> None:
    told = files.wrong("actions:\n  - id: refund\n    riks: forbid")
    assert "over-0.yaml:5:5" in told
    assert 'Did you mean "risk"?' in told


def test_a_wrong_value_is_found_in_the_overlay(files: Files) -> None:
    assert "over-0.yaml:5:11" in files.wrong("actions:\n  - id: refund\n    risk: forbidden")
    assert "over-0.yaml" in files.wrong('actions: [{id: refund, redact: ["json:/to"]}]')


@pytest.mark.parametrize(
    ("requires", "fits"),
    [
        (">=1.2 <2", True),
        (">=1.2, <2", True),
        ("=1.2.3", True),
        ("==1.2.3", True),
        (">1.2.2 <=1.2.3", True),
        (">1.2", True),
        ("<1.2.4", True),
        (">=1.3", False),
        ("<1.2.3", False),
        (">1.2.3", False),
        ("<=1.2", False),
        ("=1.2", False),
        (">=1.10", False),
    ],
)
def test_an_overlay_made_for_another_version_is_refused_with_the_way_out(
    files: Files, requires: str, fits: bool
) -> None:
    head = f'overlay: shop\nrequires: "{requires}"\n'
    if fits:
        assert files.load("", head=head).services["shop"].version == "1.2.3"
        return
    told = files.wrong("", head=head)
    assert f"The overlay requires shop {requires}, and the template is 1.2.3." in told
    assert 'then change "requires"' in told
    assert "over-0.yaml:2:11" in told


def test_an_overlay_under_another_template_is_refused(files: Files) -> None:
    told = files.wrong("", head='overlay: stripe\nrequires: ">=1"\n')
    assert 'is for "stripe", and is named under "shop"' in told


def test_two_entries_for_one_action_are_refused(files: Files) -> None:
    told = files.wrong("actions:\n  - {id: refund, risk: forbid}\n  - {id: refund, risk: low}")
    assert '"refund" stands here twice.' in told
    assert "over-0.yaml:5:5" in told


def test_an_overlay_that_is_not_there_is_an_error(files: Files) -> None:
    with pytest.raises(ConfigErrors, match="The overlay cannot be read"):
        Library.load([files.folder / "shop.yaml"], {}, {"shop": [files.folder / "gone.yaml"]})


def test_a_template_that_is_wrong_is_said_before_its_overlay(files: Files) -> None:
    (files.folder / "shop.yaml").write_text(SHOP.replace("resource: Order", "resource: Odrer"))
    told = files.wrong("actions: [{id: refund, risk: low}]")
    assert "Odrer" in told
    assert "looser" not in told


# Floors, digests, examples. --------------------------------------------------------------------------------


def test_the_floor_may_be_raised_and_not_lowered(files: Files) -> None:
    made = files.load("unmatched: {read: step_up}")
    assert unit(made, request("GET", "/elsewhere")).risk is Risk.STEP_UP
    assert unit(made, request("POST", "/elsewhere")).risk is Risk.STEP_UP
    assert "its risk is low, not step_up" in files.wrong("unmatched: {write: low}")
    loosened = files.load('unmatched: {write: low, loosen: "A sandbox."}').loosened()
    assert [found.action for found in loosened] == ["/shop/unmatched/write"]


def test_every_byte_of_an_overlay_is_in_the_digest(files: Files) -> None:
    plain = Library.load([files.folder / "shop.yaml"])
    one = files.load("actions: [{id: refund, risk: forbid}]")
    other = files.load("actions: [{id: refund, risk: forbid}] # reviewed")
    again = files.load("actions: [{id: refund, risk: forbid}]")
    digests = {made.services["shop"].digest for made in (plain, one, other)}
    assert len(digests) == 3
    assert one.digest == again.digest
    mapped = one.map(request("GET", "/orders/7"))
    assert mapped.template_digest == one.services["shop"].digest


def test_the_templates_examples_are_about_the_template_and_the_overlays_about_what_is_in_force(
    files: Files,
) -> None:
    made = files.load(
        """
        actions:
          - id: refund
            risk: forbid
            examples:
              - request: {method: POST, url: "https://api.shop.test/orders/7/refund"}
                expect: {risk: forbid}
        examples:
          - {request: {method: GET, url: "https://api.shop.test/orders/7"}, expect: {risk: forbid}}
          - vars: {hosts: [x.test]}
            request: {method: GET, url: "https://x.test/orders/7"}
            expect: {risk: low}
        """
    )
    results = made.examples()
    assert [result.ok for result in results] == [True, True, True, False, False]
    assert results[3].wrong == ("risk: 'forbid' expected, 'low' found",)
    assert "leave vars out" in results[4].wrong[0]


def test_the_operators_variables_reach_into_an_overlay(files: Files) -> None:
    path = files.folder / "over.yaml"
    path.write_text(
        'overlay: shop\nrequires: ">=1"\nactions:\n'
        '  - {id: cart, match: {host: ["${hosts}"], method: GET, path: /cart}, summary: A}\n'
    )
    made = Library.load([files.folder / "shop.yaml"], {"shop": {"hosts": ["eu.shop.test"]}}, {"shop": [path]})
    assert action(made, request("GET", "/cart", host="eu.shop.test")) == "cart"


@pytest.mark.parametrize("compared", ["both", "within"])
def test_a_comparison_that_is_too_large_counts_as_winning_and_as_inside_nothing(
    files: Files, monkeypatch: pytest.MonkeyPatch, compared: str
) -> None:
    """In doubt the new action must be as strict as what it might beat."""

    def too_large(*_: object) -> None:
        raise TooLarge

    monkeypatch.setattr(f"gateway.templates.overlaying.{compared}", too_large)
    told = files.wrong(NARROW.format(risk="low", more=""))
    assert 'it wins over "refund"' in told
    assert ("where no action matched, its risk is low" in told) is (compared == "within")
