"""The template of container registries: what names an image is asked about, its layers pass."""

import pytest

from gateway.errors import Refusal
from tests.templates_yaml import walk

DOCKER = walk.Walk("docker", "ghcr.io", usual=("application/json", b"{}"))
asked = DOCKER.asked
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def test_every_dangerous_group_steps_up_but_fetching_a_token() -> None:
    actions = DOCKER.library.actions()
    low = {each.id for each in actions if each.risk == "low" and set(each.groups) & set(walk.DANGEROUS)}
    assert low == {"/docker/token/get"}


@pytest.mark.parametrize("host", ["registry-1.docker.io", "ghcr.io", "quay.io"])
@pytest.mark.parametrize("name", ["latest", "sha256:ab12"])
@pytest.mark.parametrize("image", ["web", "acme/web", "acme/blobs/uploads", "acme/manifests/v1"])
def test_an_image_is_pushed_only_where_somebody_looked(host: str, name: str, image: str) -> None:
    unit = asked("PUT", f"{host}/v2/{image}/manifests/{name}", b'{"layers": []}', MANIFEST)
    assert (unit.action, unit.risk) == ("/docker/manifest/push", "step_up")
    assert unit.resource.id == f"{host}/{image}"


def test_a_manifest_of_an_unknown_type_is_still_read() -> None:
    body = b'{"layers": [], "layers": [{}]}'
    with pytest.raises(Refusal):
        asked("PUT", "ghcr.io/v2/acme/web/manifests/v1", body, "application/octet-stream")


@pytest.mark.parametrize(
    "path",
    [
        "v2/acme/web/manifests/v1",
        "v2/acme/web/manifests/v1/",
        "v2/acme/web/blobs/sha256:ab",
        "api/v1/repository/a/b",
    ],
)
def test_no_deletion_passes_unasked(path: str) -> None:
    assert asked("DELETE", f"quay.io/{path}").risk == "step_up"


def test_layers_and_pulls_pass() -> None:
    assert asked("POST", "ghcr.io/v2/acme/web/blobs/uploads/").risk == "low"
    assert asked("GET", "ghcr.io/v2/acme/web/manifests/latest").risk == "low"
