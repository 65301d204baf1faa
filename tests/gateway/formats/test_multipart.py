from email import policy
from email.parser import BytesParser

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Reason, Refusal
from gateway.formats.multipart import MAX_PARTS, Part, parse_multipart

FORM = "multipart/form-data; boundary=B0"
MIXED = "multipart/mixed; boundary=B0"


def form_part(name: str = 'name="a"', body: str = "x", extra: str = "") -> str:
    return f"Content-Disposition: form-data; {name}\r\n{extra}\r\n{body}"


def framed(*parts: str, end: str = "--B0--\r\n") -> bytes:
    return ("".join(f"--B0\r\n{part}\r\n" for part in parts) + end).encode()


def refused(body: bytes, content_type: str = FORM) -> str:
    with pytest.raises(Refusal) as caught:
        parse_multipart(body, content_type)
    assert caught.value.reason is Reason.AMBIGUOUS_REQUEST
    return caught.value.detail


def test_fields_and_files_are_read_in_order() -> None:
    file = form_part(
        'name="content"; filename="foo.whl"', "abc\r\n", "Content-Type: application/x-zip; charset=utf-8\r\n"
    )
    action, content = parse_multipart(framed(form_part('name=":action"', "file_upload"), file), FORM)
    assert (action.name, action.filename, action.content_type, action.body) == (
        ":action",
        None,
        "text/plain",
        b"file_upload",
    )
    assert (content.name, content.filename, content.body) == ("content", "foo.whl", b"abc\r\n")
    assert content.content_type == "application/x-zip"
    assert content.headers[1] == ("Content-Type", "application/x-zip; charset=utf-8")


def test_a_form_without_fields_and_a_part_without_headers() -> None:
    assert parse_multipart(b"--B0--\r\n", FORM) == ()
    assert parse_multipart(b"--B0--", FORM) == ()
    assert parse_multipart(b"--B0\r\n\r\nx\r\n--B0--", MIXED) == (Part(None, None, "text/plain", (), b"x"),)


def test_a_batch_may_be_framed_by_line_feeds_alone_a_form_may_not() -> None:
    raw = framed("Content-Type: application/http\r\n\r\nGET /a HTTP/1.1\r\n\r\n").replace(b"\r", b"")
    assert parse_multipart(raw, MIXED)[0].body == b"GET /a HTTP/1.1\n\n"
    refused(raw, FORM)
    refused(raw + b"\r\n", MIXED)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=a; Boundary=b",
        "multipart/form-data; boundary=B0, multipart/form-data; boundary=x",
        'multipart/form-data; boundary="B\\0"',
        'multipart/form-data; boundary="B 0"',
        "multipart/form-data; boundary=B0;",
        "multipart/form-data; boundary*=utf-8''B0",
        "multipart/form-data; boundary*0=B0",
        "multipart/form-data; boundary=---",
        "multipart/form-data; boundary=B0; charset=utf-16",
        "multipart/form-data boundary=B0",
        "text/plain; boundary=B0",
        "multipart/form-data; boundary=" + "x" * 71,
        'multipart/form-data; boundary="B0',
        "multipart/related; boundary=B0; start=x",
        'multipart/form-data; x="; boundary=C"; boundary=B0',
        "multipart/form-data; boundary=B\u00fc",
    ],
)
def test_a_boundary_that_readers_cut_out_differently_is_refused(content_type: str) -> None:
    refused(framed(form_part()), content_type)


def test_a_quoted_boundary_is_read() -> None:
    boundary = "===============12:3=="
    raw = framed(form_part()).replace(b"B0", boundary.encode())
    assert (
        parse_multipart(raw, f'Multipart/Form-Data; charset="UTF-8"; Boundary="{boundary}" ')[0].name == "a"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--B0",
        b"--B0\r\n",
        framed(form_part(), end=""),
        framed(form_part(), end="--B0"),
        b"\r\n" + framed(form_part()),
        b"preamble\r\n" + framed(form_part()),
        framed(form_part()) + b"epilogue",
        framed(form_part()) + b"\r\n",
        framed(form_part(), end="--B0-- \r\n"),
        framed(form_part()) + framed(form_part()),
        framed(form_part())[1:],
        framed(form_part(), end="--B0 \r\n\r\n--B0--"),
    ],
)
def test_what_stands_outside_the_frame_is_refused(body: bytes) -> None:
    refused(body)


@pytest.mark.parametrize(
    "smuggled",
    ["\n--B0\n", "\r--B0\r", "--B0", "\r\n--B0x", "\r\n --B0", "\r\n--B0 \r\n", "\r\n--B0--\r\n", "\n--B0--"],
)
def test_a_boundary_that_only_some_readers_see_is_refused(smuggled: str) -> None:
    inner = smuggled + form_part('name="amount"', "100000")
    refused(framed(form_part(body="1" + inner)))


def test_a_part_without_the_empty_line_is_refused() -> None:
    assert "empty line" in refused(b'--B0\r\nContent-Disposition: form-data; name="a"\r\n--B0--')
    assert "line of its own" in refused(b"--B0\r\n--B0--")
    assert "line of its own" in refused(b"--B0--B0--")


