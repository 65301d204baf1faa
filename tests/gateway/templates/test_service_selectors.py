"""An AWS call says what it is in four places; two that differ are two calls to two readers."""

import pytest

from gateway.decoded import Kind
from gateway.errors import ConfigError, Place, Refusal
from gateway.templates.reading import Found
from gateway.templates.selectors import parse_selector
from gateway.templates.view import BodyRule, View
from tests.gateway.templates.making import FORM, request

HERE = Place("t.yaml", 1, 1)
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/iam/aws4_request, "
    "SignedHeaders=host, Signature=00"
}
KINDS: tuple[tuple[str, Kind], ...] = (
    ("application/x-www-form-urlencoded", "form"),
    ("application/x-amz-json-1.0", "json"),
    ("application/cbor", "opaque"),
)


def read(
    selector: str, target: str = "/", body: bytes = b"", headers: dict[str, str] | None = None
) -> list[Found]:
    query = target.partition("?")[2]
    sent = request("POST", target, body, headers or {})
    return list(parse_selector(selector, HERE).read(View(sent, query or None, BodyRule(KINDS))))


CBOR = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
RPC = "/service/GraniteServiceVersion20100801/operation/PutMetricData"


@pytest.mark.parametrize(
    ("target", "body", "headers", "found"),
    [
        ("/?Action=GetUser", b"", {}, ["GetUser"]),
        ("/", b"Action=GetUser&Version=1", FORM, ["GetUser"]),
        (
            "/",
            b"{}",
            {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_1.GetItem"},
            ["GetItem"],
        ),
        (RPC, b"\xa0", CBOR, ["PutMetricData"]),
        ("/", b"", {}, []),
        ("/?Action=GetUser", b"Action=GetUser", FORM, ["GetUser"]),
    ],
)
def test_the_operation_is_read_wherever_it_stands(
    target: str, body: bytes, headers: dict[str, str], found: list[Found]
) -> None:
    assert read("aws:operation", target, body, headers) == found
    assert read("aws:action", target, body, headers) == found


@pytest.mark.parametrize(
    ("target", "body", "headers"),
    [
        ("/?Action=GetUser", b"Action=DeleteUser", FORM),
        ("/", b"Action=GetUser", {**FORM, "X-Amz-Target": "IAM.DeleteUser"}),
        ("/?Action=GetUser&Action=DeleteUser", b"", {}),
        ("/?action=GetUser", b"", {}),
        ("/", b"Action=GetUser&Action=DeleteUser", FORM),
        (RPC, b"\xa0", {"Content-Type": "application/cbor"}),
        ("/", b"x", {"Content-Type": "text/plain"}),
        ("/", b"", {"X-Amz-Target": "GetItem"}),
        ("/?Action=Get%20User", b"", {}),
    ],
)
def test_two_operations_or_none_that_can_be_read_are_refused(
    target: str, body: bytes, headers: dict[str, str]
) -> None:
    with pytest.raises(Refusal):
        read("aws:operation", target, body, headers)


def test_a_repeated_target_is_refused() -> None:
    sent = request("POST", "/", b"", (("X-Amz-Target", "A.Get"), ("X-Amz-Target", "A.Delete")))
    with pytest.raises(Refusal):
        parse_selector("aws:operation", HERE).read(View(sent, None, BodyRule(KINDS)))


def test_service_and_region_are_those_of_the_signature() -> None:
    assert read("aws:service", headers=SIGNED) == ["iam"]
    assert read("aws:region", headers=SIGNED) == ["eu-west-1"]
    assert read("aws:service") == []


@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto", "Application/GRPC+json; x=1"])
def test_a_grpc_call_is_its_path(kind: str) -> None:
    assert read("grpc:service", "/shop.v1.Shop/Delete", b"x", {"Content-Type": kind}) == ["shop.v1.Shop"]
    assert read("grpc:method", "/shop.v1.Shop/Delete", b"x", {"Content-Type": kind}) == ["Delete"]


@pytest.mark.parametrize("kind", ["application/json", "application/grpc-web", "application/grpcx"])
def test_what_is_no_grpc_has_no_method(kind: str) -> None:
    assert read("grpc:method", "/shop.v1.Shop/Delete", b"x", {"Content-Type": kind}) == []


@pytest.mark.parametrize(
    "target", ["/Delete", "/shop.v1.Shop/Delete/x", "/shop.v1.Shop/Delete?x=1", "/a%2Fb/c"]
)
def test_a_grpc_path_with_another_shape_is_refused(target: str) -> None:
    with pytest.raises(Refusal):
        read("grpc:method", target, b"x", {"Content-Type": "application/grpc"})


@pytest.mark.parametrize("text", ["aws:operatoin", "aws:", "grpc:", "grpc:rpc"])
def test_wrong_words_are_errors(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_selector(text, HERE)
