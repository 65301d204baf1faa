import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.desk.contract import DeskError
from gateway.web.answers import error_answer, is_api, json_answer, protect, text_answer


@given(st.dictionaries(st.text(), st.text()))
def test_no_text_of_an_agent_breaks_the_answer(body: dict[str, str]):
    raw = json_answer(body).body
    assert isinstance(raw, bytes)
    assert raw.isascii()
    assert json.loads(raw) == body


def test_half_a_surrogate_pair_is_carried_as_it_is():
    assert json_answer({"purpose": "\ud800"}).body == b'{"purpose":"\\ud800"}'


def test_only_the_api_answers_in_json():
    assert is_api("/api/v1/state")
    assert is_api("/api")
    assert not is_api("/apix")
    assert not is_api("/app/api/")
    error = DeskError(404, "not_found", "Nothing here.", {"hint": 1})
    assert error_answer(error, as_json=False).text == "Nothing here.\n"
    assert error_answer(error, as_json=True).status == 404


def test_hsts_only_where_browsers_see_tls():
    plain, tls = text_answer("x"), text_answer("x")
    protect(plain, https=False)
    protect(tls, https=True)
    assert "Strict-Transport-Security" not in plain.headers
    assert tls.headers["Strict-Transport-Security"] == "max-age=63072000"
