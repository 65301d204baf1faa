"""Requests that try to be read as something milder than what their upstream would do."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Reason, Refusal
from gateway.model import EntityRef, Money, Request, Risk, summary_text
from tests.gateway.templates import making
from tests.gateway.templates.making import FORM, JSON, action, refused, request, shop, unit

REST = """
params: {owner: {fold: lower}, repo: {fold: lower}, path: {slash: encoded}, n: {pattern: "[0-9]+"}}
resources:
  Org: {id: "{owner}", at: ["/orgs/{owner}"]}
  Repo: {id: ["{owner}/{repo}", "#{n}"], in: [Org], at: ["/repos/{owner}/{repo}", "/repositories/{n}"]}
  Account: "{account}"
"""
ACTIONS = """
- id: repo/delete
  match: {method: DELETE, path: ["/repos/{owner}/{repo}", "/repositories/{n}"]}
  resource: Repo
  groups: [destructive]
  risk: step_up
  summary: "Delete [{owner}/{repo}][#{n}]"
  approval: {batch: "{owner}"}
- id: repo/put
  match: {method: PUT, path: "/repos/{owner}/{repo}/contents/{path*}"}
  resource: Repo
  context: {path: {from: path.path}}
  summary: "Write {path}"
- {id: repo/get, match: {method: GET, path: "/repos/{owner}/{repo}"}, resource: Repo, summary: Look}
- id: release
  match: {method: POST, path: "/repos/{owner}/{repo}/releases"}
  resource: Repo
  summary: Release
- id: draft
  match: {method: POST, path: "/repos/{owner}/{repo}/releases", where: {"json:/draft": true}}
  resource: Repo
  summary: Draft
- id: pay
  match: {method: POST, path: /pay}
  resource: Account
  groups: [payment]
  context:
    account: {from: "header:Account", default: main}
    money: {type: money, amount: "arg:amount", currency: "arg:currency"}
  summary: "Pay {money|or:all}"
- id: note
  match: {method: PUT, path: /note}
  resource: Account
  context: {account: {from: "json:/account"}}
  summary: Note
- {id: exec, match: {method: GET, path: "/exec/{n}"}, access: write, upgrade: [websocket], summary: Exec}
- {id: watch, match: {method: GET, path: "/watch/{n}"}, upgrade: [websocket], summary: Watch}
- {id: only, match: {method: DELETE, path: "/b/{n}"}, query_only: [v], summary: Only}
- id: vhost
  match: {method: PUT, host: "{bucket*}.up.shop.test", path: "/{path*}"}
  summary: "Put {path} in {bucket}"
- id: open
  match: {method: PATCH, path: "/repositories/{n}"}
  resource: Repo
  opaque_ids: accept
  summary: Open
