"""What others wrote, taken as what we hope it is: a wrong type is as good as nothing."""

from typing import Any


def mapping(value: Any) -> dict[str, Any]:
    """The members whose names are texts or numbers; nothing of anything that is no mapping."""
    if not isinstance(value, dict):
        return {}
    return {str(key): item for key, item in value.items() if isinstance(key, (str, int))}


def sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def words(value: Any) -> str:
    return value if isinstance(value, str) else ""


def texts(value: Any) -> list[str]:
    return [item for item in sequence(value) if isinstance(item, str)]
