"""What is kept of an async question: the request to be sent, and the answer to be fetched, both sealed."""

import base64
import json
from typing import Any

from gateway.gate import Answer, Carried
from gateway.keys import Keys
from gateway.model import Caller, Request


class UpstreamAnswer(Answer):
    """What an upstream said, handed on later: never marked as the gateway's own."""


def seal_request(keys: Keys, envelope: str, request: Request) -> bytes:
    """All of it, the credential too; apart from what people are shown, so that no page can open it."""
    caller = request.caller
    packed = {
        "caller": [caller.agent, caller.token_id, caller.run, caller.peer],
        "line": [request.method, request.scheme, request.host, request.port, request.target],
        "headers": request.headers,
        "body": base64.b64encode(request.body).decode(),
    }
    return keys.seal(f"{envelope} request", json.dumps(packed).encode())


def unseal_request(keys: Keys, envelope: str, sealed: bytes) -> Request:
    held: dict[str, Any] = json.loads(keys.unseal(f"{envelope} request", sealed))
    method, scheme, host, port, target = held["line"]
    return Request(
        caller=Caller(*held["caller"]),
        method=method,
        scheme=scheme,
        host=host,
        port=port,
        target=target,
        headers=_pairs(held["headers"]),
        body=base64.b64decode(held["body"]),
    )


def seal_answer(keys: Keys, envelope: str, answer: Carried) -> bytes:
    packed = {
        "status": answer.status,
        "headers": answer.headers,
        "body": None if answer.body is None else base64.b64encode(answer.body).decode(),
        "lost": answer.lost,
    }
    return keys.seal(f"{envelope} answer", json.dumps(packed).encode())


def unseal_answer(keys: Keys, envelope: str, sealed: bytes) -> Carried:
    held: dict[str, Any] = json.loads(keys.unseal(f"{envelope} answer", sealed))
    body = None if held["body"] is None else base64.b64decode(held["body"])
    return Carried(held["status"], _pairs(held["headers"]), body, held["lost"])


def _pairs(values: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in values)
