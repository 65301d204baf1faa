"""AWS's template against every operation of its own SDK, sent as that SDK sends it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import pytest

from gateway.errors import Refusal
from gateway.model import Caller, Request, Unit
from tests.templates_yaml import walk

FORM, JSON, CBOR, XML = (
    "application/x-www-form-urlencoded",
    "application/x-amz-json-1.1",
    "application/cbor",
    "application/xml",
)
NAMED = frozenset(
    {"iam", "sts", "organizations", "kms", "secretsmanager", "ec2", "lambda", "dynamodb", "rds", "route53"}
)
READING = re.compile(
    r"(Get|List|Describe|BatchGet|BatchDescribe|BatchList|Head|Query|Scan|Search|Lookup|Check|Estimate|Preview"
    r"|Simulate|Select)(?=[A-Z0-9]|$)"
)
"""How the name of an operation begins that only reads; whole words, for `Checkout` reads nothing."""


READING_TOO = {
    "dynamodb.TransactGetItems": "gets items, in one go",
    "ec2.ValidateSecurityGroupQuotasForInterface": "compares numbers",
    "kms.Encapsulate": "encrypts: takes nothing out",
    "kms.Encrypt": "encrypts: takes nothing out",
    "kms.GenerateDataKeyPairWithoutPlaintext": "hands out what only KMS can open",
    "kms.GenerateDataKeyWithoutPlaintext": "hands out what only KMS can open",
    "kms.GenerateRandom": "throws dice",
    "kms.Verify": "checks a signature",
    "kms.VerifyMac": "checks a signature",
    "rds.DownloadDBLogFilePortion": "reads a log; it steps up all the same",
    "route53.TestDNSAnswer": "asks as a resolver would",
    "secretsmanager.ValidateResourcePolicy": "checks a document that is not in force",
    "sts.DecodeAuthorizationMessage": "explains a refusal",
}
"""Reads of the ten services that are called otherwise."""

DOING = frozenset(
    {
        "CheckInLicense",
        "GetActivityTask",
        "GetId",
        "GetShippingLabel",
        "GetUserAttributeVerificationCode",
    }
)
"""Changes that are called like reads: they take a task or a licence, make an identity, send a code."""

SIGNED_AS = {"docdb": "rds", "neptune": "rds", "lambda-core": "lambda", "lambda-microvms": "lambda"} | {
    "lambda-web": "lambda"
}
"""Services at another's host, signed for with its name."""

