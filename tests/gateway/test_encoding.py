import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.encoding import b64u, from_b64u


@given(st.binary())
def test_what_is_written_is_read_back(data: bytes) -> None:
    assert from_b64u(b64u(data)) == data
    assert "=" not in b64u(data)


@pytest.mark.parametrize("text", ["QQ==", "QR", "Q", "a+b/", "QQ\n", "Q Q", " ", "é", "\ud800", "QQ="])
def test_a_second_spelling_of_the_same_bytes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"base64url|ASCII"):
        from_b64u(text)


@given(st.text())
def test_anything_else_is_a_value_error_or_its_own_spelling(text: str) -> None:
    try:
        data = from_b64u(text)
    except ValueError:
        return
    assert b64u(data) == text
