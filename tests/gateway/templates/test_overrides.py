"""Requests that some servers carry out as another one, or as two."""

import gzip
import time

import pytest

from tests.gateway.templates.making import FORM, JSON, action, refused, request, shop, unit

ACTIONS = """
- {id: delete, match: {method: DELETE, path: /a}, groups: [destructive], risk: step_up, summary: Delete}
- {id: look, match: {method: GET, path: /a}, summary: Look}
- id: query
  match: {method: GET, path: /query, where: {"arg:q": present}}
  summary: Ask
- id: search
  match: {method: GET, path: /search}
  context: {q: {from: "json:/q"}}
  summary: "Search[ {q}]"
- {id: sized, match: {method: GET, path: /sized}, context: {n: {from: body.bytes, type: int}}, summary: Size}
- {id: some, match: {method: GET, path: /some, where: {body: present}}, summary: Some}
- {id: probe, match: {method: GET, path: /probe}, access: write, summary: Probe}
"""
SHOP = shop(ACTIONS)
JSON_ONLY = shop(ACTIONS, "decode: [{body: json, args: [query]}]")
OPAQUE = shop(ACTIONS, "decode: [{body: opaque}]")
SMUGGLED = "DELETE /a HTTP/1.1\r\nHost: api.shop.test\r\n\r\n"

# --- a second request in the body of a read


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("made", [SHOP, JSON_ONLY, OPAQUE])
@pytest.mark.parametrize("target", ["/a", "/nothing/here", "/sized", "/probe"])
def test_a_second_request_in_the_body_of_a_read_is_refused(method: str, made: object, target: str) -> None:
    library = {id(each): each for each in (SHOP, JSON_ONLY, OPAQUE)}[id(made)]
    assert "second request" in refused(library, request(method, target, SMUGGLED))
    refused(library, request(method, target, SMUGGLED, FORM))
    refused(library, request(method, target, '{"q": 1}', JSON))


def test_a_read_whose_action_reads_the_body_passes_only_as_what_it_reads() -> None:
    assert action(SHOP, request("GET", "/search", '{"q": "x"}', JSON)) == "search"
    assert action(SHOP, request("GET", "/query", "q=x", FORM)) == "query"
    assert action(SHOP, request("GET", "/some", "q=x", FORM)) == "some"
    refused(SHOP, request("GET", "/search", SMUGGLED, JSON))
    refused(SHOP, request("GET", "/search", "q=x", FORM))
    refused(SHOP, request("GET", "/search", SMUGGLED))
    refused(SHOP, request("GET", "/some", SMUGGLED))
    refused(OPAQUE, request("GET", "/some", SMUGGLED))
    refused(OPAQUE, request("GET", "/search", '{"q": "x"}', JSON))


def test_an_argument_that_only_stands_in_the_query_does_not_read_the_body() -> None:
    assert action(JSON_ONLY, request("GET", "/query?q=1")) == "query"
    assert "second request" in refused(JSON_ONLY, request("GET", "/query?q=1", '{"q": 1}', JSON))


# --- the method in a parameter

NAMES = [
    "_method=DELETE", "a=1&_Method=DELETE", "%5Fmethod=DELETE", "_method%5B%5D=DELETE", "_%6dethod",
    "a=1;_method=DELETE", "+_method=DELETE", "[_method]=DELETE", "%5B_method%5D=DELETE", ".method=DELETE",
    "%2Emethod=x", "_method%00=DELETE", "_method+=DELETE", "a=%zz&_METHOD=DELETE",
]  # fmt: skip


@pytest.mark.parametrize("text", NAMES)
@pytest.mark.parametrize("made", ["shop", "json", "opaque"])
def test_a_method_override_is_found_by_the_content_type_whatever_the_template_reads(
    text: str, made: str
) -> None:
    library = {"shop": SHOP, "json": JSON_ONLY, "opaque": OPAQUE}[made]
    assert "_method" in refused(library, request("POST", "/a", text, FORM))
    charset = {"Content-Type": "Application/X-WWW-Form-Urlencoded; charset=utf-8"}
    assert "_method" in refused(library, request("POST", "/a", text, charset))
    assert "_method" in refused(library, request("GET", f"/a?{text}"))