LOW = {
    "/aws/iam/generate_credential_report": "makes a report; getting it steps up",
    "/aws/iam/generate_organizations_access_report": "makes a report",
    "/aws/iam/generate_service_last_accessed_details": "makes a report",
    "/aws/kms/update_key_description": "a label",
    "/aws/ec2/cancel_declarative_policies_report": "a report is not made",
    "/aws/ec2/create_application_status_check": "looks at an instance",
    "/aws/ec2/create_capacity_reservation_cancellation_quote": "asks for a price",
    "/aws/ec2/create_capacity_reservation_date_change_quote": "asks for a price",
    "/aws/ec2/create_dhcp_options": "nothing uses them until they are associated, which steps up",
    "/aws/ec2/create_image_usage_report": "makes a report",
    "/aws/ec2/create_instance_event_window": "says when AWS may do its own work",
    "/aws/ec2/create_metric_category": "a label",
    "/aws/ec2/create_network_insights_access_scope": "describes what to look at",
    "/aws/ec2/create_network_insights_path": "describes what to look at",
    "/aws/ec2/create_placement_group": "empty, and costs nothing",
    "/aws/ec2/create_security_group": "lets nobody in until a rule is added, which steps up",
    "/aws/ec2/create_snapshot": "a copy that stays in the account; sharing it steps up",
    "/aws/ec2/create_snapshots": "copies that stay in the account; sharing them steps up",
    "/aws/ec2/enable_volume_io": "lets a volume be used again",
    "/aws/ec2/modify_id_format": "how ids are written",
    "/aws/ec2/monitor_instances": "finer metrics",
    "/aws/ec2/report_instance_status": "tells AWS of a fault",
    "/aws/ec2/start_declarative_policies_report": "makes a report",
    "/aws/ec2/start_instances": "runs what was approved when it was made",
    "/aws/ec2/start_network_insights_access_scope_analysis": "looks, and changes nothing",
    "/aws/ec2/start_network_insights_analysis": "looks, and changes nothing",
    "/aws/ec2/start_vpc_endpoint_service_private_dns_verification": "checks a domain once more",
    "/aws/ec2/unmonitor_instances": "coarser metrics",
    "/aws/ec2/update_security_group_rule_descriptions_egress": "a label",
    "/aws/ec2/update_security_group_rule_descriptions_ingress": "a label",
    "/aws/dynamodb/cancel_bulk_operation": "stops writing",
    "/aws/dynamodb/create_backup": "a copy that stays in the account",
    "/aws/dynamodb/put_item": "one item, as an application's daily work; its group is content",
    "/aws/dynamodb/update_contributor_insights": "metrics",
    "/aws/dynamodb/update_item": "one item, as an application's daily work; its group is content",
    "/aws/rds/add_source_identifier_to_subscription": "more events to a topic that is told already",
    "/aws/rds/cancel_export_task": "an export does not happen",
    "/aws/rds/copy_db_cluster_parameter_group": "nothing uses it until a change that steps up",
    "/aws/rds/copy_db_parameter_group": "nothing uses it until a change that steps up",
    "/aws/rds/copy_option_group": "nothing uses it until a change that steps up",
    "/aws/rds/create_db_cluster_parameter_group": "nothing uses it until a change that steps up",
    "/aws/rds/create_db_cluster_snapshot": "a copy that stays in the account; sharing it steps up",
    "/aws/rds/create_db_parameter_group": "nothing uses it until a change that steps up",
    "/aws/rds/create_db_snapshot": "a copy that stays in the account; sharing it steps up",
    "/aws/rds/create_db_subnet_group": "nothing uses it until a change that steps up",
    "/aws/rds/create_event_subscription": "tells a topic that something happened, not what is in it",
    "/aws/rds/create_option_group": "nothing uses it until a change that steps up",
    "/aws/rds/modify_db_recommendation": "dismisses advice",
    "/aws/rds/start_db_cluster": "runs what was approved when it was made",
    "/aws/rds/start_db_instance": "runs what was approved when it was made",
    "/aws/route53/create_cidr_collection": "nothing uses it until a record does, which steps up",
    "/aws/route53/create_reusable_delegation_set": "nothing uses it until a zone does, which steps up",
    "/aws/route53/create_traffic_policy": "nothing uses it until an instance is made, which steps up",
    "/aws/route53/create_traffic_policy_version": "nothing uses it until an instance does, which steps up",
    "/aws/route53/update_hosted_zone_comment": "a label",
    "/aws/route53/update_traffic_policy_comment": "a label",
}
"""Every change that passes unasked, and why."""


@dataclass(frozen=True, slots=True)
class Call(walk.Operation):
    protocol: str = ""
    needs: str = ""

    @property
    def service(self) -> str:
        return self.name.partition(".")[0]

    @property
    def operation(self) -> str:
        return self.name.partition(".")[2]

    @property
    def by_name(self) -> bool:
        """Its method and path say nothing."""
        return not self.protocol.startswith("rest")

    @property
    def mutating(self) -> bool:
        if self.by_name or self.service in NAMED:
            reads = READING.match(self.operation) or self.name in READING_TOO
            return not reads or self.operation in DOING
        return self.method not in walk.READS


@lru_cache
def calls() -> tuple[Call, ...]:
    file = walk.ROOT / "tests" / "descriptions" / "aws.tsv"
    lines = file.read_text(encoding="utf-8").splitlines()
    return tuple(call for line in lines if not line.startswith("#") for call in of_line(line))


def of_line(line: str) -> Iterator[Call]:
    """One line of a service that is not one of the ten tells of many operations."""
    method, url, name, protocol, needs = line.split("\t")
    host, _, path = url.removeprefix("https://").partition("/")
    service, _, operations = name.partition(".")
    for operation in operations.split():
        yield Call(method, host, f"/{path}", f"{service}.{operation}", protocol, needs)


