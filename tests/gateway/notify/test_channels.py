import base64

import pytest

from gateway.notify.apprise import AppriseService
from gateway.notify.channel import Failed
from gateway.notify.channels import Broken, channels_of, check
from gateway.notify.message import trial_message
from gateway.notify.posting import Poster
from gateway.notify.webhook import Webhook
from gateway.settings import AppriseChannel, ChannelSetting, WebhookChannel
from tests.kit.clocks import START

SECRET = f"whsec_{base64.b64encode(b'k' * 32).decode()}"


def made(environment: dict[str, str], poster: Poster, **settings: ChannelSetting):
    return channels_of(settings, environment, poster, lambda: START)


def test_variables_stand_for_secrets_of_the_environment(poster: Poster) -> None:
    environment = {"PASSWORD": "hunter2", "HOOK": SECRET}
    mail, hook = made(
        environment,
        poster,
        mail=AppriseChannel("mailtos://me:${PASSWORD}@example.com"),
        hook=WebhookChannel("https://hooks.example/", "${HOOK}"),
    ).values()
    assert isinstance(mail, AppriseService)
    assert mail.url == "mailtos://me:hunter2@example.com"
    assert isinstance(hook, Webhook)
    assert hook.key == b"k" * 32
    assert "hunter2" not in repr(mail)


@pytest.mark.parametrize(
    ("environment", "why"),
    [({}, "variable HOOK is not set"), ({"HOOK": "hunter2"}, "the secret is not one of a webhook")],
)
async def test_a_broken_channel_says_why_and_leaves_the_others_alone(
    environment: dict[str, str], why: str, poster: Poster, capsys: pytest.CaptureFixture[str]
) -> None:
    channels = made(
        environment,
        poster,
        hook=WebhookChannel("https://hooks.example/", "${HOOK}"),
        mail=AppriseChannel("json://localhost"),
    )
    assert isinstance(channels["mail"], AppriseService)
    broken = channels["hook"]
    assert (broken.personal, broken.withdraws, broken.has("Mika")) == (False, False, True)
    trial = trial_message("x", origin="https://sign.example", now=START)
    assert await broken.send(trial, "Mika") == Failed(why, again=False)
    assert "hunter2" not in "".join(capsys.readouterr())


async def test_addresses_that_apprise_does_not_know_are_told_at_the_start(
    poster: Poster, capsys: pytest.CaptureFixture[str]
) -> None:
    channels = made(
        {}, poster, bad=AppriseChannel("nosuch://hunter2@x"), good=AppriseChannel("json://localhost")
    )
    await check({**channels, "broken": Broken("x")})
    said = "".join(capsys.readouterr())
    assert "bad" in said
    assert "good" not in said
    assert "hunter2" not in said
