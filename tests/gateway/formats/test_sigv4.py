import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Refusal
from gateway.formats.sigv4 import Scope, scope

SCOPE = "AKIA/20260101/us-east-1/iam/aws4_request"


def auth(credential: str = SCOPE, algorithm: str = "AWS4-HMAC-SHA256") -> tuple[str, str]:
    return (
        "Authorization",
        f"{algorithm} Credential={credential}, SignedHeaders=host;x-amz-date, Signature=ab",
    )


def presigned(credential: str = SCOPE, algorithm: str = "AWS4-HMAC-SHA256") -> list[tuple[str, str]]:
    return [("X-Amz-Algorithm", algorithm), ("X-Amz-Credential", credential), ("X-Amz-Signature", "ab")]


def test_the_scope_of_a_signed_header_and_of_a_signed_url() -> None:
    assert scope([auth()], []) == Scope("iam", "us-east-1")
    assert scope([("authorization", auth()[1].replace(", ", ","))], []) == Scope("iam", "us-east-1")
    assert scope([], presigned()) == Scope("iam", "us-east-1")
    assert scope([auth()], presigned()) == Scope("iam", "us-east-1")


def test_a_signature_for_several_regions_names_its_set() -> None:
    credential, algorithm = "AKIA/20260101/s3/aws4_request", "AWS4-ECDSA-P256-SHA256"
    region = ("X-Amz-Region-Set", "us-east-1,eu-*")
    assert scope([auth(credential, algorithm), region], []) == Scope("s3", "us-east-1,eu-*")
    assert scope([], [*presigned(credential, algorithm), region]) == Scope("s3", "us-east-1,eu-*")
    with pytest.raises(Refusal):
        scope([auth(credential, algorithm)], [])
    with pytest.raises(Refusal, match="twice"):
        scope([auth(credential, algorithm), region], [region])


@pytest.mark.parametrize("value", ["Bearer abcaws4-x", "Basic YTpi", "AWS AKIA:c2ln", ""])
def test_another_kind_of_credential_has_no_scope(value: str) -> None:
    assert scope([("Authorization", value)], [("Action", "x")]) is None
    assert scope([], []) is None


def test_two_scopes_that_differ_are_refused() -> None:
    other = SCOPE.replace("iam", "s3")
    with pytest.raises(Refusal, match="signed twice"):
        scope([auth()], presigned(other))
    with pytest.raises(Refusal, match="Authorization twice"):
        scope([auth(), auth(other)], [])
    with pytest.raises(Refusal, match="Authorization twice"):
        scope([auth(), ("authorization", "Bearer x")], [])
    with pytest.raises(Refusal, match="X-Amz-Credential twice"):
        scope([], [*presigned(), *presigned(other)[1:]])
    with pytest.raises(Refusal, match="another Authorization"):
        scope([("Authorization", "Bearer x")], presigned())


def test_a_second_credential_within_one_header_is_refused() -> None:
    name, value = auth()
    for more in (", Credential=B/20260101/us-east-1/s3/aws4_request", ", credential=x", ", Extra=1", ","):
        with pytest.raises(Refusal, match="three fields"):
            scope([(name, value + more)], [])
    with pytest.raises(Refusal, match="three fields"):
        scope([(name, f"Basic YTpi, {value}")], [])
    with pytest.raises(Refusal, match="three fields"):
        scope([(name, "AWS4-HMAC-SHA256")], [])


@pytest.mark.parametrize(
    "algorithm", ["aws4-hmac-sha256", "AWS4-HMAC-SHA1", "AWS4-", "AWS4-ECDSA-P256-SHA256"]
)
def test_an_algorithm_that_aws_does_not_define_is_refused(algorithm: str) -> None:
    with pytest.raises(Refusal, match="algorithm"):
        scope([auth(algorithm=algorithm)], [])
    with pytest.raises(Refusal, match="algorithm"):
        scope([], presigned(algorithm=algorithm))


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "AKIA",
        "AKIA/20260101/us-east-1/iam",
        "AKIA/20260101/us-east-1/iam/aws4_request/x",
        "AKIA/2026-01-01/us-east-1/iam/aws4_request",
        "AKIA/20260101//iam/aws4_request",
        "AKIA/20260101/us-east-1/ iam/aws4_request",
        "AKIA/20260101/us-east-1/iam/AWS4_REQUEST",
        "/20260101/us-east-1/iam/aws4_request",
        "AKIA/20260101/*/iam/aws4_request",
        "AKIA/20260101/us-east-1/ia\u0455/aws4_request",
    ],
)
def test_a_malformed_scope_is_refused(credential: str) -> None:
    with pytest.raises(Refusal):
        scope([auth(credential)], [])
    with pytest.raises(Refusal):
        scope([], presigned(credential))


@pytest.mark.parametrize("name", ["x-amz-credential", "X-AMZ-CREDENTIAL", "x-amz-algorithm"])
def test_a_credential_under_another_spelling_is_refused(name: str) -> None:
    with pytest.raises(Refusal, match="unusually"):
        scope([], [(name, SCOPE)])


_names = st.sampled_from(
    ["Authorization", "X-Amz-Region-Set", "X-Amz-Credential", "X-Amz-Algorithm"]
) | st.text(max_size=4)
_values = st.builds(
    lambda *parts: "".join(parts),
    st.sampled_from(
        ["AWS4-HMAC-SHA256 Credential=", "AWS4-ECDSA-P256-SHA256 Credential=", "", "AWS4-HMAC-SHA256"]
    ),
    st.sampled_from([SCOPE, "A/20260101/s3/aws4_request", ""]) | st.text(max_size=10),
    st.sampled_from([", SignedHeaders=a, Signature=b", ""]),
) | st.text(max_size=20)
_pairs = st.lists(st.tuples(_names, _values), max_size=3)


@given(_pairs, _pairs)
def test_any_headers_and_query_are_read_or_refused(
    headers: list[tuple[str, str]], query: list[tuple[str, str]]
) -> None:
    try:
        found = scope(headers, query)
    except Refusal:
        return
    if found:
        assert any(found.service in value for _, value in headers + query)
