"""The people's pages and their API, served over a Desk."""

from gateway.web.app import Pages, build_app
from gateway.web.contract import Desk, DeskError, Event, Session, SignedIn
from gateway.web.sockets import bind, loopback_sockets

__all__ = [
    "Desk",
    "DeskError",
    "Event",
    "Pages",
    "Session",
    "SignedIn",
    "bind",
    "build_app",
    "loopback_sockets",
]
