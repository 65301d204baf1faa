import gzip

import pytest

from gateway.decoded import Kind, decode, xml_leaves
from gateway.formats.git_push import Push, RefUpdate
from gateway.formats.xml import XmlNode
from tests.gateway.test_bodies import ambiguity, sent


def polyglot() -> bytes:
    """A gzip stream that, read as it stands, is a form of its own."""
    comment = b"&amount=99999&currency=usd&x="
    plain = gzip.compress(b"amount=1&currency=usd", mtime=0)
    return plain[:3] + b"\x10" + plain[4:10] + comment + b"\0" + plain[10:]


@pytest.mark.parametrize("kind", ["json", "form", "text"])
@pytest.mark.parametrize(
    "encoding", ["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "identity, gzip", "made-up"]
)
def test_a_gzip_whose_comment_is_another_form_is_refused(kind: Kind, encoding: str) -> None:
    assert gzip.decompress(polyglot()) == b"amount=1&currency=usd"
    for body in (polyglot(), gzip.compress(b"[1]"), b"[1]"):
        sending = sent(body, content_encoding=encoding)
        assert "not every server undoes that" in ambiguity(lambda sending=sending: decode(sending, kind))  # type: ignore[misc]  # lambda default


def test_an_encoding_that_changes_nothing_passes_and_what_nobody_reads_stays_as_it_is() -> None:
    assert decode(sent(b"[1]", content_encoding="Identity"), "json").json == ["1"]
    assert decode(sent(polyglot(), content_encoding="gzip"), "opaque").kind == "opaque"
    assert decode(sent(b"", content_encoding="gzip"), "json").kind == "none"


def test_a_body_is_read_as_its_kind() -> None:
    assert decode(sent(b""), "json").kind == "none"
    assert decode(sent(b"x"), "none").kind == "none"
    assert decode(sent(b"\xff"), "opaque").kind == "opaque"
    assert decode(sent(b'{"a":1}'), "json").json == {"a": "1"}
    assert decode(sent(b"a=1"), "form").form == (("a", "1"),)
    assert decode(sent("é".encode()), "text").text == "é"


@pytest.mark.parametrize("kind", ["json", "form", "text"])
def test_another_charset_is_refused(kind: Kind) -> None:
    assert "charset" in ambiguity(lambda: decode(sent(b"{}", Content_Type="a/b; charset=utf-7"), kind))
    assert "charset" in ambiguity(lambda: decode(sent(b"{}", Content_Type='a/b;Charset = "UTF-16"'), kind))
    assert decode(sent(b"{}", Content_Type="a/b; charset=UTF-8"), kind).kind == kind


def test_text_that_is_not_utf8_is_refused() -> None:
    assert "UTF-8" in ambiguity(lambda: decode(sent(b"\xff"), "text"))


def test_each_reader_gives_what_it_saw() -> None:
    assert decode(sent(b"a: 1\nb: [x]\n"), "yaml").json == {"a": "1", "b": ["x"]}
    assert decode(sent(b"<a><b>x</b></a>"), "xml").xml == XmlNode("a", {}, "", (XmlNode("b", {}, "x", ()),))
    assert decode(sent(b"0000"), "git").push == Push((RefUpdate("", "", "", "probe"),), ())
    form = b'--B\r\nContent-Disposition: form-data; name="n"\r\n\r\nv\r\n--B--\r\n'
    (part,) = decode(sent(form, Content_Type="multipart/form-data; boundary=B"), "multipart").parts
    assert (part.name, part.body) == ("n", b"v")


def test_a_multipart_body_without_one_content_type_is_refused() -> None:
    assert "exactly one" in ambiguity(lambda: decode(sent(b"--B--"), "multipart"))


def test_a_stream_is_never_looked_into() -> None:
    assert decode(sent(b"\xff", content_encoding="aws-chunked"), "stream").kind == "stream"


def test_every_text_and_attribute_of_a_document_is_a_leaf() -> None:
    root = decode(sent(b'<a v="1"><b>x</b><b/><c d="2"><e>y</e></c></a>'), "xml").xml
    assert root is not None
    assert list(xml_leaves(root)) == [("@v", "1"), ("b", "x"), ("b", ""), ("c/@d", "2"), ("c/e", "y")]
