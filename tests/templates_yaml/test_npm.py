"""npm's template: publishing is asked about however a package is written."""

import contextlib

import pytest

from gateway.errors import Refusal
from tests.templates_yaml import walk

NPM = walk.Walk("npm", "registry.npmjs.org", usual=("application/json", b"{}"))
asked = NPM.asked
REGISTRY = "registry.npmjs.org"


def test_every_dangerous_group_steps_up() -> None:
    actions = NPM.library.actions()
    assert [
        each.id for each in actions if each.risk == "low" and set(each.groups) & set(walk.DANGEROUS)
    ] == []


@pytest.mark.parametrize("path", ["@acme%2fx", "@acme%2Fx", "@acme/x"])
def test_a_scope_is_one_package_however_its_slash_is_written(path: str) -> None:
    unit = asked("PUT", f"{REGISTRY}/{path}", b'{"versions": {"1.0.0": {}}}')
    assert (unit.action, str(unit.resource)) == ("/npm/package/publish", 'Npm::Package::"@acme/x"')


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "left-pad/"),
        ("PUT", "left-pad/-rev/1"),
        ("DELETE", "left-pad/-rev/1"),
        ("DELETE", "left-pad/-/left-pad-1.0.0.tgz/-rev/1"),
        ("PUT", "-/package/left-pad/dist-tags/latest"),
        ("PUT", "-/org/acme/user"),
        ("POST", "-/npm/v1/tokens"),
        ("GET", "-/npm/v1/tokens"),
        ("GET", "-/npm/v1/tokens/"),
        ("POST", "-/npm/v1/anything"),
        ("GET", "-/npm/v1/anything"),
    ],
)
def test_what_publishes_or_hands_out_rights_is_asked_about(method: str, path: str) -> None:
    assert asked(method, f"{REGISTRY}/{path}", b"{}" if method != "GET" else b"").risk == "step_up"


@pytest.mark.parametrize("path", ["left%2Fpad", "@acme%2Fx%2Fy", "..%2fx", "%2e%2e"])
def test_a_slash_where_none_may_be_is_never_a_quiet_write(path: str) -> None:
    with contextlib.suppress(Refusal):
        assert asked("PUT", f"{REGISTRY}/{path}", b"{}").risk == "step_up"


def test_installing_passes() -> None:
    for path in ("left-pad", "@acme%2fx", "left-pad/-/left-pad-1.0.0.tgz", "left-pad/1.0.0"):
        assert asked("GET", f"{REGISTRY}/{path}").risk == "low"