"""
SHOP = shop(ACTIONS, REST)


def test_a_request_becomes_a_unit() -> None:
    made = unit(SHOP, request("DELETE", "/repos/ACME/Site"))
    assert made.action == "/shop/repo/delete"
    assert made.resource == EntityRef("Shop::Repo", "acme/site")
    assert made.parents == {
        EntityRef("Shop::Repo", "acme/site"): (EntityRef("Shop::Org", "acme"),),
        EntityRef("Shop::Org", "acme"): (),
    }
    assert made.groups == ("destructive",)
    assert made.access == "write"
    assert made.risk is Risk.STEP_UP
    assert summary_text(made.summary) == "Delete acme/site"
    assert made.approval.batch == "acme"
    assert unit(SHOP, request("DELETE", "/repositories/42")).approval.batch is None


def test_money_and_its_account() -> None:
    sent = request("POST", "/pay", "amount=600&currency=jpy", {**FORM, "Account": "acct_1"})
    made = unit(SHOP, sent)
    assert made.context == {"account": "acct_1", "money": Money("jpy", 600, 0)}
    assert made.resource == EntityRef("Shop::Account", "acct_1")
    assert summary_text(unit(SHOP, request("POST", "/pay", headers=FORM)).summary) == "Pay all"


def test_a_resource_that_is_not_named_is_refused() -> None:
    assert "Account" in refused(SHOP, request("PUT", "/note", "{}", JSON))
    assert "Account" in refused(SHOP, request("PUT", "/note", '{"account": ""}', JSON))


# --- the path


@pytest.mark.parametrize(
    "target", ["/repos/acme/s%69te", "/%72epos/acme/site", "/repos/%61cme/site?x=%2F..", "/repos/acme/site?"]
)
def test_percent_encoding_of_plain_letters_does_not_hide_an_action(target: str) -> None:
    assert action(SHOP, request("DELETE", target)) == "repo/delete"


@pytest.mark.parametrize(
    "target",
    [
        "/repos/acme/x/../site",
        "/repos/acme/%2e%2e/x/site",
        "/repos/./acme/site",
        "/repos//acme/site",
        "//repos/acme/site",
        "/repos/acme/site%2f..",
        "/repos/acme/site/%2e",
        "/repos\\acme\\site",
        "/repos/acme/site;x",
        "/repos/acme/site%00",
        "/repos/acme/site#x",
        "repos/acme/site",
        "*",
        "",
        "http://api.shop.test/repos/acme/site",
        "/repos/acme/%252e%252e",
    ],
)
def test_dot_segments_and_other_spellings_are_refused(target: str) -> None:
    refused(SHOP, request("DELETE", target))


def test_encoded_slashes_are_refused_where_they_are_not_declared() -> None:
    refused(SHOP, request("PUT", "/repos/acme/si%2Fte/contents/a"))
    refused(SHOP, request("DELETE", "/repos/acme%2Fsite"))
    refused(SHOP, request("GET", "/anything/a%2Fb"))
    assert unit(SHOP, request("PUT", "/repos/acme/site/contents/a%2Fb/c")).context == {"path": "a/b/c"}


def test_a_trailing_slash_is_another_path() -> None:
    assert action(SHOP, request("DELETE", "/repos/acme/site/")) == "unmatched/write"
    assert action(SHOP, request("PUT", "/repos/acme/site/contents/a/")) == "unmatched/write"


def test_case_of_literals_counts_and_of_folded_captures_does_not() -> None:
    assert action(SHOP, request("DELETE", "/REPOS/acme/site")) == "unmatched/write"
    one, two = (unit(SHOP, request("DELETE", f"/repos/{name}")) for name in ("acme/site", "ACME/SITE"))
    assert one == two


def test_letters_that_fold_to_another_name_are_refused() -> None:
    assert "case" in refused(SHOP, request("DELETE", "/repos/%E2%84%AAube/site"))
    assert "case" in refused(SHOP, request("GET", "/repos/%E2%84%AAube/site/hooks"))


# --- the method


@pytest.mark.parametrize("method", ["delete", "Delete", "DELETE ", "", "DÉLETE", "D\x00", "GET\r\n", "1"])
def test_a_method_in_another_spelling_is_refused(method: str) -> None:
    refused(SHOP, request(method, "/repos/acme/site"))


@pytest.mark.parametrize(
    "name",
    [
        "X-HTTP-Method-Override",
        "x-http-method",
        "X-METHOD-OVERRIDE",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X_HTTP_METHOD_OVERRIDE",
    ],
)
def test_override_headers_are_refused(name: str) -> None:
    refused(SHOP, request("GET", "/repos/acme/site", headers={name: "DELETE"}))


@pytest.mark.parametrize(
    "query", ["_method=DELETE", "a=1&_METHOD=delete", "%5Fmethod=DELETE", "_method[]=DELETE", "%5fMethod"]
)
def test_method_overrides_in_the_query_are_refused(query: str) -> None:
    assert "_method" in refused(SHOP, request("GET", f"/repos/acme/site?{query}"))


def test_a_websocket_upgrade_is_a_write_unless_the_action_knows_it() -> None:
    upgrade = {"Upgrade": "WebSocket", "Connection": "upgrade"}
    assert action(SHOP, request("GET", "/repos/acme/site", headers=upgrade)) == "unmatched/write"
    assert action(SHOP, request("GET", "/else", headers=upgrade)) == "unmatched/write"
    assert action(SHOP, request("GET", "/exec/1", headers=upgrade)) == "exec"
    assert action(SHOP, request("GET", "/watch/1", headers=upgrade)) == "watch"
    assert (
        action(SHOP, request("GET", "/watch/1", headers={"Upgrade": "websocket, h2c"})) == "unmatched/write"
    )


@pytest.mark.parametrize(
    ("method", "access"),
    [("GET", "read"), ("HEAD", "read"), ("OPTIONS", "read"), ("POST", "write"), ("PURGE", "write")],
)
def test_what_no_action_names_has_a_floor(method: str, access: str) -> None:
    made = unit(SHOP, request(method, "/nothing/here?token=x"))
    assert made.action == f"/shop/unmatched/{access}"
    assert made.groups == ("unmatched",)
    assert made.resource == EntityRef("Shop::Host", "api.shop.test")
    assert summary_text(made.summary) == f"{method} api.shop.test/nothing/here"


def test_unmatched_requests_name_the_deepest_resource() -> None:
    made = unit(SHOP, request("GET", "/repos/Secret/x/hooks"))
    assert made.resource == EntityRef("Shop::Repo", "secret/x")
    assert made.risk is Risk.LOW


def test_a_resource_whose_parent_is_hidden_behind_an_id_steps_up() -> None:
    assert unit(SHOP, request("GET", "/repositories/42/hooks")).risk is Risk.STEP_UP
    assert unit(SHOP, request("PATCH", "/repositories/42")).risk is Risk.LOW


# --- the body


RELEASES = "/repos/a/b/releases"


def test_a_garbled_body_never_falls_through_to_a_laxer_rule() -> None:
    assert action(SHOP, request("POST", RELEASES, '{"draft": true}', JSON)) == "draft"
    assert action(SHOP, request("POST", RELEASES, '{"draft": "false"}', JSON)) == "release"
    assert action(SHOP, request("POST", RELEASES)) == "release"
    for body in (
        '{"draft":',
        '{"draft": true, "draft": false}',
        '{"draft": true, "Draft": false}',
        '{"DRAFT": true}',
        "\xff",
    ):
        refused(SHOP, request("POST", RELEASES, body.encode("latin-1"), JSON))
    refused(SHOP, request("POST", RELEASES, '{"draft": true}', {"Content-Type": "text/plain"}))
    refused(SHOP, request("POST", RELEASES, '{"draft": true}', {}))
    refused(
        SHOP,
        request(
            "POST",
            RELEASES,
            '{"draft": true}',
            (("Content-Type", "application/json"), ("Content-Type", "text/plain")),
        ),
    )
    refused(SHOP, request("POST", RELEASES, b"{}", {**JSON, "Content-Encoding": "gzip"}))
    refused(
        SHOP,
        request(
            "POST", RELEASES, '{"draft": true}', {**JSON, "Content-Encoding": "gzip, identity, br, gzip"}
        ),
    )


@pytest.mark.parametrize(
    "body",
    [
        "amount=1&amount=99999&currency=usd",
        "amount=1&Amount=99999&currency=usd",
        "amount=1&amount[]=2&currency=usd",
        "amount=-600&currency=usd",
        "amount=6e2&currency=usd",
        "amount=1;amount=2&currency=usd",
        "amount=%ff&currency=usd",
    ],
)
def test_duplicate_and_disguised_form_amounts_are_refused(body: str) -> None:
    refused(SHOP, request("POST", "/pay", body, FORM))


def test_an_amount_in_query_and_body_is_refused() -> None:
    refused(SHOP, request("POST", "/pay?amount=1", "amount=600&currency=usd", FORM))
    refused(SHOP, request("POST", "/pay?amount=1", '{"amount": 600, "currency": "usd"}', JSON))


def test_a_body_nobody_reads_is_not_decoded() -> None:
    assert action(SHOP, request("DELETE", "/repos/acme/site", "{garbled", JSON)) == "repo/delete"
    assert action(SHOP, request("POST", "/x", "{garbled", JSON)) == "unmatched/write"


def test_query_only_keeps_other_operations_out() -> None:
    assert action(SHOP, request("DELETE", "/b/1?v=2")) == "only"
    assert action(SHOP, request("DELETE", "/b/1?analytics")) == "unmatched/write"


# --- the host


def test_host_captures_and_hosts_of_one_action() -> None:
    made = unit(SHOP, request("PUT", "/k/1", host="a.b.up.shop.test"))
    assert summary_text(made.summary) == "Put k/1 in a.b"
    assert action(SHOP, request("DELETE", "/repos/acme/site", host="a.up.shop.test")) == "unmatched/write"
    assert action(SHOP, request("PUT", "/k/1")) == "unmatched/write"


@pytest.mark.parametrize(
    "host", ["API.shop.test", "api.shop.test.", "аpi.shop.test", "api.shop.test@evil.test", "A.up.shop.test"]
)
def test_confusable_hosts_are_unmapped(host: str) -> None:
    with pytest.raises(Refusal) as caught:
        SHOP.map(request(host=host))
    assert caught.value.reason is Reason.UNMAPPED


# --- any input

TARGETS = st.text(max_size=30) | st.lists(
    st.sampled_from(
        [
            "repos",
            "acme",
            "site",
            "contents",
            "releases",
            "pay",
            "%2e",
            "..",
            "%2F",
            "",
            "?",
            "&",
            "amount=1",
            "_method=x",
        ]
    ),
    max_size=7,
).map(lambda parts: "/" + "/".join(parts))
BODIES = st.binary(max_size=40) | st.sampled_from(
    [b'{"draft":true}', b"amount=1&currency=usd", b'{"amount":', b'{"amount":1}']
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["Content-Type", "content-type", "Content-Encoding", "Upgrade", "Account", "X-A"]),
        st.sampled_from(
            [
                "application/json",
                "application/x-www-form-urlencoded",
                "gzip",
                "br",
                "websocket",
                "a;b",
                "\xff",
            ]
        ),
    ),
    max_size=3,
).map(tuple)


@settings(max_examples=400)
@given(st.sampled_from(["GET", "POST", "PUT", "DELETE", "x", ""]), TARGETS, BODIES, HEADERS)
def test_any_request_is_mapped_or_refused(
    method: str, target: str, body: bytes, headers: making.Headers
) -> None:
    sent = request(method, target, body, headers)
    try:
        mapped = SHOP.map(sent)
        assert len(mapped.units) == 1
        assert SHOP.body(sent).kind in {"none", "json", "form", "opaque"}
    except Refusal as refusal:
        reason = refusal.reason
        assert reason in {Reason.AMBIGUOUS_REQUEST, Reason.BODY_TOO_LARGE}


def test_a_plain_read_is_mapped_fast() -> None:
    sent: Request = request("GET", "/repos/acme/site", headers={"Host": "api.shop.test", "Accept": "*/*"})
    best = min(_seconds(sent) for _ in range(30))
    assert best < 0.0006, "ten times what it takes on a quiet machine"


def _seconds(sent: Request) -> float:
    start = time.perf_counter()
    for _ in range(20):
        SHOP.map(sent)
    return (time.perf_counter() - start) / 20


VERBS = """
- id: verb
  match: {method: POST, path: '/v1/{name*}:{verb}'}
  resource: Thing
  summary: '{verb} {name}'
- id: look
  match: {method: POST, path: '/v1/{name*}:get'}
  resource: Thing
  summary: 'Look at {name}'
"""


@pytest.mark.parametrize(
    ("target", "named", "resource", "said"),
    [
        ("/v1/a/b:delete", "verb", "a/b", "delete a/b"),
        ("/v1/a:get:delete", "verb", "a:get", "delete a:get"),
        ("/v1/a/b:get", "look", "a/b", "Look at a/b"),
        ("/v1/a/b%3Adelete", "verb", "a/b", "delete a/b"),
        ("/v1/a:get/b:delete", "verb", "a:get/b", "delete a:get/b"),
    ],
)
def test_a_verb_is_what_follows_the_last_colon_however_many_stand_before_it(
    target: str, named: str, resource: str, said: str
) -> None:
    found = unit(shop(VERBS, "resources: {Thing: '{name}'}"), request("POST", target))
    assert found.action == f"/shop/{named}"
    assert str(found.resource) == f'Shop::Thing::"{resource}"'
    assert summary_text(found.summary) == said
