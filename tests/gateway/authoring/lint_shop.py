"""A template for lint to look at: a head, and the actions that a test is about."""

from pathlib import Path

from gateway.authoring.subjects import Subject
from gateway.templates.service import read_service
from gateway.templates.yaml12 import parse_yaml

HEAD = """\
format: 1
service: shop
namespace: Shop
version: 1.0.0
hosts: [api.shop.test]
"""


def template(actions: str, more: str = "") -> str:
    """Indented as YAML wants it, from lines of flow mappings."""
    lines = "".join(f"  - {line}\n" for line in actions.strip().splitlines())
    return f"{HEAD}{more}actions:\n{lines}"


def subject(actions: str, more: str = "") -> Subject:
    text = template(actions, more)
    document = parse_yaml(text.encode(), "shop.yaml")
    return Subject(read_service(Path("shop.yaml"), document, text.encode(), {}), document, text)
