"""Kubernetes' template against every operation of its official client."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from gateway.errors import Refusal
from tests.templates_yaml import walk

JSON = "application/json"
MERGE = "application/merge-patch+json"
HOST = "kubernetes.default.svc"


@dataclass(frozen=True, slots=True)
class Cluster(walk.Walk):
    def operations(self) -> Iterator[walk.Operation]:
        """A version is never x1."""
        for each in walk.Walk.operations(self):
            yield replace(each, path=each.path.replace("{version}", "v1"))


KUBERNETES = Cluster("kubernetes", HOST, usual=(JSON, b"{}"))
asked = KUBERNETES.asked


def risk_of(method: str, path: str, body: bytes = b"", kind: str = MERGE, **headers: str) -> str:
    try:
        return asked(method, HOST + path, body, kind, **headers).risk
    except Refusal:
        return "refused"


LOW = {"/kubernetes/review/token": "asks whose token it is, and hides it"}


class TestPromises(walk.Promises):
    walk = KUBERNETES
    least = 990
    low = LOW


SECRET = "/api/v1/namespaces/prod/secrets/db"


def test_a_secret_is_not_read_by_a_dry_run_of_a_change() -> None:
    for method in ("PATCH", "PUT"):
        assert risk_of(method, f"{SECRET}?dryRun=All", b"{}") == "step_up"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/secrets",
        "/api/v1/namespaces/prod/secrets",
        "/api/v1/namespaces/prod/secrets?watch=true",
        "/api/v1/watch/secrets",
        "/api/v1/watch/namespaces/prod/secrets",
        "/api/v1/watch/namespaces/prod/secrets/db",
        "/api/v1/secrets/",
        "/api/v1/namespaces/prod/Secrets/db",
        "//api/v1/secrets",
        "/api/v1/namespaces/prod%2Fsecrets",
        "/api/v1/namespaces/prod/pods/../secrets",
    ],
)
def test_no_way_of_reading_secrets_passes_unasked(path: str) -> None:
    assert risk_of("GET", path) in {"step_up", "refused"}


@pytest.mark.parametrize("sub", ["exec", "attach", "portforward", "proxy", "proxy/", "proxy/x", "newest"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_connection_into_a_pod_is_a_read(sub: str, method: str) -> None:
    assert risk_of(method, f"/api/v1/namespaces/prod/pods/web/{sub}") == "step_up"


@pytest.mark.parametrize(
    "query", ["dryRun=all", "dryRun=", "dryRun=All&dryRun=All", "dryrun=All", "DryRun=All"]
)
def test_only_one_exact_word_is_a_dry_run(query: str) -> None:
    assert risk_of("DELETE", f"/api/v1/namespaces/prod/pods/web?{query}") in {"step_up", "refused"}


def test_a_body_undoes_the_dry_run_of_a_delete() -> None:
    path = "/api/v1/namespaces/prod/pods/web?dryRun=All"
    assert (risk_of("DELETE", path), risk_of("DELETE", path, b"{}")) == ("low", "step_up")


def test_an_aggregated_server_may_not_know_dry_runs() -> None:
    assert risk_of("PATCH", "/apis/shop.example/v1/namespaces/prod/orders/7?dryRun=All", b"{}") == "step_up"


@pytest.mark.parametrize(
    "body",
    [
        b'{"spec": {"replicas": 0}}',
        b'{"spec": {"replicas": 3.0e9}}',
        b'{"spec": {"replicas": 3, "replicas": 0}}',
        b'{"spec": {"replicas": "0"}}',
        b'{"spec": {}}',
        b'[{"op": "replace", "path": "/spec/replicas", "value": 0}]',
    ],
)
def test_scaling_down_to_nothing_is_asked_about_however_it_is_written(body: bytes) -> None:
    path = "/apis/apps/v1/namespaces/prod/deployments/web/scale"
    assert risk_of("PATCH", path, body) in {"step_up", "refused"}
    assert risk_of("PATCH", path, b'{"spec": {"replicas": 3}}') == "low"


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
@pytest.mark.parametrize("path", ["/api/v1/namespaces/prod/pods/web", "/version", "/anything"])
def test_nothing_is_done_as_somebody_else_unasked(method: str, path: str) -> None:
    unit = asked(method, HOST + path, Impersonate_User="system:admin")
    assert (unit.action, unit.risk) == ("/kubernetes/impersonate", "step_up")
    assert "destructive" in unit.groups
    assert "system:admin" in walk.said(unit)


def test_a_namespace_is_a_child_of_its_cluster() -> None:
    unit = asked("DELETE", f"{HOST}/apis/apps/v1/namespaces/prod/deployments/web")
    assert str(unit.resource) == f'K8s::Namespace::"{HOST}/prod"'
    assert [str(each) for each in unit.parents[unit.resource]] == [f'K8s::Cluster::"{HOST}"']


def test_rights_are_in_two_groups() -> None:
    unit = asked("POST", f"{HOST}/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", b"{}")
    assert {"access", "credential"} <= set(unit.groups)
