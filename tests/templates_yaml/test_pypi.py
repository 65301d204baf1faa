"""PyPI's template: an upload is read as the index reads it, or refused."""

import contextlib

import pytest

from gateway.errors import Refusal
from tests.templates_yaml import walk

PARTS = "multipart/form-data; boundary=B"
PYPI = walk.Walk("pypi", "upload.pypi.org", usual=(PARTS, b""))
asked = PYPI.asked


def upload(*fields: tuple[str, str], kind: str = PARTS, host: str = "upload.pypi.org") -> str:
    parts = "".join(
        f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    )
    file = '--B\r\nContent-Disposition: form-data; name="content"; filename="a.whl"\r\n\r\nabc\r\n--B--\r\n'
    try:
        unit = asked("POST", f"{host}/legacy/", (parts + file).encode(), kind)
    except Refusal:
        return "refused"
    return f"{unit.action} {unit.resource.id} {unit.risk}"


NAMED = ((":action", "file_upload"), ("name", "Foo"), ("version", "1"))


@pytest.mark.parametrize("host", ["upload.pypi.org", "test.pypi.org"])
def test_an_upload_names_its_project(host: str) -> None:
    assert upload(*NAMED, host=host) == "/pypi/file/upload foo step_up"


def test_a_project_named_twice_is_refused() -> None:
    assert upload(*NAMED, ("name", "bar")) == "refused"


def test_an_upload_without_a_name_or_in_another_form_is_refused() -> None:
    assert upload(*NAMED[:1]) == "refused"
    assert upload(*NAMED, kind="text/plain") == "refused"


def test_another_action_is_asked_about_as_well() -> None:
    assert upload((":action", "doc_upload"), *NAMED[1:]).endswith("step_up")


@pytest.mark.parametrize("path", ["legacy", "legacy//", "Legacy/", "manage/project/foo/delete/", "pypi"])
def test_no_other_address_writes_unasked(path: str) -> None:
    with contextlib.suppress(Refusal):
        assert asked("POST", f"upload.pypi.org/{path}", b"--B--\r\n").risk == "step_up"


def test_an_upload_token_is_not_minted_unasked() -> None:
    unit = asked("POST", "pypi.org/_/oidc/mint-token", b'{"token": "x"}', "application/json")
    assert (unit.risk, unit.groups) == ("step_up", ("credential",))


def test_installing_passes() -> None:
    assert asked("GET", "pypi.org/simple/requests/").risk == "low"
