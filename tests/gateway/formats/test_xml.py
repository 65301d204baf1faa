from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bodies import MAX_DEPTH
from gateway.errors import Reason, Refusal
from gateway.formats import xml
from gateway.formats.xml import MAX_NODES, XmlNode, parse_xml, read_xml

S3 = "http://s3.amazonaws.com/doc/2006-03-01/"


def refused(raw: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        parse_xml(raw)
    assert caught.value.reason is Reason.AMBIGUOUS_REQUEST
    return caught.value.detail


def test_the_keys_of_a_delete_are_read_in_order() -> None:
    root = parse_xml(
        f'<?xml version="1.0" encoding="UTF-8"?>\r\n<Delete xmlns="{S3}">\n <Quiet>true</Quiet>\n'
        " <Object><Key>a &amp; b</Key></Object>\n"
        " <Object><Key>&#x62;</Key><VersionId/></Object></Delete>".encode()
    )
    assert root.tag == "Delete"
    assert read_xml(root, ("Object", "Key")) == ["a & b", "b"]
    assert read_xml(root, ("Object", "VersionId")) == [""]
    assert read_xml(root, ("Object", "Nothing")) == []
    assert root.text == ""


def test_attributes_are_read_by_local_name() -> None:
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    node = parse_xml(f'<Grantee {xsi} xsi:type="Group" id="1">x</Grantee>'.encode())
    assert node == XmlNode("Grantee", {"type": "Group", "id": "1"}, "x", ())
    assert "two attributes" in refused(f'<Grantee {xsi} xsi:type="Group" type="User"/>'.encode())


@pytest.mark.parametrize(
    "raw",
    [
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><a>&b;</a>',
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://evil.test/">%p;]><a/>',
    ],
)
def test_entity_bombs_and_external_entities_are_refused(raw: bytes) -> None:
    assert "DOCTYPE" in refused(raw)


def test_an_entity_nobody_declared_is_refused() -> None:
    assert "undefined entity" in refused(b"<a>&nbsp;</a>")


def test_a_comment_that_cuts_a_text_in_two_is_refused() -> None:
    assert "comment" in refused(b"<Delete><Object><Key>safe<!-- -->-not</Key></Object></Delete>")
    assert "CDATA" in refused(b"<a>safe<![CDATA[-not]]></a>")
    assert "processing instruction" in refused(b"<a>safe<?x y?>-not</a>")
    assert "processing instruction" in refused(b'<?xml-stylesheet href="a"?><a/>')


def test_a_name_in_two_namespaces_or_spellings_is_refused() -> None:
    assert "two things" in refused(b'<Delete><Object/><Object xmlns="urn:evil"/></Delete>')
    assert "two things" in refused(b'<Delete xmlns:e="urn:evil"><e:Key/><x><Key/></x></Delete>')
    assert "two things" in refused(b"<Delete><Key/><KEY/></Delete>")
    assert "unbound prefix" in refused(b"<Delete><e:Key/></Delete>")


def test_text_beside_elements_is_refused() -> None:
    assert "mixes" in refused(b"<Key>a<b/></Key>")
    root = parse_xml(b"<Object><Key>a</Key></Object>")
    with pytest.raises(Refusal, match="where a text belongs"):
        read_xml(XmlNode("Delete", {}, "", (root,)), ("Object",))


@pytest.mark.parametrize(
    "raw",
    [
        b'<?xml version="1.0" encoding="UTF-7"?><a>+ADw-</a>',
        '<?xml version="1.0" encoding="ISO-8859-1"?><a>ü</a>'.encode(),
        "<a>ü</a>".encode("utf-16"),
        "<a>ü</a>".encode("latin-1"),
        b"\xef\xbb\xbf<a/>",
        b'<?xml version="1.1"?><a/>',
    ],
)
def test_another_encoding_than_utf8_is_refused(raw: bytes) -> None:
    refused(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"a",
        b"<a>",
        b"<a/><b/>",
        b"<a/>x",
        b"<a b=1/>",
        b"<a b='1' b='2'/>",
        b"<a>\x00</a>",
        b"<a>&#0;</a>",
        b' <?xml version="1.0"?><a/>',
    ],
)
def test_what_is_not_well_formed_is_refused(raw: bytes) -> None:
    assert "cannot be read" in refused(raw)


