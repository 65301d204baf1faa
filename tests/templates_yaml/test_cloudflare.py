"""Cloudflare's template against every change that its official client can make."""

import json

import pytest

from gateway.errors import Refusal
from tests.templates_yaml import walk

JSON = "application/json"
HOST = "api.cloudflare.com"
CLOUDFLARE = walk.Walk("cloudflare", HOST, usual=(JSON, b"{}"))
asked = CLOUDFLARE.asked
ACCOUNT = f"{HOST}/client/v4/accounts/a1"
ZONE = f"{HOST}/client/v4/zones/z1"


def risk_of(method: str, url: str, body: bytes = b"", kind: str = JSON) -> str:
    try:
        return asked(method, url, body, kind).risk
    except Refusal:
        return "refused"


LOW = {
    "/cloudflare/pages/purge_build_cache": "only the next build is slower",
    "/cloudflare/cache/purge_files": "of the named files, which the origin has",
    "/cloudflare/registrar/check": "asks whether a domain can be had, and orders nothing",
    "/cloudflare/kv/read_many": "reads, by POST",
    "/cloudflare/observability/query": "searches logs, by POST",
}


class TestPromises(walk.Promises):
    walk = CLOUDFLARE
    least = 1400
    low = LOW


@pytest.mark.parametrize(
    "body",
    [
        b'{"purge_everything": true}',
        b'{"purge_everything": false}',
        b'{"files": ["https://a.test/x"], "purge_everything": true}',
        b'{"files": ["https://a.test/x"], "Purge_Everything": true}',
        b'{"files": ["https://a.test/x"], "hosts": ["a.test"]}',
        b'{"hosts": ["a.test"]}',
        b'{"prefixes": ["a.test/x"]}',
        b'{"tags": ["x"]}',
        b'{"files": ["https://a.test/x"], "files": ["https://a.test/y"]}',
        b"{}",
        b"files",
    ],
)
def test_only_named_files_are_purged_unasked(body: bytes) -> None:
    url = f"{ZONE}/purge_cache"
    assert risk_of("POST", url, b'{"files": ["https://a.test/x"]}') == "low"
    assert risk_of("POST", url, body) in {"step_up", "refused"}


@pytest.mark.parametrize(
    ("method", "url", "action"),
    [
        ("GET", f"{ACCOUNT}/cfd_tunnel/t1/token", "tunnel/token"),
        ("POST", f"{ACCOUNT}/cfd_tunnel/t1/management", "tunnel/token"),
        ("GET", f"{ACCOUNT}/warp_connector/t1/token", "tunnel/token"),
        ("GET", f"{ACCOUNT}/challenges/widgets/w1", "widget/read"),
        ("GET", f"{ACCOUNT}/stream/live_inputs/i1", "stream/live_input"),
        ("GET", f"{ACCOUNT}/images/v1/keys", "image_key/read"),
        ("GET", f"{ACCOUNT}/secondary_dns/tsigs/k1", "tsig/read"),
        ("GET", f"{ACCOUNT}/pages/projects/p1/upload-token", "pages/upload_token"),
        ("POST", f"{ACCOUNT}/tokens", "api_token/create"),
        ("PUT", f"{HOST}/client/v4/user/tokens/t1/value", "api_token/roll"),
        ("POST", f"{ACCOUNT}/r2/temp-access-credentials", "bucket/temporary_credentials"),
    ],
)
def test_who_gets_a_secret_is_asked_about(method: str, url: str, action: str) -> None:
    unit = asked(method, url, b"" if method == "GET" else b"{}")
    assert (unit.action, unit.risk) == (f"/cloudflare/{action}", "step_up")
    assert "credential" in unit.groups


@pytest.mark.parametrize("end", ["", "/", "%2F", "/."])
@pytest.mark.parametrize(
    "path",
    ["cfd_tunnel/t1/token", "challenges/widgets/w1", "images/v1/keys", "secondary_dns/tsigs", "audit_logs"],
)
def test_no_spelling_of_such_a_read_passes_unasked(path: str, end: str) -> None:
    assert risk_of("GET", f"{ACCOUNT}/{path}{end}") in {"step_up", "refused"}


@pytest.mark.parametrize(
    ("url", "body", "hidden"),
    [
        (f"{ACCOUNT}/workers/scripts/w1/secrets", {"name": "KEY", "text": "hush"}, "json:/text"),
        (f"{ACCOUNT}/workers/scripts/w1/secrets-bulk", {"secrets": {"K": {"text": "hush"}}}, "json:/secrets"),
        (f"{ACCOUNT}/secrets_store/stores/s1/secrets", [{"name": "a", "value": "hush"}], "json:/*/value"),
        (f"{ACCOUNT}/hyperdrive/configs", {"origin": {"password": "hush"}}, "json:/origin/password"),
        (f"{ZONE}/custom_certificates", {"private_key": "hush"}, "json:/private_key"),
        (
            f"{ACCOUNT}/access/identity_providers",
            {"config": {"client_secret": "hush"}},
            "json:/config/client_secret",
        ),
    ],
)
def test_secrets_are_seen_by_nobody(url: str, body: object, hidden: str) -> None:
    method = "PATCH" if url.endswith("bulk") else "PUT" if "/scripts/" in url else "POST"
    unit = asked(method, url, json.dumps(body).encode())
    assert hidden in unit.secret
    assert "credential" in unit.groups


def test_the_object_is_in_its_bucket_and_the_bucket_in_its_account() -> None:
    unit = asked("DELETE", f"{ACCOUNT}/r2/buckets/b1/objects/a/b%2Fc")
    assert unit.action == "/cloudflare/object/delete"
    assert str(unit.resource) == 'Cloudflare::Bucket::"a1/b1"'
    assert [str(each) for each in unit.parents[unit.resource]] == ['Cloudflare::Account::"a1"']


def test_an_account_has_one_name_whatever_its_case() -> None:
    unit = asked("DELETE", f"{HOST}/client/v4/accounts/ABC")
    assert str(unit.resource) == 'Cloudflare::Account::"abc"'


@pytest.mark.parametrize("area", ["access/apps", "rulesets", "subscriptions", "logpush/jobs"])
def test_what_accounts_and_zones_both_have_is_about_the_right_one(area: str) -> None:
    of_account, of_zone = (asked("POST", f"{of}/{area}", b"{}") for of in (ACCOUNT, ZONE))
    assert of_account.action == of_zone.action
    assert (of_account.resource.type, of_zone.resource.type) == ("Cloudflare::Account", "Cloudflare::Zone")
