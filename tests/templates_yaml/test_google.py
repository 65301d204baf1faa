"""Google Cloud's template against every operation of the discovery documents that it covers."""

from dataclasses import replace

import pytest

from gateway.errors import Refusal
from gateway.model import Caller, Request, Unit
from tests.templates_yaml import walk

JSON = "application/json"
STORAGE = "storage.googleapis.com"
COMPUTE = "compute.googleapis.com"
IAM = "iam.googleapis.com"
CREDENTIALS = "iamcredentials.googleapis.com"
SECRETS = "secretmanager.googleapis.com"
KMS = "cloudkms.googleapis.com"
PROJECTS = "cloudresourcemanager.googleapis.com"
MACHINE = f"{COMPUTE}/compute/v1/projects/acme/zones/eu-b/instances/web"

BUCKETS = {("GET", "/storage/v1/b"): "project=acme", ("POST", "/storage/v1/b"): "project=acme"}
GOOGLE = walk.Walk("google", STORAGE, usual=(JSON, b"{}"), bodies=BUCKETS)
asked = GOOGLE.asked


def risk_of(method: str, url: str, body: bytes = b"", kind: str = JSON, **headers: str) -> str:
    try:
        return asked(method, url, body, kind, **headers).risk
    except Refusal:
        return "refused"


LOW = {
    "/google/compute/test_permissions": "asks what one may do",
    "/google/iam/ask": "reads by POST",
    "/google/key/ask": "random bytes, a check of a signature, and what one may do",
    "/google/key/encrypt": "hands out nothing that was not sent",
    "/google/project/ask": "reads by POST",
    "/google/secret/test_permissions": "asks what one may do",
}


class TestPromises(walk.Promises):
    walk = GOOGLE
    least = 1500
    low = LOW


def with_query(request: Request, query: str) -> Request:
    return replace(request, target=f"{request.target}{'&' if '?' in request.target else '?'}{query}")


def low_operations() -> list[walk.Operation]:
    library = GOOGLE.library
    return [
        each
        for each in GOOGLE.operations()
        if any(unit.risk == "low" for unit in walk.units_of(library, GOOGLE.request(each)))
    ]


@pytest.mark.parametrize(
    "query",
    ["$httpMethod=DELETE", "$httpHeaders=X-HTTP-Method-Override:DELETE", "access_token=ya29", "key=AIza"],
)
def test_no_query_makes_another_request_of_a_low_one(query: str) -> None:
    wrong = []
    for each in low_operations():
        request = GOOGLE.request(each)
        units = walk.units_of(GOOGLE.library, with_query(request, query))
        wrong += [str(each) for unit in units if unit.risk == "low"]
    assert wrong == []


def test_the_usual_query_of_a_client_changes_nothing() -> None:
    wrong = []
    for each in low_operations():
        request = GOOGLE.request(each)
        units = walk.units_of(GOOGLE.library, with_query(request, "alt=json&prettyPrint=false&fields=name"))
        wrong += [str(each) for unit in units if unit.risk != "low"] if units else [str(each)]
    assert wrong == []


