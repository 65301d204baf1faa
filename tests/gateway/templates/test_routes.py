from pathlib import Path

import pytest

from gateway.errors import ConfigErrors
from gateway.templates import Library
from tests.gateway.templates.making import HEAD


def files(tmp_path: Path, **hosts: str) -> list[Path]:
    made = []
    for name, listed in hosts.items():
        file = tmp_path / f"{name}.yaml"
        text = HEAD.replace("service: shop", f"service: {name}").replace(
            "namespace: Shop", f"namespace: {name.title()}"
        )
        file.write_text(text.replace("[api.shop.test]", listed) + "actions: []\n", encoding="utf-8")
        made.append(file)
    return made


def test_an_exact_host_before_a_pattern_and_a_narrow_before_a_wide_one(tmp_path: Path) -> None:
    listed = files(
        tmp_path,
        wide='["{any*}.corp.test"]',
        narrow='["{x}.a.corp.test"]',
        exact='[b.a.corp.test, "http://b.a.corp.test:8080"]',
    )
    for order in (listed, listed[::-1]):
        routes = Library.load(order)
        assert routes.serves("https", "b.a.corp.test", 443) == "exact"
        assert routes.serves("http", "b.a.corp.test", 8080) == "exact"
        assert routes.serves("https", "c.a.corp.test", 443) == "narrow"
        assert routes.serves("https", "d.c.a.corp.test", 443) == "wide"
        assert routes.serves("https", "corp.test", 443) is None
        assert routes.serves("http", "c.a.corp.test", 80) is None
        assert len(routes.routes.on_host("b.a.corp.test")) >= 2


@pytest.mark.parametrize(
    ("one", "two", "host"),
    [
        ("[a.test]", "[b.test, a.test]", "https://a.test"),
        ('["{x}.test"]', '["{y}.test"]', "https://a.test"),
        ('["{x}.b.test"]', '["a.{y}.test"]', "https://a.b.test"),
    ],
)
def test_two_services_for_one_host_are_an_error(tmp_path: Path, one: str, two: str, host: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        Library.load(files(tmp_path, one=one, two=two))
    assert f'"two" and "one" both answer for {host}' in str(caught.value)


def test_a_name_and_a_namespace_are_one_services_each(tmp_path: Path) -> None:
    first, second = files(tmp_path, one="[a.test]", two="[b.test]")
    second.write_text(second.read_text(encoding="utf-8").replace("Two", "One"), encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        Library.load([first, second])
    assert 'The namespace "One" is also that of' in str(caught.value)
    with pytest.raises(ConfigErrors) as caught:
        Library.load([first, first])
    assert 'The name "one" is also that of' in str(caught.value)