@dataclass(frozen=True, slots=True)
class Aws(walk.Walk):
    def operations(self) -> Iterator[walk.Operation]:
        return iter(calls())

    def request(self, operation: walk.Operation) -> Request:
        assert isinstance(operation, Call)
        return sent(operation)


def sent(call: Call) -> Request:
    """As AWS's own SDK writes it, signed for its service."""
    target = re.sub(r"\{[^}]*\}", "x1", call.path)
    headers = {"Authorization": signature(SIGNED_AS.get(call.service, call.service))}
    body = b""
    match call.protocol:
        case "query":
            body = f"Action={call.operation}&Version=2010-05-08{form(call.needs)}".encode()
            headers["Content-Type"] = f"{FORM}; charset=utf-8"
        case "json":
            body = json.dumps(document(call.needs)).encode()
            headers |= {"Content-Type": JSON, "X-Amz-Target": f"Any_20120810.{call.operation}"}
        case "cbor":
            body, target = b"\xa0", f"/service/Any/operation/{call.operation}"
            headers |= {"Content-Type": CBOR, "Smithy-Protocol": "rpc-v2-cbor"}
        case _ if call.method not in walk.READS and call.needs:
            body = json.dumps(document(call.needs)).encode()
            headers["Content-Type"] = "application/json"
    caller = Caller("agent", "tok_1", None, "127.0.0.1")
    return Request(caller, call.method, "https", call.host, 443, target, tuple(headers.items()), body)


def signature(service: str, region: str = "eu-west-1") -> str:
    scope = f"AKIA/20260101/{region}/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature=0"


def form(needs: str) -> str:
    return f"&{needs}=x1" if needs else ""


def document(needs: str) -> dict[str, object]:
    name, _, many = needs.partition("/")
    return {name: ["x1"] if many else "x1"} if name else {}


AWS = Aws("aws", "", usual=(FORM, b""))


def asked(method: str, url: str, body: bytes = b"", kind: str = "", **headers: str) -> Unit:
    return AWS.asked(method, url, body, kind, **headers)


def risk(method: str, url: str, body: bytes = b"", kind: str = "", **headers: str) -> str:
    try:
        return asked(method, url, body, kind, **headers).risk
    except Refusal:
        return "refused"


@lru_cache
def mapped() -> dict[Call, Unit | Refusal]:
    """Every operation once; what other services call alike, one of them."""
    found: dict[Call, Unit | Refusal] = {}
    known = set()
    for call in calls():
        same = (call.protocol, call.operation if call.by_name else call.name)
        if call.service in NAMED or same not in known:
            known.add(same)
            units = walk.mapped(AWS.library, sent(call))
            found[call] = units if isinstance(units, Refusal) else units[0]
    return found


def units(*, named: bool, mutating: bool) -> Iterator[tuple[Call, Unit]]:
    """What was refused is there too, as what nobody named: the tests below are not satisfied with that."""
    for call, unit in mapped().items():
        if (call.service in NAMED) is named and call.mutating is mutating:
            assert isinstance(unit, Unit), f"{call}: {unit.detail}"
            yield call, unit


def snake(name: str) -> str:
    return name.replace("_", "").lower()


def test_the_whole_description_is_walked() -> None:
    assert len([call for call in calls() if call.service in NAMED]) > 1500
    assert {call.service for call in calls()} >= NAMED
    assert len(calls()) > 10_000


def test_every_change_of_the_ten_services_has_an_action_of_its_name() -> None:
    wrong = [
        f"{call}: {unit.action}"
        for call, unit in units(named=True, mutating=True)
        if unit.access != "write" or snake(unit.action) != f"/aws/{call.service}/{call.operation.lower()}"
    ]
    assert wrong == []


def test_every_read_of_the_ten_services_has_an_action_of_its_service() -> None:
    wrong = [
        f"{call}: {unit.action}"
        for call, unit in units(named=True, mutating=False)
        if unit.access != "read" or not unit.action.startswith(f"/aws/{call.service}/")
    ]
    assert wrong == []


def test_no_change_is_low_because_it_was_forgotten() -> None:
    low = {unit.action for _, unit in units(named=True, mutating=True) if unit.risk == "low"}
    assert sorted(low ^ set(LOW)) == []


