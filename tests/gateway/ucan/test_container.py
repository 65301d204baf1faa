import base64
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ucan import UcanError, from_container, to_container
from gateway.ucan.container import MAX_CONTAINER
from gateway.ucan.dag import encode

VECTORS = Path(__file__).parents[2] / "vectors/ucan/container"
FORMS = [
    "Base64StdPadding",
    "Base64StdPaddingGzipped",
    "Base64URL",
    "Base64URLGzipped",
    "Bytes",
    "BytesGzipped",
]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_specifications_containers_is_read(form):
    tokens = from_container((VECTORS / form).read_bytes())
    assert len(tokens) == 10
    assert all(b"ucan/dlg@1.0.0-rc.1" in token for token in tokens)
    assert from_container(to_container(tokens)) == sorted(tokens)


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_tokens_come_back_in_order_and_once(tokens):
    container = to_container(tokens)
    assert container.startswith("C")
    assert from_container(container) == sorted(set(tokens))


@given(st.binary(max_size=80) | st.text(max_size=80))
def test_random_container_never_raises_another_error(data):
    with pytest.raises(UcanError):
        from_container(data)


@given(st.sampled_from(b"@BCMOP"), st.binary(max_size=80))
def test_random_content_never_raises_another_error(form, content):
    try:
        tokens = from_container(bytes([form]) + content)
    except UcanError:
        return
    assert tokens == []


def wrapped(value):
    return b"@" + encode(value)


@pytest.mark.parametrize(
    "container",
    [
        pytest.param("", id="nothing"),
        pytest.param("X", id="an unknown form"),
        pytest.param("Cä", id="not base64"),
        pytest.param(
            "C" + base64.b64encode(encode({"ctn-v1": [b"\xff\xfe"]})).decode(), id="the other alphabet"
        ),
        pytest.param("B" + base64.b64encode(encode({"ctn-v1": []})).decode()[:-1], id="no padding"),
        pytest.param(to_container([b"x"])[:-1], id="cut off"),
        pytest.param(wrapped({"ctn-v2": []}), id="another version"),
        pytest.param(wrapped({"ctn-v1": [], "more": 1}), id="another key"),
        pytest.param(wrapped({"ctn-v1": ["text"]}), id="a token of text"),
        pytest.param(wrapped([b"x"]), id="a list"),
        pytest.param(b"M" + gzip.compress(encode({"ctn-v1": []}))[:-3], id="gzip cut off"),
        pytest.param(b"M" + gzip.compress(encode({"ctn-v1": []})) + b"x", id="something behind gzip"),
        pytest.param(b"M" + b"plain", id="no gzip"),
        pytest.param(b"M" + gzip.compress(bytes(MAX_CONTAINER + 1)), id="a gzip bomb"),
        pytest.param(b"@" + bytes(2 * MAX_CONTAINER), id="too long"),
    ],
)
def test_broken_container_is_refused(container):
    with pytest.raises(UcanError):
        from_container(container)
