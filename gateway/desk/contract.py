from gateway.web.contract import Desk, DeskError, Event, Session, SignedIn

__all__ = ["Desk", "DeskError", "Event", "Session", "SignedIn"]