def test_every_dangerous_group_steps_up() -> None:
    low = {action.id for action in AWS.library.actions() if action.risk == "low"}
    dangerous = {action.id for action in AWS.library.actions() if set(action.groups) & set(walk.DANGEROUS)}
    assert low & dangerous == set()


def test_a_tag_steps_up_because_a_policy_may_go_by_it() -> None:
    tagging = re.compile(r"(Add|Remove|Change|Create|Delete)Tags|^(Un)?Tag")
    found = [
        (call, unit) for call, unit in units(named=True, mutating=True) if tagging.search(call.operation)
    ]
    assert len(found) > 15
    assert [str(call) for call, unit in found if unit.risk != "step_up" or "access" not in unit.groups] == []


HANDED_OUT = re.compile(
    r"Credential|Secret|Password|Presigned|Token|AccessKey|ApiKey|Assume|Decrypt|UserData"
)
NOT_HANDED_OUT = {
    "codebuild.ListSourceCredentials": "names of them",
    "codedeploy.ListGitHubAccountTokenNames": "names of them",
    "cognito-idp.ListWebAuthnCredentials": "public keys",
    "ec2.DescribeIpamExternalResourceVerificationTokens": "public, in the DNS",
    "iam.GetAccessKeyLastUsed": "a date",
    "iam.GetAccountPasswordPolicy": "a rule",
    "iam.ListAccessKeys": "ids of them",
    "iam.ListServiceSpecificCredentials": "ids of them",
    "license-manager.ListTokens": "ids of them",
    "secretsmanager.DescribeSecret": "its name and dates",
    "secretsmanager.GetRandomPassword": "belongs to nothing yet",
    "secretsmanager.ListSecretVersionIds": "ids of them",
    "secretsmanager.ListSecrets": "names of them",
    "sso-admin.DescribeTrustedTokenIssuer": "an address",
    "sso-admin.ListTrustedTokenIssuers": "addresses",
    "sts.GetAccessKeyInfo": "the account's number",
    "wafv2.GetDecryptedAPIKey": "the domains that it is for",
    "waf.GetChangeToken": "a number for the next change",
    "waf.GetChangeTokenStatus": "whether a change is through",
    "workmail.GetPersonalAccessTokenMetadata": "its name and dates",
    "workmail.ListPersonalAccessTokens": "ids of them",
    "chime-sdk-voice.ListVoiceConnectorTerminationCredentials": "names of them",
    "iot-managed-integrations.GetCredentialLocker": "its name and date",
    "iot-managed-integrations.ListCredentialLockers": "names of them",
    "kafka.ListScramSecrets": "ARNs of them",
    "route53globalresolver.ListAccessTokens": "ids of them",
}


def test_a_read_that_hands_out_what_is_secret_steps_up() -> None:
    low = {
        call.name
        for named in (True, False)
        for call, unit in units(named=named, mutating=False)
        if unit.risk == "low" and HANDED_OUT.search(call.operation)
    }
    assert sorted(low ^ set(NOT_HANDED_OUT)) == []


def test_every_change_of_another_service_steps_up_as_a_write() -> None:
    wrong = [
        f"{call}: {unit.action}"
        for call, unit in units(named=False, mutating=True)
        if call.service not in {"docdb", "neptune"}
        and (unit.action, unit.risk) != ("/aws/other/write", "step_up")
    ]
    assert wrong == []


def test_every_read_of_another_service_is_a_read() -> None:
    wrong = [
        f"{call}: {unit.action}"
        for call, unit in units(named=False, mutating=False)
        if unit.access != "read" or not re.match(r"/aws/(other|lambda|rds)/", unit.action)
    ]
    assert wrong == []


def test_the_context_names_service_and_operation() -> None:
    wrong = []
    for call, unit in (*units(named=False, mutating=True), *units(named=False, mutating=False)):
        if call.service in SIGNED_AS:
            continue
        operation = call.operation if call.by_name else None
        if (unit.context["service"], unit.context.get("operation")) != (call.service, operation):
            wrong.append(str(call))
    assert wrong == []