def test_a_form_that_cannot_be_looked_into_may_hide_an_override() -> None:
    packed = gzip.compress(b"_method=DELETE")
    for library in (SHOP, JSON_ONLY, OPAQUE):
        assert "compressed" in refused(
            library, request("POST", "/a", packed, {**FORM, "Content-Encoding": "gzip"})
        )
        ebcdic = {"Content-Type": f"{FORM['Content-Type']}; charset=ibm037"}
        assert "charset" in refused(library, request("POST", "/a", "_method=DELETE".encode("cp037"), ebcdic))
    assert "compressed" in refused(SHOP, request("POST", "/a", packed, {**JSON, "Content-Encoding": "br"}))
    plain = {"Content-Type": "application/octet-stream", "Content-Encoding": "gzip"}
    assert action(SHOP, request("POST", "/a", packed, plain)) == "unmatched/write"


@pytest.mark.parametrize(
    "body",
    [
        '{"_method": "DELETE"}',
        '{"a": 1, "_METHOD": "x"}',
        '{"\\u005fmethod": "DELETE"}',
        '{"_\\u006Dethod": 1}',
    ],
)
def test_a_method_override_as_a_member_of_json_is_refused(body: str) -> None:
    assert "_method" in refused(SHOP, request("POST", "/a", body, JSON))
    assert "_method" in refused(JSON_ONLY, request("POST", "/a", body, {"Content-Type": "text/plain"}))
    assert action(OPAQUE, request("POST", "/a", body, JSON)) == "unmatched/write"


@pytest.mark.parametrize(
    "header",
    [
        'Content-Disposition: form-data; name="_method"',
        "Content-Disposition: form-data; name=_method",
        "content-disposition:form-data;NAME = '_Method'",
        "Content-Disposition: form-data;\r\n name=_method",
        "Content-Disposition: form-data; name*=utf-8''%5Fmethod",
        'Content-Disposition: form-data; name="\\_method"',
        'Content-Disposition: form-data; name="[_method]"',
        'Content-Disposition: form-data; name=".method"',
        'Content-Disposition: form-data; name="=?utf-8?q?=5Fmethod?="',
    ],
)
def test_method_overrides_in_multipart_are_refused(header: str) -> None:
    body = f"--B\r\n{header}\r\n\r\nDELETE\r\n--B--\r\n"
    for made in (SHOP, JSON_ONLY, OPAQUE):
        refused(made, request("POST", "/a", body, {"Content-Type": "Multipart/form-data; boundary=B"}))


def test_a_value_that_only_mentions_an_override_passes() -> None:
    assert action(SHOP, request("GET", "/a?q=_method")) == "look"
    for body, headers in (
        ("q=_method", FORM),
        ("_methods=1&a_method=2", FORM),
        ("_method=DELETE", {"Content-Type": "text/plain"}),
        ('{"a": {"_method": 1}, "b": "_method"}', JSON),
        ('["_method"]', JSON),
    ):
        assert action(SHOP, request("POST", "/a", body, headers)) == "unmatched/write"
    part = '--B\r\nContent-Disposition: form-data; name="a"; filename="_method"\r\n\r\n_method\r\n--B--\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=B"}
    assert unit(SHOP, request("POST", "/a", part, form)).access == "write"


@pytest.mark.parametrize(
    "filling", ["&", "&+", "&[", "%5f", "Content-Disposition:", "Content-Disposition: name="]
)
def test_a_megabyte_that_almost_names_a_method_is_cheap(filling: str) -> None:
    body = filling * (1_000_000 // len(filling))
    for headers in (FORM, {"Content-Type": "multipart/form-data; boundary=B"}):
        start = time.thread_time()
        action(SHOP, request("POST", "/a", body, headers))
        assert time.thread_time() - start < 1