@pytest.mark.parametrize(
    "url",
    [
        f"{SECRETS}/v1/projects/acme/secrets/db/versions/latest:access",
        f"{SECRETS}/v1/projects/acme/secrets/db/versions/latest:access?alt=json",
        f"{SECRETS}/v1/projects/acme/secrets/db/versions/latest%3Aaccess",
        f"{SECRETS}/v1/projects/acme/secrets/db/versions/latest:Access",
        f"{SECRETS}/v1/projects/acme/secrets/db/versions/latest:access/",
        f"{SECRETS}/v1/projects/acme/secrets/db/versions/latest:access:",
        f"{SECRETS}/v1/projects/acme/secrets/db/versions%2Flatest:access",
        f"{SECRETS}/v1beta1/projects/acme/secrets/db/versions/latest:access",
        f"{SECRETS}/v1/projects/acme/locations/eu/secrets/db/versions/3:access",
        f"{MACHINE}/serialPort?port=1",
        f"{MACHINE}/serialPort/",
        f"{MACHINE}/SerialPort",
        f"{MACHINE}%2FserialPort",
        f"{MACHINE}/screenshot",
        f"{MACHINE}/getGuestAttributes?queryPath=a/b",
        f"{COMPUTE}/compute/beta/projects/acme/zones/eu-b/instances/web/serialPort",
        f"{COMPUTE}/compute/v1/projects/acme/global/interconnects/x/getMacsecConfig",
        f"{IAM}/v1/projects/acme/serviceAccounts/bot/keys",
        f"{IAM}/v1/projects/acme/locations/global/oauthClients/a/credentials/b",
        f"{IAM}/v1/locations/global/workforcePools/a/providers/b/scimTenants/c/tokens/d",
        f"{KMS}/v1/projects/p/locations/eu/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1:exportTrustedKeyWrappedX",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_way_of_reading_secrets_passes_unasked(url: str, method: str) -> None:
    assert risk_of(method, url) in {"step_up", "refused"}


@pytest.mark.parametrize(
    ("url", "object_"),
    [
        ("a%2Fb.txt", "a/b.txt"),
        ("acl", "acl"),
        ("x%2Facl%2FallUsers", "x/acl/allUsers"),
        ("x%2Fcompose", "x/compose"),
        ("x%20y%2F%C3%A9", "x y/é"),
    ],
)
def test_an_encoded_name_of_an_object_is_one_name(url: str, object_: str) -> None:
    unit = asked("DELETE", f"{STORAGE}/storage/v1/b/site/o/{url}")
    assert (unit.action, str(unit.resource)) == (
        "/google/object/delete",
        f'Google::Object::"site/{object_}"',
    )
    assert [str(each) for each in unit.parents[unit.resource]] == ['Google::Bucket::"site"']


@pytest.mark.parametrize(
    "name", ["..%2Fother", "a%2F..%2Fb", "a%252Fb", "a%2F%2Fb", "a%5Cb", "%2e%2e", "a%00"]
)
def test_an_object_with_two_readings_is_refused(name: str) -> None:
    assert risk_of("DELETE", f"{STORAGE}/storage/v1/b/site/o/{name}") == "refused"


@pytest.mark.parametrize("kind", ["media", "multipart", "resumable", "other", ""])
@pytest.mark.parametrize("start", ["", "/resumable"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_no_upload_passes_unasked(kind: str, start: str, method: str) -> None:
    url = f"{STORAGE}{start}/upload/storage/v1/b/site/o"
    query = f"name=a&predefinedAcl=publicRead&uploadType={kind}&upload_id=1"
    assert risk_of(method, f"{url}?{query}", b"x", "text/plain") in {"step_up", "refused"}
    assert risk_of(method, f"{url}?{query}&uploadType=media", b"{}") in {"step_up", "refused"}
    assert risk_of(method, url, b"x", "text/plain", X_Goog_Upload_Protocol="raw") in {"step_up", "refused"}


def test_the_page_says_whom_a_new_object_is_for() -> None:
    url = f"{STORAGE}/upload/storage/v1/b/site/o?uploadType=media&name=a.txt&predefinedAcl=publicRead"
    unit = asked("POST", url, b"hello", "text/plain")
    assert walk.said(unit) == "Upload a.txt to site for publicRead (5 bytes)"


def batch(host: str, path: str, *inner: str) -> tuple[Unit, ...] | Refusal:
    parts = "".join(f"--b\r\nContent-Type: application/http\r\n\r\n{each}\r\n\r\n\r\n" for each in inner)
    caller = Caller("agent", "tok_1", None, "127.0.0.1")
    headers = (("Content-Type", "multipart/mixed; boundary=b"),)
    body = f"{parts}--b--\r\n".encode()
    return walk.mapped(GOOGLE.library, Request(caller, "POST", "https", host, 443, path, headers, body))


def test_each_request_of_a_batch_is_asked_about() -> None:
    units = batch(
        STORAGE,
        "/batch/storage/v1",
        "GET /storage/v1/b/site HTTP/1.1",
        "DELETE /storage/v1/b/site/o/a%2Fb HTTP/1.1",
    )
    assert not isinstance(units, Refusal)
    assert [(unit.action, str(unit.risk)) for unit in units] == [
        ("/google/bucket/read", "low"),
        ("/google/object/delete", "step_up"),
    ]


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ("GET /storage/v1/b/site HTTP/1.1\r\nX-HTTP-Method-Override: DELETE", "X-HTTP-Method-Override"),
        (
            "DELETE https://compute.googleapis.com/compute/v1/projects/acme/zones/z/instances/web HTTP/1.1",
            "host",
        ),
        ("GET /storage/v1/b/site HTTP/1.1\r\nAuthorization: Bearer ya29", "authorization"),
        (
            "POST /batch/storage/v1 HTTP/1.1\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c--",
            "multipart",
        ),
    ],
)
def test_a_batch_hides_nothing(inner: str, said: str) -> None:
    refusal = batch(STORAGE, "/batch/storage/v1", inner)
    assert isinstance(refusal, Refusal)
    assert said.lower() in (refusal.detail or "").lower()


def test_a_batch_of_the_python_client_is_read() -> None:
    body = (
        "--===============7330845974216740156==\nContent-Type: application/http\nMIME-Version: 1.0\n"
        "Content-Transfer-Encoding: binary\nContent-ID: <b29c5de2-0db4-490b-b421-6a51b598bd22 + 1>\n\n"
        "DELETE /storage/v1/b/site/o/a%2Fb? HTTP/1.1\nAccept: application/json\n"
        "accept-encoding: gzip, deflate\nuser-agent: (gzip)\nHost: storage.googleapis.com\n\n\n"
        "--===============7330845974216740156==--"
    )
    kind = 'multipart/mixed; boundary="===============7330845974216740156=="'
    unit = asked("POST", f"{STORAGE}/batch/storage/v1", body.encode(), kind)
    assert (unit.action, unit.risk) == ("/google/object/delete", "step_up")


@pytest.mark.parametrize("path", ["/batch", "/batch/storage/v1", "/batch/iam/v1", "/batch/", "/Batch"])
def test_what_is_no_batch_is_not_taken_for_one(path: str) -> None:
    assert risk_of("POST", f"{STORAGE}{path}", b"{}") in {"step_up", "refused"}


@pytest.mark.parametrize(
    ("host", "path"),
    [
        (PROJECTS, "/v1/projects/acme"),
        (PROJECTS, "/v3/projects/acme"),
        (PROJECTS, "/v3/folders/456"),
        (PROJECTS, "/v3/organizations/123"),
        (PROJECTS, "/v3/tagKeys/1"),
        (IAM, "/v1/projects/-/serviceAccounts/bot@acme.iam.gserviceaccount.com"),
        (IAM, "/v1/projects/acme/locations/global/workloadIdentityPools/ci"),
        (IAM, "/v1/locations/global/workforcePools/staff"),
        (SECRETS, "/v1/projects/acme/secrets/db"),
        (KMS, "/v1/projects/acme/locations/eu/keyRings/r/cryptoKeys/k"),
        (PROJECTS, "/v9/anything/x"),
    ],
)
@pytest.mark.parametrize("verb", [":setIamPolicy", "%3AsetIamPolicy", ":SetIamPolicy", ":setIamPolicy/"])
def test_rights_are_asked_about_however_they_are_written(host: str, path: str, verb: str) -> None:
    body = b'{"policy": {"bindings": [{"role": "roles/owner", "members": ["user:eve@example.com"]}]}}'
    assert risk_of("POST", f"{host}{path}{verb}", body) == "step_up"


def test_a_verb_is_not_part_of_a_name() -> None:
    assert asked("GET", f"{PROJECTS}/v1/projects/acme:setIamPolicy").action == "/google/unmatched/read"
    unit = asked("GET", f"{PROJECTS}/v1/projects/example.com:shop")
    assert (unit.action, unit.risk) == ("/google/project/read", "low")


@pytest.mark.parametrize("verb", ["generateAccessToken", "generateIdToken", "signBlob", "signJwt"])
@pytest.mark.parametrize("host", [CREDENTIALS, IAM])
def test_nobody_becomes_a_service_account_unasked(verb: str, host: str) -> None:
    unit = asked("POST", f"{host}/v1/projects/-/serviceAccounts/bot@acme.example:{verb}", b"{}")
    assert unit.risk == "step_up"
    assert "credential" in unit.groups or "unmatched" in unit.groups


def test_what_is_said_of_a_start_script_hides_its_text() -> None:
    body = b'{"items": [{"key": "startup-script", "value": "rm -rf /"}]}'
    unit = asked("POST", f"{MACHINE}/setMetadata", body)
    assert "startup-script" in walk.said(unit)
    assert "rm -rf" not in walk.said(unit)
    assert {"execute", "access"} <= set(unit.groups)
    assert [str(each) for each in unit.parents[unit.resource]] == ['Google::Project::"acme"']


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("/v1/projects/acme/secrets/db:addVersion", "json:/payload/data"),
        ("/v1/projects/acme/locations/eu/secrets/db:addVersion", "json:/payload/data"),
    ],
)
def test_a_new_secret_is_seen_by_nobody(path: str, secret: str) -> None:
    assert secret in asked("POST", f"{SECRETS}{path}", b'{"payload": {"data": "aHVudGVyMg=="}}').secret