OTHERS = [
    ("sqs", "json", "PurgeQueue", "ListQueues"),
    ("sns", "query", "DeleteTopic", "ListTopics"),
    ("cloudformation", "query", "DeleteStack", "DescribeStacks"),
    ("ecs", "json", "DeleteCluster", "ListClusters"),
    ("glue", "json", "DeleteDatabase", "GetDatabase"),
    ("sagemaker", "json", "DeleteModel", "ListModels"),
    ("logs", "json", "DeleteLogGroup", "DescribeLogGroups"),
    ("monitoring", "cbor", "DeleteAlarms", "DescribeAlarms"),
]


@pytest.mark.parametrize(("service", "protocol", "change", "read"), OTHERS)
def test_other_services_by_name(service: str, protocol: str, change: str, read: str) -> None:
    for operation, action in ((change, "/aws/other/write"), (read, "/aws/other/read")):
        call = Call("POST", f"{service}.eu-west-1.amazonaws.com", "/", f"{service}.{operation}", protocol)
        (unit,) = AWS.library.map(sent(call)).units
        assert unit.action == action
        assert unit.resource.id == f"{service}/eu-west-1"
        assert (unit.context["service"], unit.context["operation"]) == (service, operation)


@pytest.mark.parametrize(
    ("method", "url", "action"),
    [
        ("DELETE", "eks.eu-west-1.amazonaws.com/clusters/prod", "write"),
        ("GET", "eks.eu-west-1.amazonaws.com/clusters/prod", "read_rest"),
        ("POST", "bedrock-runtime.eu-west-1.amazonaws.com/model/m/invoke", "write"),
        ("GET", "bedrock.eu-west-1.amazonaws.com/foundation-models", "read_rest"),
        ("PUT", "execute.eu-west-1.amazonaws.com/a/b", "write"),
        ("GET", "apigateway.eu-west-1.amazonaws.com/apikeys", "credential_rest"),
        ("GET", "apigateway.eu-west-1.amazonaws.com/apikeys/", "credential_rest"),
    ],
)
def test_other_services_by_path(method: str, url: str, action: str) -> None:
    assert asked(method, url).action == f"/aws/other/{action}"


@pytest.mark.parametrize("disguise", walk.DISGUISES)
def test_a_disguised_change_never_passes_unasked(disguise: walk.Change) -> None:
    wrong = [
        str(call)
        for call, unit in units(named=True, mutating=True)
        if unit.risk == "step_up"
        and any(each.risk == "low" for each in walk.units_of(AWS.library, disguise(sent(call))))
    ]
    assert wrong == []


def test_a_change_by_get_is_the_same_change() -> None:
    """The query protocol takes its arguments from the URL as well."""
    for call, unit in units(named=True, mutating=True):
        if call.protocol == "query" and call.operation.startswith(("Delete", "Put", "Attach", "Terminate")):
            target = f"/?Action={call.operation}{form(call.needs)}"
            request = replace(sent(call), method="GET", target=target, body=b"", headers=())
            (moved,) = AWS.library.map(request).units
            assert (moved.action, moved.risk) == (unit.action, unit.risk)


HOSTS = [
    "iam.amazonaws.com",
    "ec2.eu-west-1.amazonaws.com",
    "dynamodb.eu-west-1.amazonaws.com",
    "kms.eu-west-1.amazonaws.com",
    "sqs.eu-west-1.amazonaws.com",
    "sns.eu-west-1.amazonaws.com",
]
ODD = ["GetXAndDelete", "ListAndPurge", "Getaway", "CheckoutLicense", "CheckpointRun", "DescribeThenDelete"]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", [*ODD, "Get", "getuser", "GETUSER", "ListTables_", "List", "G%65t"])
def test_a_name_that_only_begins_like_a_read_is_none(host: str, name: str) -> None:
    assert risk("POST", f"{host}/", f"Action={name}".encode(), FORM) in {"step_up", "refused"}
    assert risk("POST", f"{host}/", b"{}", JSON, X_Amz_Target=f"A.{name}") in {"step_up", "refused"}
    assert risk("GET", f"{host}/?Action={name}") in {"step_up", "refused"}


