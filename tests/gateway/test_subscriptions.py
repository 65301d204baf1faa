from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import parse_settings
from gateway.errors import ConfigError
from gateway.notify.encryption import public_point
from gateway.subscriptions import MAX_ENDPOINT, Subscription, check_keys, service_of

FCM = "https://fcm.googleapis.com/fcm/send/abc:123"
POINT = public_point(ec.derive_private_key(3, ec.SECP256R1()))


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        (FCM, "fcm.googleapis.com"),
        ("https://updates.push.services.mozilla.com/wpush/v2/gAAA", "updates.push.services.mozilla.com"),
        ("https://web.push.apple.com/QGuQ", "web.push.apple.com"),
        ("https://wns2-par02p.notify.windows.com/w/?token=BQ%3d", "wns2-par02p.notify.windows.com"),
    ],
)
def test_the_push_services_of_the_browsers_are_known(endpoint: str, host: str) -> None:
    assert service_of(endpoint) == host


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "fcm.googleapis.com/x",
        "http://fcm.googleapis.com/x",
        "ftp://fcm.googleapis.com/x",
        "https://fcm.googleapis.com",
        "https://fcm.googleapis.com:443/x",
        "https://fcm.googleapis.com:8443/x",
        "https://FCM.googleapis.com/x",
        "https://fcm.googleapis.com./x",
        "https://user@fcm.googleapis.com/x",
        "https://fcm.googleapis.com@evil.example/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evil.example/fcm.googleapis.com/",
        "https://evilpush.services.mozilla.com/x",
        "https://push.services.mozilla.com/x",
        "https://.push.services.mozilla.com/x",
        "https://evil@x.push.services.mozilla.com/x",
        "https://evil.example\\.push.services.mozilla.com/x",
        "https://evil.example?.notify.windows.com/x",
        "https://evil.example#.notify.windows.com/x",
        "https://a.web.push.apple.com/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://[/x",
        "https://localhost/x",
        "https://fcm.googleapis.com/x#y",
        "https://fcm.googleapis.com/x y",
        "https://fcm.googleapis.com/x\r\nHost: evil",
        "https://fcm.googleapis.c\u043em/x",
        FCM + "x" * MAX_ENDPOINT,
    ],
)
def test_an_endpoint_that_is_no_known_push_service_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="not one of a push service"):
        service_of(endpoint, ("https://push.own.example",))


@given(st.text())
def test_whatever_is_called_an_endpoint_is_known_or_a_sentence(endpoint: str) -> None:
    with pytest.raises(ValueError, match="push service"):
        service_of(endpoint)


def test_a_push_service_of_the_operators_is_named_with_scheme_and_port() -> None:
    own = ("http://localhost:8090", "https://push.own.example")
    assert service_of("http://localhost:8090/notify/x", own) == "localhost:8090"
    assert service_of("https://push.own.example/x", own) == "push.own.example"
    for other in ("http://localhost:8091/x", "http://push.own.example/x", "https://a.push.own.example/x"):
        with pytest.raises(ValueError, match="push service"):
            service_of(other, own)


def test_keys_are_a_point_of_the_curve_and_sixteen_bytes() -> None:
    check_keys(POINT, b"a" * 16)


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        (b"", b"a" * 16),
        (POINT[:-1], b"a" * 16),
        (POINT + b"\0", b"a" * 16),
        (POINT[:-1] + bytes([POINT[-1] ^ 1]), b"a" * 16),
        (b"\x04" + bytes(64), b"a" * 16),
        (b"\x02" + POINT[1:33], b"a" * 16),
        (POINT, b"a" * 15),
        (POINT, b"a" * 17),
        (POINT, b""),
    ],
)
def test_keys_that_no_browser_makes_are_refused(p256dh: bytes, auth: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        check_keys(p256dh, auth)


def test_a_subscription_in_a_log_shows_no_secret() -> None:
    shown = repr(Subscription("psh_1", "Mika", FCM, POINT, b"a" * 16, "Phone", b"c", 1))
    assert "fcm" not in shown
    assert "aaaa" not in shown


def test_the_operators_push_services_are_origins(tmp_path: Path) -> None:
    text = b"notifications: {push_services: ['https://push.own.example:8443', 'http://localhost:8090']}"
    settings = parse_settings(text, tmp_path / "secondsig.yaml", {})
    assert settings.notifications.push_services == ("https://push.own.example:8443", "http://localhost:8090")


@pytest.mark.parametrize(
    "origin",
    [
        "http://push.own.example",
        "https://push.own.example/x",
        "https://Push.example",
        "push.own.example",
        "https://",
        "https://mika@push.own.example",
        "https://push.own.example:x",
    ],
)
def test_a_push_service_that_is_no_safe_origin_is_refused(tmp_path: Path, origin: str) -> None:
    text = f"notifications: {{push_services: ['{origin}']}}".encode()
    with pytest.raises(ConfigError, match="named by its https origin"):
        parse_settings(text, tmp_path / "secondsig.yaml", {})