@pytest.mark.parametrize(
    ("method", "url", "resource"),
    [
        ("GET", f"{IAM}/v1/projects/acme/roles", 'Holder::"acme"'),
        ("DELETE", f"{IAM}/v1/projects/acme/roles/deployer", 'Holder::"acme"'),
        ("GET", f"{COMPUTE}/compute/v1/projects/acme/zones/eu-b/instances", 'Holder::"acme"'),
        ("DELETE", f"{COMPUTE}/compute/v1/projects/acme/global/sslPolicies/a", 'Holder::"acme"'),
        ("GET", f"{PROJECTS}/v1/projects/acme", 'Holder::"acme"'),
        ("GET", f"{KMS}/v1/projects/acme/locations/eu/keyRings", 'Holder::"acme"'),
    ],
)
def test_what_is_in_a_project_is_its_child(method: str, url: str, resource: str) -> None:
    unit = asked(method, url)
    assert str(unit.resource) == f"Google::{resource}"
    assert 'Google::Project::"acme"' in [str(each) for each in unit.parents[unit.resource]]
    assert unit.risk == ("low" if method == "GET" else "step_up")


def test_an_account_without_its_project_is_still_that_account() -> None:
    urls = (f"{IAM}/v1/projects/{project}/serviceAccounts/bot@acme.example" for project in ("acme", "-"))
    assert {str(asked("DELETE", url).resource) for url in urls} == {
        'Google::ServiceAccount::"bot@acme.example"'
    }


def test_a_path_belongs_to_its_host() -> None:
    unit = asked("GET", f"{STORAGE}/v1/projects/acme/secrets/db")
    assert (unit.action, unit.risk) == ("/google/unmatched/read", "step_up")