@pytest.mark.parametrize("host", HOSTS)
def test_a_target_of_another_service_is_not_that_service_s_read(host: str) -> None:
    for target in (
        "secretsmanager.GetSecretValue",
        "AWSSecurityTokenService.GetSessionToken",
        "A.DeleteTable",
    ):
        assert risk("POST", f"{host}/", b"{}", JSON, X_Amz_Target=target) in {"step_up", "refused"}


@pytest.mark.parametrize("host", HOSTS)
def test_two_operations_are_refused(host: str) -> None:
    read, change = b"Action=ListTables", b"Action=DeleteTable"
    assert risk("POST", f"{host}/?Action=ListTables", change, FORM) == "refused"
    assert risk("POST", f"{host}/?Action=DeleteTable", read, FORM) == "refused"
    assert risk("POST", f"{host}/", read + b"&" + change, FORM) == "refused"
    assert risk("POST", f"{host}/", read + b"&action=DeleteTable", FORM) == "refused"
    assert risk("GET", f"{host}/?Action=ListTables&Action=DeleteTable") == "refused"
    assert risk("POST", f"{host}/", change, FORM, X_Amz_Target="A.ListTables") == "refused"
    assert risk("POST", f"{host}/?Action=DeleteTable", b"{}", JSON, X_Amz_Target="A.ListTables") == "refused"
    path = "service/A/operation/ListTables"
    assert risk("POST", f"{host}/{path}", change, FORM, Smithy_Protocol="rpc-v2-cbor") == "refused"


@pytest.mark.parametrize("values", [("A.ListTables", "A.DeleteTable"), ("A.ListTables", "A.ListTables")])
def test_two_targets_are_refused(values: tuple[str, str]) -> None:
    call = Call("POST", "dynamodb.eu-west-1.amazonaws.com", "/", "dynamodb.ListTables", "json")
    targets = (("X-Amz-Target", values[0]), ("x-amz-target", values[1]))
    request = replace(sent(call), headers=(("Content-Type", JSON), *targets))
    assert isinstance(walk.mapped(AWS.library, request), Refusal)


TARGETS = [
    "ListTables",
    "A.B.ListTables;DeleteTable",
    "A,B.ListTables",
    "A.List Tables",
    "A.",
    "A.ListTables\t,x",
]


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_that_is_spelled_oddly_is_refused(target: str) -> None:
    assert risk("POST", "dynamodb.eu-west-1.amazonaws.com/", b"{}", JSON, X_Amz_Target=target) == "refused"


@pytest.mark.parametrize(
    "kind", [JSON, CBOR, XML, "application/json", "text/plain", "application/octet-stream"]
)
@pytest.mark.parametrize(
    "host", ["iam.amazonaws.com", "ec2.eu-west-1.amazonaws.com", "sns.eu-west-1.amazonaws.com"]
)
def test_a_form_under_another_type_s_name_is_refused(host: str, kind: str) -> None:
    """Whether AWS would read it, nobody has promised."""
    body = b"Action=DeleteUser&UserName=bob"
    assert risk("POST", f"{host}/?Action=ListUsers", body, kind) == "refused"
    assert risk("POST", f"{host}/", body, kind, X_Amz_Target="A.ListUsers") == "refused"


@pytest.mark.parametrize("service", sorted(NAMED))
def test_a_signature_for_another_service_than_the_host_s_is_refused(service: str) -> None:
    for call, _ in units(named=True, mutating=True):
        if call.service == service:
            other = signature("sts" if service == "iam" else "iam")
            request = sent(call)
            headers = tuple(
                (name, other if name == "Authorization" else value) for name, value in request.headers
            )
            assert isinstance(walk.mapped(AWS.library, replace(request, headers=headers)), Refusal)
            break


SCOPE = "AKIA/20260101/us-east-1/iam/aws4_request"
HMAC = f"AWS4-HMAC-SHA256 Credential={SCOPE}"


