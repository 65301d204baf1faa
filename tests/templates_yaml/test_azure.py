"""Azure's template against every change that its official clients can make."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from gateway.errors import Refusal
from gateway.model import Request
from tests.templates_yaml import walk

JSON = "application/json"
HOST = "management.azure.com"
GROUP = "/subscriptions/s1/resourceGroups/g1"
IN_GROUP = f"{GROUP}/providers"
PLACES = {
    "{scope}": GROUP[1:],
    "{resourceId}": f"{IN_GROUP}/Microsoft.Any/things/x1"[1:],
    "{roleAssignmentId}": f"{IN_GROUP}/Microsoft.Authorization/roleAssignments/x1"[1:],
    "{parentResourcePath}": "parents/x1",
}
"""What stands for more than one segment in the clients' paths."""


@dataclass(frozen=True, slots=True)
class Azure(walk.Walk):
    def operations(self) -> Iterator[walk.Operation]:
        for each in walk.Walk.operations(self):
            path = each.path
            for name, place in PLACES.items():
                path = path.replace(name, place)
            yield replace(each, path=path)


AZURE = Azure("azure", HOST, usual=(JSON, b"{}"))
asked = AZURE.asked


def risk_of(method: str, path: str, body: bytes = b"", kind: str = JSON) -> str:
    try:
        return asked(method, HOST + path, body, kind).risk
    except Refusal:
        return "refused"


LOW = {
    "/azure/name/check": "asks whether a name is free",
    "/azure/deployment/preview": "says what a deployment would do, and does nothing",
    "/azure/billing/quote": "asks for a price, and orders nothing",
}


class TestPromises(walk.Promises):
    walk = AZURE
    least = 1740
    low = LOW


def with_all_capitals(request: Request) -> Request:
    return replace(request, target=request.target.upper())


def test_no_case_of_a_path_makes_another_action_of_it() -> None:
    """Azure reads a path in any case."""
    for operation in AZURE.operations():
        request = AZURE.request(operation)
        (unit,), (shouted,) = (
            walk.units_of(AZURE.library, each) for each in (request, with_all_capitals(request))
        )
        assert (shouted.action, shouted.risk, shouted.resource) == (unit.action, unit.risk, unit.resource), (
            operation
        )


VM = f"{IN_GROUP}/Microsoft.Compute/virtualMachines/v1"
STORE = f"{IN_GROUP}/Microsoft.Storage/storageAccounts/a1"


@pytest.mark.parametrize(
    ("method", "path", "action", "group"),
    [
        ("DELETE", GROUP, "resource_group/delete", "destructive"),
        ("POST", f"{STORE}/listKeys", "storage/list_keys", "credential"),
        ("POST", f"{STORE}/listAccountSas", "storage/make_sas", "credential"),
        ("POST", f"{STORE}/regenerateKey", "storage/regenerate_key", "credential"),
        ("POST", f"{VM}/runCommand", "vm/run_command", "execute"),
        ("PUT", f"{VM}/extensions/e1", "vm/set_extension", "execute"),
        ("POST", f"{VM}/deallocate", "vm/stop", "destructive"),
        ("PUT", f"{VM}/providers/Microsoft.Authorization/roleAssignments/r1", "role/set", "access"),
        ("DELETE", f"{VM}/providers/Microsoft.Authorization/locks/l1", "lock/delete", "access"),
        (
            "PUT",
            "/subscriptions/s1/providers/Microsoft.Authorization/policyAssignments/p1",
            "policy/set",
            "access",
        ),
        ("POST", "/providers/Microsoft.Authorization/elevateAccess", "role/elevate", "access"),
        ("PUT", f"{IN_GROUP}/Microsoft.Resources/deployments/d1", "deployment/set", "execute"),
        ("POST", f"{IN_GROUP}/Microsoft.Compute/disks/d1/beginGetAccess", "disk/export", "credential"),
        (
            "PUT",
            f"{IN_GROUP}/Microsoft.Network/networkSecurityGroups/n1/securityRules/r1",
            "network_rule/set",
            "access",
        ),
        (
            "POST",
            f"{IN_GROUP}/Microsoft.Web/sites/w1/config/appsettings/list",
            "site/read_config",
            "credential",
        ),
        ("POST", f"{IN_GROUP}/Microsoft.Web/sites/w1/slots/b/publishxml", "site/secrets", "credential"),
        (
            "POST",
            f"{IN_GROUP}/Microsoft.ContainerService/managedClusters/c1/listClusterAdminCredential",
            "cluster/credentials",
            "credential",
        ),
        (
            "POST",
            f"{IN_GROUP}/Microsoft.ContainerRegistry/registries/r1/listCredentials",
            "registry/credentials",
            "credential",
        ),
        (
            "POST",
            f"{IN_GROUP}/Microsoft.DocumentDB/databaseAccounts/c1/listKeys",
            "cosmos/keys",
            "credential",
        ),
        ("POST", f"{IN_GROUP}/Microsoft.Cache/redis/r1/listKeys", "key/use", "credential"),
        (
            "POST",
            "/providers/Microsoft.Capacity/reservationOrders/o1/purchase",
            "billing/purchase",
            "payment",
        ),
        ("PUT", "/providers/Microsoft.Subscription/aliases/a1", "subscription/create", "payment"),
        (
            "DELETE",
            "/providers/Microsoft.Management/managementGroups/m1",
            "management_group/delete",
            "access",
        ),
    ],
)
def test_what_is_dangerous_has_its_name_in_any_case(method: str, path: str, action: str, group: str) -> None:
    for written in (path, path.lower(), path.upper()):
        unit = asked(method, HOST + written, b"" if method == "DELETE" else b"{}")
        assert (unit.action, unit.risk) == (f"/azure/{action}", "step_up")
        assert group in unit.groups


