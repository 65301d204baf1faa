import base64
from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.channels import filled, secret_of, variables
from gateway.config import load_settings
from gateway.errors import ConfigError, ConfigErrors
from gateway.settings import AppriseChannel, NotificationRule, Notifications, Quiet, WebhookChannel

SECRET = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
EVERYTHING = f"""\
notifications:
  values: true
  allow: [127.0.0.1]
  channels:
    team-mail: {{apprise: "mailtos://me:${{MAIL_PASSWORD}}@example.com"}}
    chat: {{apprise: "${{CHAT_URL}}"}}
    ops: {{webhook: {{url: "https://hooks.example/in/s3cret", secret: {SECRET}}}}}
    local: {{webhook: {{url: "http://127.0.0.1:9/", secret: "${{HOOK}}"}}}}
  rules:
    - {{channels: team-mail}}
    - to: Mika Sato
      service: stripe
      group: payment
      risk: medium
      channels: [chat, ops]
      quiet: {{from: "22:00", to: "07:30", zone: Asia/Tokyo, on_call: [ops]}}
"""


def read(folder: Path, text: str, environment: dict[str, str] | None = None) -> Notifications:
    path = folder / "secondsig.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environment or {}).notifications


def wrong(folder: Path, text: str) -> str:
    with pytest.raises((ConfigError, ConfigErrors)) as error:
        read(folder, text)
    return str(error.value)


def test_everything_can_be_set(tmp_path: Path) -> None:
    assert read(tmp_path, EVERYTHING) == Notifications(
        channels={
            "team-mail": AppriseChannel("mailtos://me:${MAIL_PASSWORD}@example.com"),
            "chat": AppriseChannel("${CHAT_URL}"),
            "ops": WebhookChannel("https://hooks.example/in/s3cret", SECRET),
            "local": WebhookChannel("http://127.0.0.1:9/", "${HOOK}"),
        },
        rules=(
            NotificationRule(("team-mail",)),
            NotificationRule(
                ("chat", "ops"),
                "Mika Sato",
                "stripe",
                "medium",
                "payment",
                Quiet(22 * 60, 7 * 60 + 30, "Asia/Tokyo", ("ops",)),
            ),
        ),
        values=True,
        allow=(ip_network("127.0.0.1"),),
    )


def test_nothing_need_be_set(tmp_path: Path) -> None:
    assert read(tmp_path, "") == read(tmp_path, "notifications: {}\n") == Notifications()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{channel: {}}", 'Did you mean "channels"'),
        ("{channels: {mail: {aprise: x}}}", 'Did you mean "apprise"'),
        ("{channels: {mail: {}}}", "either apprise or webhook"),
        (
            f'{{channels: {{x: {{apprise: "a://b", webhook: {{url: "https://a.b", secret: {SECRET}}}}}}}}}',
            "either",
        ),
        ("{channels: {push: {apprise: 'a://b'}}}", 'cannot be called "push"'),
        ("{channels: {Mail Two: {apprise: 'a://b'}}}", "small letters"),
        ("{channels: {mail: {apprise: not-an-address}}}", "no address that Apprise knows"),
        ("{channels: {mail: {apprise: 'mail to://x'}}}", "no address that Apprise knows"),
        ("{channels: {ops: {webhook: {url: 'http://hooks.example', secret: x}}}}", "https"),
        (
            "{channels: {ops: {webhook: {url: 'https://u:p@hooks.example', secret: x}}}}",
            "without a user name",
        ),
        ("{channels: {ops: {webhook: {url: 'https://hooks.example'}}}}", 'needs "secret"'),
        ("{channels: {ops: {webhook: {url: 'https://hooks.example', secret: whsec_c2hvcnQ=}}}}", "24 to 64"),
        ("{channels: {ops: {webhook: {url: 'https://hooks.example', secret: hunter2}}}}", "whsec_"),
        ("{channels: {ops: {webhook: {url: 'https://hooks.example', secret: x, tls: no}}}}", 'no "tls"'),
        ("{channels: {mail: {apprise: 'a://b'}}, rules: [{channels: [mial]}]}", 'Did you mean "mail"'),
        ("{rules: [{to: Mika}]}", 'needs "channels"'),
        ("{rules: [{channels: [], risks: high}]}", 'Did you mean "risk"'),
        ("{rules: [{channels: [], risk: hihg}]}", 'Did you mean "high"'),
        ("{rules: [{channels: [], quiet: {from: '22:00', to: '07:00'}}]}", 'needs "zone"'),
        ("{rules: [{channels: [], quiet: {from: '24:00', to: '07:00', zone: UTC}}]}", "time of the day"),
        ("{rules: [{channels: [], quiet: {from: '22:00', to: 7, zone: UTC}}]}", "time of the day"),
        ("{rules: [{channels: [], quiet: {from: '22:00', to: '22:00', zone: UTC}}]}", "the same time"),
        ("{rules: [{channels: [], quiet: {from: '22:00', to: '07:00', zone: Mars/Base}}]}", "no time zone"),
        ("{rules: [{channels: [], quiet: {from: '22:00', to: '07:00', zone: ../etc}}]}", "no time zone"),
        ("{values: perhaps}", "true or false"),
        ("{allow: [everything]}", "is not a network"),
    ],
)
def test_what_is_wrong_is_told_with_the_way_out(tmp_path: Path, text: str, said: str) -> None:
    assert said in wrong(tmp_path, f"notifications: {text}\n")


def test_a_secret_is_never_repeated_in_an_error(tmp_path: Path) -> None:
    told = wrong(
        tmp_path,
        'notifications: {channels: {a: {apprise: "hunter two"}, '
        'b: {webhook: {url: "http://u:hunter@x.example/hunter", secret: hunter}}}}\n',
    )
    assert "hunter" not in told


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    told = wrong(
        tmp_path, "notifications: {values: 1, allow: [x], rules: [{to: 1, channels: []}], more: 1}\n"
    )
    for said in ("true or false", "not a network", '"to" must be a text', 'no "more"'):
        assert said in told


def test_an_address_is_shown_without_what_may_be_secret(tmp_path: Path) -> None:
    channels = read(tmp_path, EVERYTHING).channels
    assert [channel.masked for channel in channels.values()] == [
        "mailtos://…",
        "…",
        "https://hooks.example/…",
        "http://127.0.0.1:9/…",
    ]
    assert "MAIL_PASSWORD" not in repr(channels)
    assert "s3cret" not in repr(channels)
    assert SECRET not in repr(channels)


def test_variables_stand_for_parts_of_an_address() -> None:
    assert variables("a://${ONE}:${TWO}@x/$THREE") == ["ONE", "TWO"]
    assert filled("a://${ONE}@x/$ONE", {"ONE": "1"}) == "a://1@x/$ONE"
    with pytest.raises(KeyError):
        filled("${NONE}", {})


def test_a_secret_is_its_bytes() -> None:
    assert secret_of(SECRET) == b"k" * 32
    for bad in ("", "whsec_", "whsec_!!!", SECRET.removeprefix("whsec_"), f"whsec_{'A' * 400}"):
        with pytest.raises(ValueError, match=r"."):
            secret_of(bad)
