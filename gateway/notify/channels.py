"""From the operator's settings to channels that can be used."""

from collections.abc import Callable, Mapping

import structlog

from gateway.channels import filled, secret_of
from gateway.notify.apprise import AppriseService, Unusable
from gateway.notify.channel import Channel, Failed, Outcome
from gateway.notify.message import Message
from gateway.notify.posting import Poster
from gateway.notify.webhook import Webhook
from gateway.settings import AppriseChannel, ChannelSetting, WebhookChannel
from gateway.values import dataclass

log = structlog.get_logger()


@dataclass(frozen=True)
class Broken:
    """A channel that cannot be used as it is written; everything that goes over it says why."""

    why: str
    personal: bool = False
    withdraws: bool = False

    def has(self, person: str) -> bool:
        return True

    async def send(self, message: Message, to: str) -> Outcome:
        return Failed(self.why, again=False)


def channels_of(
    settings: Mapping[str, ChannelSetting],
    environment: Mapping[str, str],
    poster: Poster,
    now: Callable[[], int],
) -> dict[str, Channel]:
    """One that is broken is told in the log and leaves the others as they are."""
    made: dict[str, Channel] = {}
    for name, setting in settings.items():
        made[name] = channel = _channel(setting, environment, poster, now)
        if isinstance(channel, Broken):
            log.error("notify.channel_broken", channel=name, why=channel.why)
    return made


def _channel(
    setting: ChannelSetting, environment: Mapping[str, str], poster: Poster, now: Callable[[], int]
) -> Channel:
    try:
        match setting:
            case AppriseChannel(url):
                return AppriseService(filled(url, environment))
            case WebhookChannel(url, secret):
                return Webhook(url, secret_of(filled(secret, environment)), poster, now)
    except KeyError as error:
        return Broken(f"variable {error.args[0]} is not set")
    except ValueError:
        return Broken("the secret is not one of a webhook")


async def check(channels: Mapping[str, Channel]) -> None:
    """Has Apprise loaded before the first message, and says in the log which addresses it does not know."""
    for name, channel in channels.items():
        if isinstance(channel, AppriseService):
            try:
                await channel.check()
            except (Unusable, TimeoutError, ImportError) as error:
                log.error("notify.channel_broken", channel=name, why=type(error).__name__)
