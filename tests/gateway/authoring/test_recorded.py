"""What was recorded: grouped into operations, with nothing of anybody's left in it."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authoring.drafting import draft
from gateway.authoring.recorded import (
    Seen,
    by_host,
    describe_seen,
    is_identifier,
    read_har,
    read_unmatched,
    schema_of,
    seen_url,
)
from gateway.errors import ConfigError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "log",
                    "entries",
                    "request",
                    "method",
                    "url",
                    "postData",
                    "text",
                    "mimeType",
                    "value",
                    "summary",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=14,
)


def entry(method: str, url: str, mime: str = "application/json", **posted: Any) -> dict[str, Any]:
    return {
        "request": {"method": method, "url": url, **({"postData": posted} if posted else {})},
        "response": {"content": {"mimeType": mime}},
    }


def har(folder: Path, *entries: Any) -> Path:
    file = folder / "tea.har"
    file.write_text(json.dumps({"log": {"entries": list(entries)}}))
    return file


@pytest.mark.parametrize(
    "text",
    [
        "42",
        "3fa85f64-5717-4562-b3fc-2c963f66afa6",
        "deadbeef01",
        "ch_3Nf9aa2",
        "kim@example.com",
        "a%20b",
        "01HV8ZQ3JX",
        "x" * 30,
    ],
)
def test_identifiers_are_told_from_words(text: str) -> None:
    assert is_identifier(text)


@pytest.mark.parametrize(
    "text",
    [
        "v1",
        "v2.1",
        "2024-01-01",
        "orders",
        "oauth2",
        "s3",
        "search-results",
        "",
        "very-long-words-with-dashes-in-between",
    ],
)
def test_words_are_told_from_identifiers(text: str) -> None:
    assert not is_identifier(text)


def test_urls_that_differ_in_identifiers_are_one_operation() -> None:
    seen = [Seen("GET", "https://a.example", f"/v1/orders/{n}/lines/{n}") for n in range(3)]
    (found,) = describe_seen(seen, "a").operations
    assert (found.path, found.known) == ("/v1/orders/{order_id}/lines/{line_id}", False)


def test_many_words_in_one_place_are_names() -> None:
    users = ["kim", "ada", "sam", "lee", "mio", "noa"]
    seen = [Seen("GET", "https://a.example", f"/users/{name}/repos") for name in users]
    assert [each.path for each in describe_seen(seen, "a").operations] == ["/users/{user_id}/repos"]
    words = ["orders", "teas", "cups", "pots", "users"]
    seen = [Seen("GET", "https://a.example", f"/v1/{name}") for name in words]
    assert [each.path for each in describe_seen(seen, "a").operations] == [f"/v1/{name}" for name in words]
    few = [Seen("GET", "https://a.example", f"/users/{name}/repos") for name in users[:2]]
    assert len(describe_seen(few, "a").operations) == 2


def test_a_place_at_the_root_is_an_id() -> None:
    seen = [Seen("GET", "https://a.example", "/1234/5678")]
    assert describe_seen(seen, "a").operations[0].path == "/{id}/{id_2}"


def test_nothing_that_was_recorded_comes_through(tmp_path: Path) -> None:
    secrets = ["hunter2", "kim@corp.example", "cus_9s8d7f6", "sk_live_abc"]
    file = har(
        tmp_path,
        entry(
            "POST",
            f"https://api.tea.example/v1/customers/{secrets[2]}?key={secrets[3]}",
            mimeType="application/json",
            text=json.dumps(
                {"password": secrets[0], "email": secrets[1], "name": secrets[0], "tags": [secrets[3]]}
            ),
        ),
        entry(
            "POST",
            "https://api.tea.example/v1/login",
            mimeType="application/x-www-form-urlencoded",
            text=f"password={secrets[0]}&name={secrets[1]}",
            params=[{"name": "name", "value": secrets[0]}],
        ),
    )
    text = draft(describe_seen(read_har(file), "tea")).text
    assert not [secret for secret in secrets if secret in text]
    assert '"json:/password"' in text
    assert '"form:password"' in text


def test_pages_scripts_and_preflights_are_no_api(tmp_path: Path) -> None:
    file = har(
        tmp_path,
        entry("GET", "https://a.example/", "text/html; charset=utf-8"),
        entry("GET", "https://a.example/app.js", "application/javascript"),
        entry("GET", "https://a.example/logo.png", ""),
        entry("OPTIONS", "https://a.example/api/x"),
        entry("GET", "data:text/plain,x"),
        entry("GET", "https://[::1/x"),
        "nonsense",
        entry("POST", "http://A.example:8080/api/x", mimeType="multipart/form-data; boundary=x", text="…"),
        entry("PUT", "https://a.example:443/api/x", mimeType="application/json", text="{"),
    )
    found = read_har(file)
    assert [(each.method, each.origin, each.path) for each in found] == [
        ("POST", "http://a.example:8080", "/api/x"),
        ("PUT", "https://a.example", "/api/x"),
    ]
    assert found[0].body is not None
    assert found[1].body is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"log": {"entries": []}}',
        '{"log": {"entries": [{}]}}',
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
)
def test_what_is_no_har_file_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.har"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        read_har(file)


@given(JSON)
def test_no_json_makes_the_readers_fall_over(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    file = tmp_path_factory.mktemp("har") / "x.har"
    for document in (value, {"log": {"entries": [{"request": value, "response": value}, value]}}):
        file.write_text(json.dumps(document))
        with contextlib.suppress(ConfigError):
            describe_seen(read_har(file), "x")
    read_unmatched(value)
    read_unmatched([value])
    schema_of(value)


@given(st.lists(st.tuples(st.sampled_from(["GET", "POST"]), st.text(max_size=30)), max_size=12))
def test_no_address_makes_the_grouping_fall_over(given: list[tuple[str, str]]) -> None:
    seen = [found for method, path in given if (found := seen_url(method, f"https://a.example/{path}"))]
    assert sum(1 for _ in describe_seen(seen, "x").operations) <= len(seen)


def envelope(action: str, *values: str) -> dict[str, Any]:
    return {
        "action": action,
        "summary": [{"value": values[0]}, {"text": " "}, *({"value": each} for each in values[1:])],
    }


def test_only_what_no_template_named_is_taken_from_the_log() -> None:
    found = read_unmatched(
        [
            envelope("/tea/unmatched/write", "POST", "api.tea.example/v1/x"),
            envelope("/tea/cup/fill", "POST", "api.tea.example/v1/y"),
            envelope("/tea/unmatched/write", "post it", "api.tea.example/v1/x"),
            envelope("/tea/unmatched/write", "POST", "api.tea.example/v1/cut…"),
            envelope("/tea/unmatched/write", "POST"),
        ]
    )
    assert [(each.method, each.origin, each.path) for each in found] == [
        ("POST", "https://api.tea.example", "/v1/x")
    ]


def test_the_busiest_host_comes_first() -> None:
    seen = [Seen("GET", origin, "/") for origin in ("https://a", "https://b", "https://b")]
    assert list(by_host(seen)) == ["https://b", "https://a"]
