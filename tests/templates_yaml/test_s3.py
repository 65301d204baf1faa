"""S3's template against every operation of its own client, with the bucket in the path and in the host."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from gateway.errors import Refusal
from gateway.model import Request, Unit
from tests.templates_yaml import walk

HOST = "s3.eu-west-1.amazonaws.com"
XML = "application/xml"
DELETE = b"<Delete><Object><Key>a</Key></Object></Delete>"

S3 = walk.Walk("s3", HOST, bodies={("POST", "/{Bucket}?delete"): (XML, DELETE)})
asked = S3.asked


@dataclass(frozen=True, slots=True)
class VirtualHosts(walk.Walk):
    """The same operations, as clients send them today: `DELETE /b/k` is `DELETE /k` at b's own host."""

    def operations(self) -> Iterator[walk.Operation]:
        for operation in S3.operations():
            if operation.path.startswith("/{Bucket}") and operation.name != "ListDirectoryBuckets":
                path = operation.path.removeprefix("/{Bucket}")
                path = path if path.startswith("/") else f"/{path}"
                yield replace(operation, host=f"x1.{HOST}", path=path)


VIRTUAL = VirtualHosts("s3", HOST, bodies={("POST", "/?delete"): (XML, DELETE)})

LOW = {
    "/s3/upload/abort": "loses only what was not finished",
    "/s3/upload/abort_vhost": "loses only what was not finished",
}


class TestPaths(walk.Promises):
    walk = S3
    least = 115
    low = LOW


class TestVirtualHosts(TestPaths):
    walk = VIRTUAL
    least = 110


def units(request: Request) -> tuple[Unit, ...]:
    return S3.library.map(request).units


def test_both_styles_are_read_alike() -> None:
    virtual = {operation.name: operation for operation in VIRTUAL.operations()}
    for operation in S3.operations():
        if operation.name not in virtual:
            continue
        (one,), (two,) = units(S3.request(operation)), units(VIRTUAL.request(virtual[operation.name]))
        assert one.action == two.action.removesuffix("_vhost")
        assert (one.resource, one.risk, one.groups) == (two.resource, two.risk, two.groups)


SUBRESOURCES = sorted(
    {
        operation.path.partition("?")[2].partition("=")[0].partition("&")[0]
        for operation in S3.operations()
        if "?" in operation.path
    }
)


@pytest.mark.parametrize("key", [*SUBRESOURCES, "unheard-of", "Policy", "POLICY", "policy[]", "acl%00"])
@pytest.mark.parametrize("method", ["DELETE", "PUT", "POST", "GET"])
def test_a_second_key_in_the_query_never_makes_a_request_milder(method: str, key: str) -> None:
    """Which of two keys S3 goes by, nobody has promised."""
    for other in ("policy", "session", "acl"):
        for target in (f"{HOST}/b?{key}&{other}", f"b.{HOST}/?{other}&{key}", f"{HOST}/b/k?{key}&{other}"):
            if key == other:
                continue
            try:
                unit = asked(method, target)
            except Refusal:
                continue
            assert unit.risk == "step_up", (method, target, unit.action)


@pytest.mark.parametrize(
    "header",
    [
        {"x_amz_acl": "public-read"},
        {"x_amz_acl": "PRIVATE"},
        {"x_amz_acl": "private, public-read"},
        {"x_amz_grant_read": "uri=http://acs.amazonaws.com/groups/global/AllUsers"},
        {"x_amz_grant_full_control": "id=1"},
        {"x_amz_object_lock_mode": "COMPLIANCE"},
        {"x_amz_tagging": "a=b"},
    ],
)
@pytest.mark.parametrize("target", [f"{HOST}/b/k", f"b.{HOST}/k"])
def test_an_object_that_others_may_read_at_once_steps_up(target: str, header: dict[str, str]) -> None:
    assert asked("PUT", target, b"", "", **header).risk == "step_up"
    assert asked("PUT", target, b"", "", x_amz_copy_source="b/x", **header).risk == "step_up"
    assert asked("POST", f"{target}?uploads", b"", "", **header).risk == "step_up"
    assert asked("PUT", target).risk == "low"


@pytest.mark.parametrize("target", [f"{HOST}/b/k", f"b.{HOST}/k", f"{HOST}/b/k?partNumber=1&uploadId=x"])
def test_the_size_is_what_is_sent_whatever_a_header_says(target: str) -> None:
    """S3 looks at the header only where the body comes in chunks."""
    unit = asked("PUT", target, b"x" * 1000, "text/plain", x_amz_decoded_content_length="1")
    assert unit.context["size"] == 1000


def test_a_folder_and_an_object_of_its_name_are_two_resources() -> None:
    folder, name = asked("DELETE", f"{HOST}/b/k/"), asked("DELETE", f"{HOST}/b/k")
    assert (folder.resource.id, name.resource.id) == ("b/k/", "b/k")
    assert folder.parents[folder.resource] == name.parents[name.resource]


def test_the_bucket_in_the_host_is_meant_whatever_the_path_says() -> None:
    unit = asked("PUT", f"secret.{HOST}/public?policy", b"{}")
    assert unit.resource.id == "secret"


@pytest.mark.parametrize(
    "target", [f"{HOST}/b/a/../c", f"{HOST}/b/a%2F..%2Fc", f"{HOST}/b//c", f"{HOST}/b/%2e%2e"]
)
def test_a_key_that_servers_could_read_in_two_ways_is_refused(target: str) -> None:
    with pytest.raises(Refusal):
        asked("DELETE", target)


def test_an_encoded_slash_in_a_key_is_the_key_s() -> None:
    assert asked("DELETE", f"{HOST}/b/a%2Fc").resource.id == "b/a/c"


def test_all_keys_of_a_list_to_delete_are_in_the_context() -> None:
    body = (
        b"<Delete><Object><Key>a</Key><VersionId>1</VersionId></Object><Object><Key>c</Key></Object></Delete>"
    )
    unit = asked("POST", f"b.{HOST}/?delete", body, XML)
    assert (unit.context["keys"], unit.context["n"]) == (("a", "c"), 2)
    with pytest.raises(Refusal):
        asked("POST", f"b.{HOST}/?delete", body + b"<Delete/>", XML)


@pytest.mark.parametrize(
    "host",
    [
        "b.s3.amazonaws.com",
        "b.s3.dualstack.eu-west-1.amazonaws.com",
        "b.s3-fips.us-gov-west-1.amazonaws.com",
        "b.s3-us-west-2.amazonaws.com",
        "b.s3-accelerate.amazonaws.com",
        "b-123456789012.s3-accesspoint.eu-west-1.amazonaws.com",
        "b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com",
        "a.b.c.s3.eu-west-1.amazonaws.com",
    ],
)
def test_every_host_of_a_bucket_is_known(host: str) -> None:
    unit = asked("DELETE", f"{host}/")
    assert unit.action == "/s3/bucket/delete_vhost"
    assert unit.resource.id == host.partition(".s3")[0]


def test_only_these_hosts_are_s3s() -> None:
    for host in (
        "s3.amazonaws.com.evil.test",
        "s3-evil.test",
        "xn--s3.amazonaws.com",
        "s3.eu-west-1.amazonaws.co",
    ):
        assert S3.library.serves("https", host, 443) is None
