"""How much is at stake, in one word with its reasons, from plain rules over what the template says."""

from gateway.model import Mapped

HIGH = {
    "destructive": "Destroys something",
    "payment": "Moves money",
    "credential": "Touches a credential",
    "access": "Changes who has access",
}
MEDIUM = {"publish": "Publishes", "execute": "Runs code", "communicate": "Speaks to others"}


def intent_risk(mapped: Mapped) -> tuple[str, tuple[str, ...]]:
    """The level and why; never lowers a decision, only tells people and policies."""
    groups = {group for unit in mapped.units for group in unit.groups}
    high = tuple(reason for group, reason in HIGH.items() if group in groups)
    if any(unit.undo and unit.undo.how == "never" for unit in mapped.units):
        high += ("Cannot be undone",)
    medium = tuple(reason for group, reason in MEDIUM.items() if group in groups)
    if any(unit.action.endswith("/unmatched/write") for unit in mapped.units):
        medium += ("No template names this action",)
    if high:
        return "high", high + medium
    if medium:
        return "medium", medium
    if any(unit.access == "write" for unit in mapped.units):
        return "medium", ("Changes something",)
    return "low", ("Only reads",)
