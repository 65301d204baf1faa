import pytest

from gateway.errors import ConfigError, Place
from gateway.templates.hosts import HostPattern, parse_service_host
from gateway.templates.params import read_param
from tests.gateway.templates.making import yaml

HERE = Place("t.yaml", 1, 1)


def host(text: str) -> HostPattern:
    return parse_service_host(text, HERE, {"region": read_param("region", yaml('{pattern: "[a-z]+-[0-9]"}'))})


def test_hosts_mean_https_on_443_unless_written_otherwise() -> None:
    plain = host("api.shop.test")
    assert plain.match("https", "api.shop.test", 443) == []
    assert plain.match("http", "api.shop.test", 80) is None
    assert plain.match("https", "api.shop.test", 8443) is None
    assert host("api.shop.test:8443").match("https", "api.shop.test", 8443) == []
    assert host("http://localhost").match("http", "localhost", 80) == []
    assert host("http://localhost:8080").origin("localhost") == "http://localhost:8080"
    assert plain.origin("api.shop.test") == "https://api.shop.test"


def test_one_label_and_many() -> None:
    one = host("{region}.up.shop.test")
    assert one.match("https", "eu-1.up.shop.test", 443) == ["eu-1"]
    assert one.match("https", "eu.up.shop.test", 443) is None
    assert one.match("https", "a.eu-1.up.shop.test", 443) is None
    many = host("{bucket*}.s3.{region}.aws.test")
    assert many.match("https", "a.b.s3.eu-1.aws.test", 443) == ["a.b", "eu-1"]
    assert many.match("https", "s3.eu-1.aws.test", 443) is None


@pytest.mark.parametrize(
    "name",
    [
        "API.shop.test",
        "api.shop.test.",
        "api.shop.test\u3002",
        "аpi.shop.test",
        "api\u2024shop.test",
        "api.shop.test:443",
        "api.shop.test@evil.test",
        "api.shop.test%2eevil.test",
        "xapi.shop.test",
        "api.shop.test.evil.test",
    ],
)
def test_confusable_hosts_are_not_the_host(name: str) -> None:
    assert host("api.shop.test").match("https", name, 443) is None


@pytest.mark.parametrize(
    "name", ["A.shop.test", "a b.shop.test", "a/b.shop.test", "é.shop.test", ".shop.test", "a..shop.test"]
)
def test_a_pattern_takes_only_names_of_hosts(name: str) -> None:
    assert host("{x*}.shop.test").match("https", name, 443) is None


@pytest.mark.parametrize(
    "text",
    [
        "API.test",
        "ftp://a.test",
        "a.test:0",
        "a.test:99999",
        "a..test",
        "a_.test/",
        "a.{x*}.test",
        "-a.test",
        "{a}{b}.test",
        "{x*}.{y*}.test",
        "a.test/path",
        "",
    ],
)
def test_what_is_no_host_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        host(text)
    assert str(caught.value).startswith("t.yaml:1:1: ")