def test_a_line_end_that_readers_keep_or_change_is_refused() -> None:
    assert "carriage returns" in refused(b"<Key>a\r\nb</Key>")
    assert parse_xml(b"<Key>a&#13;\nb</Key>").text == "a\r\nb"
    assert parse_xml(b"<D>\r\n<Key>a</Key>\r\n</D>").children[0].text == "a"


def test_deep_nesting_is_refused() -> None:
    assert parse_xml(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH).tag == "a"
    assert "deeper" in refused(b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1))
    assert "deeper" in refused(b"<a>" * MAX_NODES)


@pytest.mark.parametrize(
    "raw",
    [
        b"<a>" + b"<b/>" * MAX_NODES + b"</a>",
        b"<a " + b" ".join(b"x%d='1'" % n for n in range(MAX_NODES)) + b"/>",
    ],
)
def test_a_flood_of_nodes_is_refused(raw: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        parse_xml(raw)
    assert caught.value.reason is Reason.BODY_TOO_LARGE


@pytest.mark.parametrize("piece", [b"<a>", b"<a x='1' y=\"2\">", b"<a "])
def test_a_flood_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch, piece: bytes) -> None:
    monkeypatch.setattr(xml, "_parser", None)
    with pytest.raises(Refusal) as caught:
        parse_xml(piece * 1_000_000)
    assert caught.value.reason is Reason.BODY_TOO_LARGE


def test_the_steps_end_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[object] = []

    def count(flat: list[str]) -> dict[str, str]:
        steps.append(flat)
        return {}

    monkeypatch.setattr(xml, "_attributes", count)
    with pytest.raises(Refusal):
        parse_xml(b"<a>" + b"<b/>" * (MAX_NODES * 2 - 2) + b"</a>")
    assert len(steps) == MAX_NODES


def test_a_long_namespace_written_before_every_name_is_refused() -> None:
    """200,000 bytes in 20,000 names would be four billion."""
    long = b"u" * 200_000
    assert "namespace" in refused(b"<a xmlns='" + long + b"'>" + b"<b/>" * 19_000 + b"</a>")
    assert "namespace" in refused(b"<a xmlns:p='" + long + b"'/>")
    assert parse_xml(b"<a xmlns='u'><b xmlns=''/></a>").tag == "a"


def same(node: XmlNode, element: ET.Element) -> bool:
    children = list(element)
    text = "" if children else element.text or ""
    return (
        node.tag == element.tag.rpartition("}")[2]
        and node.text == text
        and list(node.attributes.values()) == list(element.attrib.values())
        and len(node.children) == len(children)
        and all(same(*pair) for pair in zip(node.children, children, strict=True))
    )


_pieces = st.sampled_from(
    [
        "<a>",
        "</a>",
        "<b x='1'>",
        "</b>",
        "<c/>",
        "<A/>",
        "t",
        " ",
        "\r\n",
        "&lt;",
        "&#65;",
        "&x;",
        "<!-- -->",
        "<![CDATA[x]]>",
        "<?p?>",
        "<!DOCTYPE a>",
        '<a xmlns="u">',
        "<p:a xmlns:p='u' p:x='2'>",
        "</p:a>",
        '<?xml version="1.0"?>',
        "ü",
        "\x00",
    ]
)


@given(st.lists(_pieces, max_size=12).map("".join).map(str.encode) | st.binary(max_size=40))
def test_any_bytes_are_read_as_a_full_parser_reads_them_or_refused(raw: bytes) -> None:
    try:
        node = parse_xml(raw)
    except Refusal:
        return
    assert same(node, ET.fromstring(raw))


@given(st.lists(_pieces, max_size=8).map(lambda inner: f"<r><a>{''.join(inner)}</a></r>".encode()))
def test_any_content_is_read_as_a_full_parser_reads_it_or_refused(raw: bytes) -> None:
    try:
        node = parse_xml(raw)
    except Refusal:
        return
    assert same(node, ET.fromstring(raw))
