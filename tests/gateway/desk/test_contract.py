from gateway.desk.contract import Desk, DeskError, SignedIn
from gateway.errors import SecondsigError
from tests.gateway.web.fake_desk import FakeDesk


def test_cookie_does_not_reach_a_log_through_repr():
    assert "s3cret" not in repr(SignedIn({}, "s3cret"))


def test_refusal_of_the_desk_is_one_of_ours():
    error = DeskError(410, "expired", "Too late.")
    assert isinstance(error, SecondsigError)
    assert (error.status, error.word, error.detail, error.extra) == (410, "expired", "Too late.", {})
    assert str(error) == "Too late."


def test_fake_desk_of_these_tests_keeps_the_contract():
    desk: Desk = FakeDesk()
    assert desk.session("nobody", "nothing") is None