@pytest.mark.parametrize("end", ["", "/", "%2F", "/."])
@pytest.mark.parametrize(
    "path",
    [
        f"{IN_GROUP}/Microsoft.Network/connections/c1/sharedkey",
        f"{IN_GROUP}/Microsoft.Network/connections/c1/SharedKey",
        f"{IN_GROUP}/Microsoft.Web/sites/w1/functions/admin/token",
        f"{IN_GROUP}/Microsoft.Web/sites/w1/slots/b/processes/1/dump",
        "/providers/Microsoft.Web/sourcecontrols",
    ],
)
def test_no_spelling_of_a_read_of_secrets_passes_unasked(path: str, end: str) -> None:
    assert risk_of("GET", path + end) in {"step_up", "refused"}


@pytest.mark.parametrize("word", ["subscriptions", "resourceGroups", "providers"])
def test_a_letter_that_only_looks_folded_is_no_way_around(word: str) -> None:
    path = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/a1/listKeys"
    assert risk_of("POST", path.replace(word, word.replace("s", "%C5%BF")), b"{}") in {"step_up", "refused"}


def test_a_batch_may_be_anything() -> None:
    body = b'{"requests": [{"httpMethod": "DELETE", "relativeUrl": "/subscriptions/s1/resourcegroups/g1"}]}'
    unit = asked("POST", f"{HOST}/batch?api-version=2020-06-01", body)
    assert (unit.action, unit.risk) == ("/azure/batch/send", "step_up")
    assert {"destructive", "credential", "access", "execute", "payment", "publish"} <= set(unit.groups)
    assert "/subscriptions/s1/resourcegroups/g1" in walk.said(unit)


def test_a_resource_is_in_its_group_and_the_group_in_its_subscription() -> None:
    unit = asked("PUT", f"{HOST}/Subscriptions/S1/resourcegroups/G1/providers/Microsoft.Any/Things/X1", b"{}")
    assert str(unit.resource) == 'Azure::Resource::"s1/g1/microsoft.any/things/x1"'
    (group,) = unit.parents[unit.resource]
    assert str(group) == 'Azure::ResourceGroup::"s1/g1"'
    assert [str(each) for each in unit.parents[group]] == ['Azure::Subscription::"s1"']


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        (VM, "json:/properties/osProfile/adminPassword"),
        (f"{IN_GROUP}/Microsoft.KeyVault/vaults/v1/secrets/s1", "json:/properties/value"),
        (f"{IN_GROUP}/Microsoft.Sql/servers/s1", "json:/properties/administratorLoginPassword"),
        (f"{IN_GROUP}/Microsoft.Web/sites/w1/config/appsettings", "json:/properties"),
    ],
)
def test_secrets_are_seen_by_nobody(path: str, hidden: str) -> None:
    assert hidden in asked("PUT", HOST + path, b"{}").secret
