"""Lists of operations, one a line."""

from pathlib import Path

import pytest

from gateway.authoring.operations import read_operations, split_origin
from gateway.errors import ConfigError


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "tea.tsv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_a_list_names_its_description_and_its_operations(tmp_path: Path) -> None:
    found = read_operations(written(tmp_path, "# Tea 1.2\nGET\t/v1/teas\tlistTeas\n\nPOST\t/v1/teas\t\n"))
    assert found.title == "Tea 1.2"
    assert [(each.method, each.path, each.id) for each in found.operations] == [
        ("GET", "/v1/teas", "listTeas"),
        ("POST", "/v1/teas", "POST /v1/teas"),
    ]
    assert [each.mutating for each in found.operations] == [False, True]


def test_a_path_may_name_its_host(tmp_path: Path) -> None:
    (found,) = read_operations(written(tmp_path, "GET\thttps://b.tea.example/x\tx\n")).operations
    assert (found.origins, found.path) == (("https://b.tea.example",), "/x")
    assert split_origin("https://a.example") == ("https://a.example", "/")


@pytest.mark.parametrize("line", ["GET", "GET /x list", "\t/x\ty", "GET\tx\ty", "G1\t/x\ty"])
def test_a_line_that_is_no_operation_is_named_with_its_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match="no operation") as caught:
        read_operations(written(tmp_path, f"# Tea\n{line}\n"))
    assert caught.value.place is not None
    assert caught.value.place.line == 2


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="UTF-8"):
        read_operations(written(tmp_path, b"\xff\xfe"))


def test_a_list_without_a_title_is_called_after_its_file(tmp_path: Path) -> None:
    assert read_operations(written(tmp_path, "GET\t/x\ty\n")).title == "tea"
