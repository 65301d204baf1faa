from pathlib import Path

import pytest

from gateway.settings import Address, Listen, PagesTls, Settings

BASE = Settings(file=Path("/c/s.yaml"), state=Path("/c/state"), policy=Path("/c/p"), entities=Path("/c/e"))


def test_the_start_is_the_safe_one() -> None:
    assert (BASE.unknown_hosts, BASE.trusted_hosts, BASE.config_trust) == ("refuse", (), "files")
    assert BASE.listen.proxy.host == "127.0.0.1"
    assert BASE.listen.pages.host == "localhost"
    approvals = BASE.approvals
    assert (approvals.owner_may_approve, approvals.ttl, approvals.join) == (False, 60, "address")
    assert (approvals.deny_for, approvals.max_quorum) == (600, 5)
    assert BASE.upstream.allow == ()
    assert BASE.limits.step_up_body <= BASE.limits.body
    assert BASE.limits.disk_reserve > 0


@pytest.mark.parametrize(
    ("settings", "origin"),
    [
        ({}, "http://localhost:8081"),
        ({"pages_tls": PagesTls(Path("c"), Path("k"))}, "https://localhost:8081"),
        ({"listen": Listen(pages=Address("localhost", 9))}, "http://localhost:9"),
        ({"public_url": "https://sign.example"}, "https://sign.example"),
    ],
)
def test_the_origin_is_what_people_type(settings: dict[str, object], origin: str) -> None:
    from dataclasses import replace

    assert replace(BASE, **settings).origin == origin  # type: ignore[arg-type]  # parametrised


def test_an_address_reads_as_it_is_written() -> None:
    assert str(Address("127.0.0.1", 8080)) == "127.0.0.1:8080"


def test_an_ipv6_address_stands_in_brackets_so_that_a_proxy_url_of_it_works() -> None:
    assert str(Address("::1", 8080)) == "[::1]:8080"
