"""A program that decides beside people: python program.py key FILE, then python program.py URL NAME FILE.

`judge` is yours to write. Everything else is the protocol: a nonce, a payload, one signature over both.
"""

import base64
import hashlib
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

type Json = dict[str, Any]

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
EVERY_SECONDS = 2


def judge(sheet: Json) -> tuple[str, Json] | None:
    """What to do with one request: deny, route or delegate, with what is said; None leaves it to people."""
    order = sheet["units"][0]["resource"]
    if "test" in order:
        return "delegate", {}
    if "fraud" in order:
        return "deny", {"note": "This order looks like fraud: ask a person to place it."}
    return None


def canonical(value: object) -> bytes:
    """The one spelling that is signed: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64u(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def did_key(key: Ed25519PrivateKey) -> str:
    """The public key as an administrator registers it."""
    number, text = int.from_bytes(b"\xed\x01" + key.public_key().public_bytes_raw()), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return f"did:key:z{text}"


class Program:
    def __init__(self, url: str, name: str, key: Ed25519PrivateKey) -> None:
        self.api, self.name, self.key = f"{url}/api/v1/programs", name, key

    def call(self, path: str, body: Json | None = None, headers: Json | None = None) -> Json:
        told = {"Content-Type": "application/json", **(headers or {})}
        raw = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.api}/{path}", raw, told)) as answer:
            said: Json = json.load(answer)
            return said

    def nonce(self, verb: str) -> Json:
        return self.call("challenge", {"program": self.name, "verb": verb})

    def sign(self, nonce: Json, payload: Json) -> str:
        return b64u(self.key.sign(from_b64u(nonce["nonce"]) + hashlib.sha256(canonical(payload)).digest()))

    def waiting(self) -> list[Json]:
        nonce = self.nonce("list")
        payload = {"type": "secondsig/program", "version": 1, "gateway": nonce["gateway"]}
        signature = self.sign(nonce, {**payload, "program": self.name, "verb": "list"})
        shown = {
            "Secondsig-Program": self.name,
            "Secondsig-Challenge": nonce["challenge_id"],
            "Secondsig-Signature": signature,
        }
        envelopes: list[Json] = self.call("envelopes", headers=shown)["envelopes"]
        return envelopes

    def act(self, envelope: Json, sheet: Json, verb: str, said: Json) -> Json:
        nonce = self.nonce(verb)
        signature = self.sign(nonce, {**sheet, **said, "decision": verb, "approver": self.name})
        body = {"program": self.name, "challenge_id": nonce["challenge_id"], "signature": signature, **said}
        return self.call(f"envelopes/{envelope['id']}/{verb}", body)

    def round(self) -> None:
        """Once through everything that waits."""
        for envelope in self.waiting():
            sheet = json.loads(from_b64u(envelope["sheet"]))
            verdict = judge(sheet)
            if verdict is None or verdict[0] not in envelope["may"]:
                continue
            try:
                print(verdict[0], self.act(envelope, sheet, *verdict)["state"], envelope["id"], flush=True)
            except urllib.error.HTTPError as error:
                print(verdict[0], "refused:", json.load(error)["detail"], envelope["id"], flush=True)


def make_key(path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    path.touch(0o600, exist_ok=False)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    print(did_key(key))


def main(arguments: list[str]) -> None:
    match arguments:
        case ["key", file]:
            make_key(Path(file))
        case [url, name, file, *once]:
            key = serialization.load_pem_private_key(Path(file).read_bytes(), None)
            if not isinstance(key, Ed25519PrivateKey):
                raise SystemExit("The key has to be an Ed25519 key.")
            program = Program(url, name, key)
            program.round()
            while not once:
                time.sleep(EVERY_SECONDS)
                program.round()
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