@pytest.mark.parametrize(
    "name",
    [
        'name="a"; name="b"',
        'name="a"; Name="b"',
        "name*=utf-8''b",
        "name=\"a\"; filename*=utf-8''evil.exe",
        'name="a"; filename="x"; filename="y"',
        'name="a\\"; x=\\"b"',
        'name="a;b"',
        'name="a%22b"',
        'name=" a"',
        'name=""',
        'filename="x"',
        'name="a"; size=1',
        'name="a" filename="x"',
        "name=a b",
        'name="a',
        'name=a"b"',
        'name="a";',
        'name="a"; filename="a%0d%0a.txt"',
        'name="a\t"',
    ],
)
def test_a_name_that_readers_see_differently_is_refused(name: str) -> None:
    refused(framed(form_part(name)))


@pytest.mark.parametrize(
    "disposition",
    [
        "",
        "Content-Disposition: attachment; name=a\r\n",
        "Content-Disposition:\r\n",
        "Content-Disposition: ;\r\n",
    ],
)
def test_a_form_part_that_is_no_form_data_is_refused(disposition: str) -> None:
    assert "form-data" in refused(f"--B0\r\n{disposition}\r\nx\r\n--B0--".encode())


@pytest.mark.parametrize(
    "header",
    [
        "Content-Transfer-Encoding: base64",
        "Content-Transfer-Encoding: quoted-printable",
        "Content-Transfer-Encoding: 7bit, base64",
        "Content-Type: text/plain; charset=utf-7",
        "Content-Encoding: gzip",
        "Content-Length: 2",
        "Content-Length: +1",
        "Content-Type: multipart/mixed; boundary=C",
        "Content-Type: text",
        "Content-Disposition: form-data; name=b",
        " folded",
        "Content-Type: text/plain;\r\n charset=utf-8",
    ],
)
def test_a_part_that_could_be_decoded_in_two_ways_is_refused(header: str) -> None:
    refused(framed(form_part(extra=header + "\r\n")))


def test_harmless_part_headers_pass() -> None:
    extra = "Content-Transfer-Encoding: Binary\r\nContent-Length: 1\r\nContent-ID: <a>\r\n"
    assert parse_multipart(framed(form_part(extra=extra)), FORM)[0].body == b"x"


def test_a_field_that_changes_the_charset_of_the_others_is_refused() -> None:
    assert "charset" in refused(framed(form_part('name="_charset_"', "utf-16")))
    assert parse_multipart(framed(form_part('name="_charset_"', "UTF-8")), FORM)[0].body == b"UTF-8"


def test_a_flood_of_parts_is_refused() -> None:
    assert len(parse_multipart(framed(*[form_part()] * MAX_PARTS), FORM)) == MAX_PARTS
    with pytest.raises(Refusal) as caught:
        parse_multipart(framed(*[form_part()] * (MAX_PARTS + 1)), FORM)
    assert caught.value.reason is Reason.BODY_TOO_LARGE


def test_what_a_client_library_sends_is_read() -> None:
    request = httpx.Request(
        "POST",
        "https://a.test/",
        data={"b": "\u00e4", "c": "1"},
        files={"f": ("n.txt", b"\r\n\x00--", "text/x")},
    )
    parts = parse_multipart(request.read(), request.headers["content-type"])
    assert [(part.name, part.filename, part.body) for part in parts] == [
        ("b", None, "\u00e4".encode()),
        ("c", None, b"1"),
        ("f", "n.txt", b"\r\n\x00--"),
    ]


_pieces = st.sampled_from(
    [
        "--B0",
        "\r\n",
        "\n",
        "--",
        "Content-Disposition: form-data; name=",
        '"a"',
        "b",
        "; filename=",
        ": ",
        "x",
        "\r\n\r\n",
        "Content-Type: text/plain",
        "; charset=",
        "utf-8",
        "utf-16",
        "\u00fc",
        "\0",
        "%22",
        "--B0\r\n",
        "\r\n--B0--\r\n",
    ]
)


@given(
    st.lists(_pieces, max_size=20).map("".join).map(str.encode) | st.binary(max_size=60),
    st.sampled_from([FORM, MIXED]) | st.text(max_size=20),
)
def test_any_bytes_are_read_or_refused(raw: bytes, content_type: str) -> None:
    try:
        parts = parse_multipart(raw, content_type)
    except Refusal:
        return
    for part in parts:
        assert part.body in raw


@given(st.lists(st.lists(_pieces, max_size=6).map("".join), min_size=1, max_size=3))
def test_bodies_are_cut_where_another_reader_cuts_them(contents: list[str]) -> None:
    raw = framed(*(form_part(body=content) for content in contents))
    try:
        parts = parse_multipart(raw, FORM)
    except Refusal:
        return
    message = BytesParser(policy=policy.HTTP).parsebytes(
        b"Content-Type: " + FORM.encode() + b"\r\n\r\n" + raw
    )
    assert len(parts) == len(message.get_payload()) == len(contents)
    assert [part.body for part in parts] == [content.encode() for content in contents]
