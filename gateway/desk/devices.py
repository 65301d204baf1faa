"""The browsers that a person turned on to be told: their own, and nobody else's."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.audit import Kind, Row
from gateway.desk.contract import DeskError, Session
from gateway.directory import Directory
from gateway.encoding import b64u, from_b64u
from gateway.ids import ENTROPY_BYTES, make_id
from gateway.payload import utc
from gateway.store.contract import Done, Lost, Store
from gateway.store.writes import AddSubscription, RemoveSubscription
from gateway.subscriptions import MOST_DEVICES, Subscription, check_keys, service_of


@dataclass
class Devices:
    """`key` is what browsers bind their subscriptions to; `services` are the operator's own push services.

    `try_it` sends a browser a test, and says why its push service did not take it.
    """

    store: Store
    directory: Directory
    key: bytes
    services: Callable[[], Sequence[str]]
    try_it: Callable[[Subscription], Awaitable[str | None]]

    def push_key(self) -> dict[str, Any]:
        return {"key": b64u(self.key)}

    def view(self, session: Session) -> dict[str, Any]:
        """A browser finds itself by its endpoint's hash: the endpoint itself is told to nobody."""
        own = self.directory.subscriptions.get(session.person, ())
        return {"subscriptions": [self._view(each) for each in own], "most": MOST_DEVICES}

    async def add(
        self, session: Session, *, endpoint: str, p256dh: str, auth: str, device: str
    ) -> dict[str, Any]:
        try:
            host = service_of(endpoint, self.services())
        except ValueError:
            raise DeskError(
                400,
                "unknown_push_service",
                "This browser's push service is none that the gateway posts to: the operator can add it.",
            ) from None
        new = Subscription(
            make_id("psh", secrets.token_bytes(ENTROPY_BYTES)),
            session.person,
            endpoint,
            *_keys(p256dh, auth),
            device,
            session.credential_id,
            self.store.now(),
        )
        row = self._row(session, "device_added", f"{device}, {host}")
        applied = await self.store.apply(AddSubscription(new, MOST_DEVICES), [row])
        if isinstance(applied, Lost):
            raise _not_added(applied)
        await self.directory.refresh_subscriptions()
        return {"subscription": self._view(new)}

    async def remove(self, session: Session, subscription_id: str) -> dict[str, Any]:
        named = self._own(session, subscription_id)
        row = self._row(session, "device_removed", named.device)
        applied = await self.store.apply(RemoveSubscription(subscription_id, session.person), [row])
        if not isinstance(applied, Done):
            raise _absent()
        await self.directory.refresh_subscriptions()
        return {"id": subscription_id}

    async def test(self, session: Session, subscription_id: str) -> dict[str, Any]:
        """A message to one browser, at once; `accepted` means that its push service has it."""
        why = await self.try_it(self._own(session, subscription_id))
        return {"accepted": why is None, "why": why}

    def _own(self, session: Session, subscription_id: str) -> Subscription:
        for each in self.directory.subscriptions.get(session.person, ()):
            if each.id == subscription_id:
                return each
        raise _absent()

    @staticmethod
    def _view(each: Subscription) -> dict[str, Any]:
        return {
            "id": each.id,
            "device": each.device,
            "since": utc(each.created_at),
            "endpoint_sha256": hashlib.sha256(each.endpoint.encode()).hexdigest(),
        }

    @staticmethod
    def _row(session: Session, decision: str, detail: str) -> Row:
        return Row(
            Kind.PERSON,
            decision=decision,
            person=session.person,
            decision_method="session",
            credential_id=b64u(session.credential_id),
            detail=detail,
        )


def _keys(p256dh: str, auth: str) -> tuple[bytes, bytes]:
    try:
        keys = from_b64u(p256dh), from_b64u(auth)
        check_keys(*keys)
    except ValueError:
        raise DeskError(400, "bad_request", "The keys are not those of a push subscription.") from None
    return keys


def _absent() -> DeskError:
    return DeskError(404, "absent", "There is no such browser of yours, or it is off already.")


def _not_added(lost: Lost) -> DeskError:
    if lost.why == "limit":
        return DeskError(
            409, "too_many", f"You are told on {MOST_DEVICES} browsers already: remove one of them first."
        )
    return DeskError(401, "signed_out", "The passkey that this session began with was revoked.")