@pytest.mark.parametrize(
    "authorization",
    [
        f"{HMAC}, SignedHeaders=host, SignedHeaders=host;x-amz-target, Signature=0",
        f"{HMAC}, Credential={SCOPE}, SignedHeaders=host, Signature=0",
        f"{HMAC}, Signature=0",
        f"{HMAC}, signedheaders=host, Signature=0",
        f"aws4-hmac-sha256 Credential={SCOPE}, SignedHeaders=host, Signature=0",
        f"{HMAC.removesuffix('/aws4_request')}, SignedHeaders=host, Signature=0",
        f"{HMAC.replace('iam', 'IAM')}, SignedHeaders=host, Signature=0",
        f"Basic eDp5, {HMAC}, SignedHeaders=host, Signature=0",
    ],
)
def test_a_signature_that_can_be_read_in_two_ways_is_refused(authorization: str) -> None:
    body = b"Action=DeleteUser&UserName=bob"
    assert risk("POST", "iam.amazonaws.com/", body, FORM, Authorization=authorization) == "refused"


@pytest.mark.parametrize("headers", ["host;x-amz-date", "content-type;host;x-amz-date;x-amz-target", "host"])
def test_the_list_of_signed_headers_changes_nothing(headers: str) -> None:
    authorization = f"{HMAC}, SignedHeaders={headers}, Signature=0"
    unit = asked(
        "POST", "iam.amazonaws.com/", b"Action=DeleteUser&UserName=bob", FORM, Authorization=authorization
    )
    assert (unit.action, unit.risk, unit.resource.id) == ("/aws/iam/delete_user", "step_up", "bob")


def test_a_url_signed_for_another_service_is_refused() -> None:
    scope = "AKIA%2F20260101%2Fus-east-1%2Fsts%2Faws4_request"
    url = f"iam.amazonaws.com/?Action=ListUsers&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}"
    assert risk("GET", url) == "refused"


@pytest.mark.parametrize("name", ["X_HTTP_Method_Override", "X_HTTP_Method", "X_Method_Override"])
def test_a_method_override_is_refused(name: str) -> None:
    url = "lambda.eu-west-1.amazonaws.com/2015-03-31/functions/f"
    assert risk("GET", url, b"", "", **{name: "DELETE"}) == "refused"
    assert risk("DELETE", url, b"", "", **{name: "GET"}) == "refused"


@pytest.mark.parametrize(
    "url",
    [
        "lambda.eu-west-1.amazonaws.com/2015-03-31/functions",
        "lambda.eu-west-1.amazonaws.com/2015-03-31/functions/",
        "lambda.eu-west-1.amazonaws.com/2015-03-31/functions/f",
        "lambda.eu-west-1.amazonaws.com/2015-03-31/functions/f/",
        "lambda.eu-west-1.amazonaws.com/2015-03-31/functions/f/configuration/",
        "lambda.eu-west-1.amazonaws.com/2014-11-13/functions/f",
        "lambda.amazonaws.com/2015-03-31/functions/f",
        "lambda.eu-west-1.amazonaws.com/2018-10-31/layers?find=LayerVersion&Arn=x",
        "lambda.eu-west-1.amazonaws.com/2018-10-31/layers/l/versions/1/",
    ],
)
def test_a_function_s_environment_and_code_are_read_by_no_other_name(url: str) -> None:
    assert asked("GET", url).risk == "step_up"


@pytest.mark.parametrize("service", ["s3", "s3express", "s3-object-lambda"])
@pytest.mark.parametrize("query", ["", "?delete", "?restore", "?uploads"])
def test_an_object_that_is_named_like_an_operation_is_none(service: str, query: str) -> None:
    """Who has not asked for the template s3 finds its hosts here."""
    url = f"s3.eu-west-1.amazonaws.com/service/x/operation/ListTopics{query}"
    signed = {"Authorization": signature(service), "Smithy_Protocol": "rpc-v2-cbor"}
    assert risk("POST", url, b"", "", **signed) == "step_up"
    assert risk("GET", f"s3.eu-west-1.amazonaws.com/{query or '?'}&session", b"", "", **signed) == "step_up"


def test_only_these_hosts_are_awss() -> None:
    for host in (
        "iam.amazonaws.com.evil.test",
        "iam.amazonaws.co",
        "amazonaws.com",
        "xn--iam.amazonaws.com.cn",
    ):
        assert AWS.library.serves("https", host, 443) is None
    for host in ("iam.amazonaws.com", "ec2.us-gov-west-1.amazonaws.com", "kms.eu-west-1.api.aws"):
        assert AWS.library.serves("https", host, 443) == "aws"
