"""A gateway with canned answers: it serves the real pages under the real policy, and lies where asked to."""

import asyncio
import base64
import copy
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import rfc8785
from aiohttp import web

from gateway.web.pages import with_icons

UI = Path(__file__).resolve().parents[2] / "approve_ui"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; require-trusted-types-for 'script'; "
    "trusted-types secondsig-worker; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
WORKER_CSP = (
    "default-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
ENVELOPE = "env_01K9ZC7Q3V8M4T2N"
PUSH_KEY = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
GRANT = "grt_0123456789ABCDEFGHJKMNPQRS"
PAGES = {
    "/login": "login",
    "/enrol": "enrol",
    "/approve/batch": "batch",
    "/approve/{id}": "approve",
    "/app/approvals": "approvals",
    "/app/audit": "audit",
    "/app/grants": "grants",
    "/app/people": "people",
    "/app/agents": "agents",
    "/app/config": "config",
    "/app/away": "away",
    "/app/reviews": "reviews",
    "/app/templates": "templates",
    "/app/settings": "settings",
}
TTL = 101
SITE = "\n".join(
    ["<!doctype html>", "<title>Parts that fit</title>", *[f"<p>Part {n}</p>" for n in range(20)]]
)
JSON_TYPE = "application/json"

type Json = dict[str, Any]
type Reply = Json | tuple[int, Json]


def b64u(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64u(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def digest_of(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


def text(value: str) -> Json:
    return {"text": value}


def payload(**changes: Any) -> Json:
    """A write to a public page, as ci-bot would ask for it; `changes` replace members at the top."""
    now = datetime.now(UTC)
    secret = {"length": 93, "commitment": digest_of("secret")}
    sample: Json = {
        "type": "secondsig/approval",
        "version": 1,
        "gateway": "gw_7f3a",
        "rp_id": "localhost",
        "envelope": ENVELOPE,
        "decision": "approve",
        "approver": "mika",
        "quorum": 1,
        "agent": {
            "id": "ci-bot",
            "team": "platform",
            "owner": None,
            "run": None,
            "token": "tok_4f2a",
            "address": "10.4.2.17",
        },
        "units": [unit()],
        "why": [
            {"policy": "main-needs-a-person", "reason": "A person signs every write to a protected branch."}
        ],
        "asked_by": ["policy", "template"],
        "purpose": "Fix the broken pricing link in the footer, issue 2231",
        "request": {
            "method": "PUT",
            "scheme": "https",
            "host": "api.github.com",
            "port": 443,
            "target": "/repos/acme/site/contents/public/index.html",
            "headers": [["Content-Type", text(JSON_TYPE)], ["Authorization", {"secret": secret}]],
            "body": {
                "kind": "json",
                "bytes": 582,
                "content_digest": "sha-256=:lASvUfFLHSCUBVg7yMweyPXZpAz1tGsmaVQOMzHfE5U=:",
                "fields": [
                    ["json:/branch", text("main")],
                    ["json:/message", text("Fix pricing link in footer")],
                    ["json:/content", text(base64.b64encode(SITE.encode()).decode())],
                    ["json:/retries", {"number": "3"}],
                    ["json:/force", {"bool": False}],
                    ["json:/author", {"null": True}],
                    ["json:/label", text("")],
                ],
            },
        },
        "show": {"json:/content": "base64-text"},
        "digest": digest_of("request"),
        "template": {"service": "github", "version": "1.0.0", "digest": digest_of("template")},
        "policy": {"digest": digest_of("policy")},
        "config": {"digest": digest_of("config"), "trust": "files"},
        "opened_at": utc(now),
        "expires_at": utc(now + timedelta(seconds=TTL)),
        "salt": digest_of("salt")[:32],
        "intent_risk": {"level": "low", "reasons": []},
        "observed": {"first_time": [], "address_requests_30_days": 96, "question_this_hour": 3},
        "checkpoint": None,
    }
    return {**sample, **changes}


def unit() -> Json:
    return {
        "action": "/github/repo/put_file",
        "title": "Create or update a file",
        "groups": ["content", "publish"],
        "access": "write",
        "resource": 'GitHub::Repo::"acme/site"',
        "context": {"branch": "main", "path": "public/index.html", "size": "901"},
        "risk": "step_up",
        "summary": [
            {"text": "Write "},
            {"value": "public/index.html"},
            {"text": " on "},
            {"value": "main"},
            {"text": " of "},
            {"value": "acme/site"},
        ],
        "undo": {"how": "hard", "note": "The page is live a minute after the commit."},
    }


def with_field(name: str, value: Json, **changes: Any) -> Json:
    """The sample payload with one more body field."""
    sample = payload(**changes)
    sample["request"] = copy.deepcopy(sample["request"])
    sample["request"]["body"]["fields"].insert(0, [name, value])
    return sample


def row_of(sample: Json, **changes: Any) -> Json:
    first = sample["units"][0]
    row: Json = {
        "id": sample["envelope"],
        "state": "pending",
        "agent": sample["agent"]["id"],
        "team": sample["agent"]["team"],
        "summary": first["summary"],
        "action": first["action"],
        "resource": first["resource"],
        "purpose": sample["purpose"],
        "risk": first["risk"],
        "intent_risk": "low",
        "opened_at": sample["opened_at"],
        "expires_at": sample["expires_at"],
        "ttl": TTL,
        "signed": 0,
        "quorum": sample["quorum"],
        "address": sample["agent"]["address"],
        "unusual": None,
        "decided_by": None,
        "decided_at": None,
        "cosigner_expires_at": None,
        "decision_method": None,
        "outcome": None,
        "status": None,
        "note": None,
        "batch": None,
    }
    return {**row, **changes}


SAYS = "Do not ask again about ci-bot, for 15 minutes: /github/repo/put_file, exactly this request."


def grant_of(**changes: Any) -> Json:
    now = utc(datetime.now(UTC))
    grant: Json = {
        "id": GRANT,
        "agent": "ci-bot",
        "covers": "intent",
        "says": SAYS,
        "units": [{"action": "/github/repo/put_file", "resource": 'GitHub::Repo::"acme/site"'}],
        "cedar": None,
        "signer": "mika",
        "made_at": now,
        "expires_at": None,
        "envelope": ENVELOPE,
        "uses": 0,
        "last_used_at": None,
        "ended_at": None,
        "ended_why": None,
        "ended_by": None,
    }
    return {**grant, **changes}


def consent_of(**changes: Any) -> Json:
    consent: Json = {
        "agent": "ci-bot",
        "form": "read_only",
        "says": "every read on anything",
        "cedar": 'permit (principal == Agent::"ci-bot", action in Action::"read", resource);',
        "person": "mika",
        "at": utc(datetime.now(UTC)),
        "expires_at": None,
        "withdrawn_at": None,
    }
    return {**consent, **changes}


def a_key(name: str, fingerprint: str, **changes: Any) -> Json:
    plain = {"id": b64u(name.encode()), "name": name, "fingerprint": fingerprint, "device_bound": True}
    times = {"since": "2026-11-01T09:00:00Z", "last_used_at": "2026-11-20T10:41:02Z"}
    return {**plain, **times, "waits_for": None, **changes}


CHROME = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari"


def a_session(number: int, **changes: Any) -> Json:
    plain: Json = {"id": f"ses_{number:032x}", "this": False, "signed_in_at": "2026-11-20T09:00:00Z"}
    came: Json = {"address": "10.4.2.17", "browser": CHROME, "passkey": "Pixel 9"}
    return {**plain, "expires_at": "2026-11-20T17:00:00Z", **came, **changes}


def a_service(name: str, **changes: Any) -> Json:
    plain: Json = {"name": name, "title": name.title(), "version": "1.0.0", "digest": digest_of(name)}
    actions = {"low": 12, "step_up": 5, "forbid": 1}
    used: Json = {"mode": "enforce", "hosts": [f"api.{name}.com"], "actions": actions, "own": False}
    unmatched = {"read": "low", "write": "step_up"}
    return {**plain, **used, "unmatched": unmatched, "overlays": 0, "loosened": 0, **changes}


def unmatched(**changes: Any) -> Json:
    plain: Json = {"host": "api.github.com", "method": "PUT", "action": "/github/unmatched/write"}
    last: Json = {"reason": None, "count": 3, "last_at": "2026-11-20T10:41:02Z", "agent": "ci-bot"}
    return {**plain, **last, "resource": 'GitHub::Repo::"acme/site"', "detail": None, **changes}


def templates(*services: Json, **changes: Any) -> Json:
    plain: Json = {"administrator": True, "agents": ["ci-bot"], "config": digest_of("config")}
    lists: Json = {"services": list(services), "refused": None, "unmatched": [], "looked_through": 20_000}
    return {**plain, **lists, "unknown_hosts": "refuse", **changes}


def a_step(step: str, title: str, *says: str, **data: Any) -> Json:
    return {"step": step, "title": title, "says": list(says), "data": data}


def an_explanation(**changes: Any) -> Json:
    """What is said of a payment to the playground."""
    reason = {"id": "payments-need-a-person", "reason": "A person signs.", "place": "policy.cedar:12"}
    unit: Json = {"action": "/playground/payments/create", "resource": 'Playground::Account::"acct_tea"'}
    context = {"money": {"currency": "jpy", "minor": 600}, "to": "acct_tea"}
    steps = [
        a_step("request", "Request", "POST https://playground.secondsig.internal/v1/payments"),
        a_step("service", "Template", "playground.secondsig.internal:443 is served by playground 1.0.0",
               service="playground", version="1.0.0", place="templates_yaml/playground.yaml:3:10"),
        a_step("candidates", "Candidates", "/playground/payments/create fits: /v1/payments",
               "    json:/amount present: true"),
        a_step("unit", "Meaning", "Action     /playground/payments/create: Pay", **unit, context=context,
               risk="low"),
        a_step("policy", "Policy", "without a signature: step up: people are asked", effect="step_up",
               quorum=1, reasons=[reason]),
        a_step("outcome", "The agent gets", "The connection is held, for up to 60 s."),
    ]  # fmt: skip
    request = {"method": "POST", "url": "https://playground.secondsig.internal/v1/payments"}
    return {"outcome": "step_up", "request": request, "steps": steps, **changes}


def a_member(name: str, *keys: Json, **changes: Any) -> Json:
    plain: Json = {"name": name, "groups": ["approvers"], "administrator": False, "keys": list(keys)}
    return {**plain, "enrolled_at": "2026-11-01T09:00:00Z", **changes}


def config(**changes: Any) -> Json:
    plain: Json = {"config": digest_of("config"), "trust": "signed", "files": digest_of("files")}
    return {**plain, "refused": [], "diff": "", "me": "mika", "administrator": True, **changes}


def an_agent(name: str, **changes: Any) -> Json:
    plain: Json = {"name": name, "team": "platform", "owner": "mika", "paused": False, "waiting": 0}
    return {**plain, "since": "2026-11-01T09:00:00Z", "limits": {}, "in_force": {}, **changes}


def agents(*known: Json, **changes: Any) -> Json:
    plain: Json = {"me": "mika", "administrator": True, "people": ["mika"], "agents": list(known)}
    return {**plain, "teams": [{"name": "platform", "limits": {"jpy": 500}}], **changes}


def people(*more: Json, **changes: Any) -> Json:
    mika = a_member("mika", a_key("Pixel 9", "a71c 77d2 0b1e 9c44"), administrator=True)
    return {
        "me": "mika",
        "administrator": True,
        "groups": ["administrators", "approvers", "oncall"],
        "people": [mika, *more],
        "recoveries": [],
        **changes,
    }


def a_browser(endpoint: str, **changes: Any) -> Json:
    """One that is told of questions, as its person sees it."""
    plain = {"id": "psh_1", "device": "Chrome on Linux", "since": "2026-11-01T09:00:00Z"}
    return {**plain, "endpoint_sha256": digest_of(endpoint), **changes}


@dataclass
class FakeGateway:
    """One test's gateway. A test changes its members at any time; `posted` is what the page sent."""

    credential_id: bytes = b"credential-of-mika"
    signed_in: bool = True
    enrolled: bool = True
    needs_tab: bool = False
    sample: Json = field(default_factory=payload)
    others: list[Json] = field(default_factory=list)
    notes: dict[str, Json] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    tamper_batch: Callable[[Json], Json] = lambda listed: listed
    tamper_part: Callable[[bytes], bytes] = lambda raw: raw
    batch_reply: Reply | None = None
    changes: Json = field(default_factory=dict)
    may: Json = field(default_factory=lambda: {"approve": True, "deny": True, "why": "ok"})
    may_break_glass: bool = False
    broken_glass: list[Json] = field(default_factory=list)
    glass_reply: Reply | None = None
    reason_signed: str | None = None
    reviews: list[Json] = field(default_factory=list)
    repeats: Json | None = None
    sent_key: str | None = None
    grantable: bool = True
    signatures: list[Json] = field(default_factory=list)
    delegates: list[Json] = field(default_factory=list)
    lent: list[Json] = field(default_factory=list)
    told: list[Json] = field(default_factory=list)
    push_reply: Reply | None = None
    unheard: str | None = None
    stand_ins: list[str] = field(default_factory=lambda: ["jonas", "priya"])
    escalation: list[Json] = field(default_factory=list)
    tamper_bytes: Callable[[bytes], bytes] = lambda raw: raw
    tamper_challenge: Callable[[bytes], bytes] = lambda raw: raw
    session_type: str = "secondsig/login"
    reveals: dict[str, tuple[str, str]] = field(default_factory=dict)
    earlier: bool = False
    refused_change: Json | None = None
    waiting: list[Json] = field(default_factory=list)
    recent: list[Json] = field(default_factory=list)
    rows: Json = field(default_factory=lambda: {"rows": [], "next": None})
    after_approve: Json = field(
        default_factory=lambda: {"state": "completed", "status": 200, "outcome": "completed"}
    )
    approve_reply: Reply | None = None
    pause_reply: Reply = field(default_factory=dict)
    config: Json = field(default_factory=config)
    grants: Json = field(default_factory=lambda: {"grants": [], "ended": [], "consents": []})
    tamper_change: Callable[[Json], Json] = lambda change: change
    revoke_reply: Reply | None = None
    agents: Json = field(default_factory=lambda: agents(an_agent("ci-bot")))
    people: Json = field(default_factory=people)
    sessions: list[Json] = field(default_factory=lambda: [a_session(1, this=True), a_session(2)])
    templates: Json = field(default_factory=lambda: templates(a_service("github")))
    explanation: Reply = field(default_factory=an_explanation)
    notifications: Reply = (404, {"error": "not_found", "detail": "There is nothing at this address."})
    test_reply: Reply = field(default_factory=dict)
    fails: dict[str, Reply] = field(default_factory=dict)
    change: Json = field(default_factory=dict)
    change_says: str = "Do this."
    change_type: str = "secondsig/administration"
    change_reply: Reply = field(default_factory=dict)
    enrol_reply: Reply | None = None
    stream_breaks: int = 0
    forgot: bool = False
    posted: dict[str, list[Json]] = field(default_factory=dict)
    got: list[str] = field(default_factory=list)
    resumed_from: list[str | None] = field(default_factory=list)
    listeners: set[asyncio.Queue[bytes]] = field(default_factory=set)
    announced: dict[int, bytes] = field(default_factory=dict)
    listened: asyncio.Event = field(default_factory=asyncio.Event)
    streams: int = 0

    def row(self) -> Json:
        return row_of(self.sample, **self.changes)

    def view(self) -> Json:
        done = self.row()["state"] != "pending"
        return {
            "row": self.row(),
            "may": {"approve": False, "deny": False, "why": "decided"} if done else self.may,
            "may_break_glass": self.may_break_glass and not done,
            "broken_glass": self.broken_glass,
            "approvers": ["mika", "jonas", "priya"],
            "delegates": self.delegates,
            "escalation": self.escalation,
            "signatures": self.signatures,
            "cosigner": "bafyreiaiq5zybd35z2s3hvfrhg3nu2k5vuujbsy5jghcswjn7luppiylby" if done else None,
            "credential_id": b64u(self.credential_id) if done and self.signatures else None,
            "log_entry": 48211 if done else None,
            "revealed": [],
            "repeats": self.repeats,
            "alike": [one["envelope"] for one in self.alike()],
            "idempotency_key": self.sent_key,
            "grantable": self.grantable,
            "earlier_configuration": self.earlier,
            "server_time": utc(datetime.now(UTC)),
        }

    def challenge(self, raw: bytes) -> str:
        return b64u(self.tamper_challenge(b"\x07" * 32 + hashlib.sha256(raw).digest()))

    def assertion_options(self, raw: bytes) -> Json:
        return {
            "challenge": self.challenge(raw),
            "rpId": "localhost",
            "userVerification": "required",
            "allowCredentials": [{"type": "public-key", "id": b64u(self.credential_id)}],
            "timeout": 60000,
        }

    def signed(self, sample: Json | None = None) -> Json:
        raw = rfc8785.dumps(sample or self.sample)
        return {
            "challenge_id": "ch_1",
            "payload": b64u(self.tamper_bytes(raw)),
            "options": self.assertion_options(raw),
        }

    def alike(self) -> list[Json]:
        """What can be signed together; one alone is alike to nothing."""
        together = [self.sample, *self.others] if self.others else []
        return [one for one in together if one["envelope"] not in self.gone]

    def batch_of(self, ids: list[str]) -> bytes:
        """The list that one signature over these would sign."""
        chosen = [one for wanted in ids for one in self.alike() if one["envelope"] == wanted]
        listed = {
            "type": "secondsig/batch",
            "version": 1,
            "gateway": "gw_7f3a",
            "rp_id": "localhost",
            "decision": "approve",
            "approver": "mika",
            "expires_at": min(one["expires_at"] for one in chosen),
            "envelopes": [
                {
                    "envelope": one["envelope"],
                    "digest": one["digest"],
                    "payload": hashlib.sha256(rfc8785.dumps(one)).hexdigest(),
                }
                for one in chosen
            ],
        }
        return rfc8785.dumps(self.tamper_batch(listed))

    def _begin_batch(self, body: Json) -> Reply:
        ids: list[str] = body["envelopes"]
        if self.gone & set(ids):
            return 409, {"error": "decided", "detail": "jonas decided this first."}
        raw = self.batch_of(ids)
        chosen = [one for wanted in ids for one in self.alike() if one["envelope"] == wanted]
        return {
            "challenge_id": f"ch_{len(self.posted['batches/begin'])}",
            "payload": b64u(self.tamper_bytes(raw)),
            "options": self.assertion_options(raw),
            "requests": [
                {
                    "payload": b64u(self.tamper_part(rfc8785.dumps(one))),
                    "row": row_of(one),
                    "repeats": None,
                    "earlier_configuration": False,
                    **self.notes.get(one["envelope"], {}),
                }
                for one in chosen
            ],
            "server_time": utc(datetime.now(UTC)),
        }

    def _decide_batch(self, state: str) -> Reply:
        if self.batch_reply is not None:
            return self.batch_reply
        ids = self.posted["batches/begin"][-1]["envelopes"]
        if state == "denied":
            ids = self.posted["batches/deny"][-1]["envelopes"]
        rows = [
            row_of(one, state=state, signed=1, decided_by="mika")
            for one in self.alike()
            if one["envelope"] in ids
        ]
        return {"rows": rows, "left_out": []}

    def announce(self, number: int, envelope: str, state: str) -> None:
        self._tell(number, "envelope", {"id": envelope, "state": state})

    def configured(self, number: int) -> None:
        self._tell(number, "config", {})

    def _tell(self, number: int, name: str, data: Json) -> None:
        self.announced[number] = f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()
        for queue in self.listeners:
            queue.put_nowait(self.announced[number])

    # The API

    def get(self, path: str) -> Reply:
        now = utc(datetime.now(UTC))
        if path == "/api/v1/state":
            return {"enrolled": self.enrolled, "gateway": "gw_7f3a", "name": "acme", "server_time": now}
        if path.endswith("/clock"):
            return {
                "state_open": self.row()["state"] == "pending",
                "expires_at": self.sample["expires_at"],
                "server_time": now,
            }
        if not self.signed_in:
            return 401, {"error": "signed_out", "detail": "Sign in first."}
        if path == "/api/v1/me":
            person = {"name": "mika", "display": "Mika Sato", "groups": ["platform"]}
            return {
                "person": person,
                "signed_in_at": now,
                "credential": {"name": "Pixel 9"},
                "event": 40,
                "server_time": now,
            }
        if path == "/api/v1/envelopes":
            config = {"digest": digest_of("config"), "refused": self.refused_change}
            return {
                "waiting": self.waiting,
                "recent": self.recent,
                "config": config,
                "open_reviews": len([each for each in self.reviews if not each["closed_at"]]),
                "server_time": now,
            }
        name = path.removeprefix("/api/v1/")
        lists: dict[str, Reply] = {
            "sessions": {"sessions": self.sessions, "server_time": now},
            "templates": {**self.templates, "server_time": now},
            "notifications": self.notifications,
            "grants": {**self.grants, "server_time": now},
            "reviews": {"reviews": self.reviews, "server_time": now},
            "people": self.people,
            "agents": self.agents,
            "config": self.config,
            "rows": self.rows,
            "push/key": {"key": PUSH_KEY},
            "push/subscriptions": {"subscriptions": self.told, "most": 10},
            "delegations": {
                "delegations": self.lent,
                "people": self.stand_ins,
                "services": ["github", "shop"],
                "groups": ["payment"],
                "server_time": now,
            },
        }
        if name in lists:
            return self.fails.get(name, lists[name])
        if path == f"/api/v1/envelopes/{ENVELOPE}":
            return self.view()
        return 404, {"error": "unknown_envelope", "detail": "There is no such question."}

    async def sent(self, name: str) -> list[Json]:
        """What the page sent there, once it sent something: a page shows first, and sends meanwhile."""
        async with asyncio.timeout(60):
            while name not in self.posted:
                await asyncio.sleep(0.01)
        return self.posted[name]

    def post(self, path: str, body: Json) -> Reply:
        name = re.sub(r"^envelopes/env_\w+/", "", path.removeprefix("/api/v1/"))
        self.posted.setdefault(name, []).append(body)
        handlers: dict[str, Callable[[Json], Reply]] = {
            "login/begin": lambda _: self._session(self.session_type),
            "login/finish": self._login,
            "logout": self._logout,
            "enrol/begin": lambda _: self._session("secondsig/enrolment"),
            "enrol/finish": lambda body: self.enrol_reply or self._login(body),
            "changes/begin": self._change,
            "changes/finish": self._changed,
            f"sessions/{a_session(2)['id']}/revoke": lambda _: self._end_others(),
            "sessions/revoke-others": lambda _: self._end_others(),
            "templates/explain": lambda _: self.explanation,
            "notifications/test": lambda _: self.test_reply,
            "people/revoke": lambda _: {},
            "people/cancel-recovery": lambda _: {},
            "keys/revoke": lambda _: {},
            "sign": lambda _: self.signed(),
            "approve": self._approve,
            "deny": self._deny,
            "withdraw": lambda _: self._move({"state": "revoked", "decided_by": "mika"}),
            "reveal": self._reveal,
            "mismatch": lambda _: {},
            "batches/begin": self._begin_batch,
            "batches/approve": lambda _: self._decide_batch("approved"),
            "batches/deny": lambda _: self._decide_batch("denied"),
            "break-glass/begin": self._glass,
            "break-glass/finish": self._approve,
            "stop-all": lambda _: {"paused": ["ci-bot"], "denied": [ENVELOPE]},
            "agents/ci-bot/pause": self._pause,
            "delegations/del_1/withdraw": lambda _: {"id": "del_1"},
            "push/subscriptions/add": self._push_on,
            "push/subscriptions/psh_1/remove": self._push_off,
            "push/subscriptions/psh_1/test": lambda _: {"accepted": not self.unheard, "why": self.unheard},
            "agents/ci-bot/consent/withdraw": self._withdraw_consent,
            f"grants/{GRANT}/revoke": self._revoke_grant,
        }
        return handlers[name](body)

    def _end_others(self) -> Reply:
        ended = [each["id"] for each in self.sessions if not each["this"]]
        self.sessions = [each for each in self.sessions if each["this"]]
        return {"ended": ended}

    def _push_on(self, body: Json) -> Reply:
        if self.push_reply is not None:
            return self.push_reply
        self.told = [*self.told, a_browser(body["endpoint"], device=body["device"])]
        return {"subscription": self.told[-1]}

    def _push_off(self, _: Json) -> Reply:
        self.told = [each for each in self.told if each["id"] != "psh_1"]
        return {"id": "psh_1"}

    def _glass(self, body: Json) -> Reply:
        if self.glass_reply is not None:
            return self.glass_reply
        reason = self.reason_signed or body["reason"]
        return self.signed({**self.sample, "decision": "break_glass", "reason": reason})

    def _pause(self, _: Json) -> Reply:
        if isinstance(self.pause_reply, dict):
            self.agents = agents(an_agent("ci-bot", paused=True))
        return self.pause_reply

    def _change(self, body: Json) -> Reply:
        said = {
            "type": self.change_type,
            "version": 1,
            "gateway": "gw_7f3a",
            "rp_id": "localhost",
            "person": "mika",
            "kind": body["kind"],
            "asked": body["asked"],
            "says": self.change_says,
            "change": self.change,
            "asked_at": utc(datetime.now(UTC)),
            "salt": "00" * 16,
        }
        raw = rfc8785.dumps(self.tamper_change(said))
        return {
            "challenge_id": "ch_c",
            "payload": b64u(self.tamper_bytes(raw)),
            "options": self.assertion_options(raw),
        }

    def _changed(self, _body: Json) -> Reply:
        begun = self.posted["changes/begin"][-1]
        if begun["kind"] == "review/close":
            asked = begun["asked"]
            closed = {"closed_at": utc(datetime.now(UTC)), "closed_by": "mika"}
            said = {"verdict": asked["verdict"], "note": asked["note"]}
            self.reviews = [{**each, **closed, **said} for each in self.reviews]
        return self.change_reply

    def _revoke_grant(self, body: Json) -> Reply:
        if self.revoke_reply is not None:
            return self.revoke_reply
        live, *left = self.grants["grants"]
        ended = {**live, "ended_at": live["made_at"], "ended_why": "revoked", "ended_by": "mika"}
        self.grants = {**self.grants, "grants": left, "ended": [ended]}
        return {"grant": GRANT}

    def _withdraw_consent(self, body: Json) -> Reply:
        (consent,) = self.grants["consents"]
        self.grants = {**self.grants, "consents": [{**consent, "withdrawn_at": consent["at"]}]}
        return {"agent": "ci-bot"}

    def _session(self, kind: str) -> Reply:
        raw = rfc8785.dumps({"type": kind, "version": 1, "gateway": "gw_7f3a"})
        answer: Json = {
            "challenge_id": "ch_s",
            "options": self.assertion_options(raw),
            "payload": b64u(raw),
            "person": "mika",
        }
        if kind == "secondsig/enrolment":
            answer["options"] = {
                "challenge": self.challenge(raw),
                "rp": {"id": "localhost", "name": "Secondsig"},
                "user": {"id": b64u(b"mika"), "name": "mika", "displayName": "Mika Sato"},
                "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
                "authenticatorSelection": {"residentKey": "required", "userVerification": "required"},
                "excludeCredentials": [],
            }
        return answer

    def _login(self, body: Json) -> Reply:
        self.signed_in = True
        credential = {"name": "Pixel 9", "fingerprint": "a71c 77d2", "device_bound": True}
        return {
            "person": {"name": "mika", "display": "Mika Sato", "groups": []},
            "tab": "tab-token",
            "credential": credential,
        }

    def _logout(self, body: Json) -> Reply:
        self.signed_in = False
        return {}

    def _move(self, changes: Json) -> Reply:
        self.changes = changes
        return {"row": self.row()}

    def _approve(self, body: Json) -> Reply:
        if self.approve_reply is not None:
            return self.approve_reply
        self.signatures.append(
            {
                "person": "mika",
                "at": utc(datetime.now(UTC)),
                "credential": "passkey on Pixel 9",
                "counts": True,
            }
        )
        return self._move(
            {"decided_by": "mika", "decision_method": "passkey", "signed": 1, **self.after_approve}
        )

    def _deny(self, body: Json) -> Reply:
        return self._move(
            {"state": "denied", "decided_by": "mika", "decision_method": "session", "note": body["note"]}
        )

    def _reveal(self, body: Json) -> Reply:
        value, salt = self.reveals[body["selector"]]
        return {"value": value, "salt": salt}


class Site:
    """The running server: one for all tests, with the gateway of the test that runs."""

    def __init__(self) -> None:
        self.gateway = FakeGateway()
        self.url = ""

    def app(self) -> web.Application:
        app = web.Application()
        for path, name in PAGES.items():
            app.router.add_get(path, self._page(name))
        app.router.add_get("/api/v1/events", self._events)
        app.router.add_get("/api/v1/{tail:.*}", self._get)
        app.router.add_post("/api/v1/{tail:.*}", self._post)
        app.router.add_get("/sw.js", self._worker)
        app.router.add_static("/static", UI / "static")
        app.on_response_prepare.append(self._headers)
        return app

    @staticmethod
    async def _headers(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Content-Security-Policy"] = WORKER_CSP if request.path == "/sw.js" else CSP
        response.headers["Cache-Control"] = "no-store"

    def _page(self, name: str) -> Callable[[web.Request], Any]:
        shell = with_icons((UI / "pages" / f"{name}.html").read_bytes(), (UI / "icons.svg").read_bytes())

        async def serve(request: web.Request) -> web.Response:
            return web.Response(body=shell, content_type="text/html", charset="utf-8")

        return serve

    @staticmethod
    async def _worker(request: web.Request) -> web.FileResponse:
        return web.FileResponse(UI / "sw.js")

    @staticmethod
    def _reply(reply: Reply) -> web.Response:
        status, body = reply if isinstance(reply, tuple) else (200, reply)
        return web.json_response(body, status=status)

    def _without_tab(self, request: web.Request) -> bool:
        return self.gateway.needs_tab and request.headers.get("Secondsig-Tab") != "tab-token"

    async def _get(self, request: web.Request) -> web.Response:
        self.gateway.got.append(request.path_qs)
        if self._without_tab(request) and not request.path.endswith(("/state", "/clock")):
            return web.json_response({"error": "signed_out", "detail": "Sign in first."}, status=401)
        return self._reply(self.gateway.get(request.path))

    async def _post(self, request: web.Request) -> web.Response:
        assert request.content_type == JSON_TYPE
        return self._reply(self.gateway.post(request.path, await request.json()))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        gateway = self.gateway
        if not gateway.signed_in:
            return web.json_response({"error": "signed_out", "detail": "Sign in first."}, status=401)
        gateway.resumed_from.append(request.headers.get("Last-Event-ID"))
        gateway.streams += 1
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        hello = json.dumps({"server_time": utc(datetime.now(UTC)), "missed": gateway.forgot})
        await response.write(f"id: 40\nevent: hello\ndata: {hello}\n\n".encode())
        if gateway.streams <= gateway.stream_breaks:
            return response
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        last = int(request.headers.get("Last-Event-ID", "40"))
        for number in sorted(gateway.announced):
            if number > last:
                queue.put_nowait(gateway.announced[number])
        gateway.listeners.add(queue)
        gateway.listened.set()
        try:
            while True:
                await response.write(await queue.get())
        except ConnectionResetError:
            return response
        finally:
            gateway.listeners.discard(queue)


@asynccontextmanager
async def serving() -> AsyncIterator[Site]:
    """A site on a free port of this machine."""
    site = Site()
    runner = web.AppRunner(site.app(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "localhost", 0).start()
    site.url = f"http://localhost:{runner.addresses[0][1]}"
    try:
        yield site
    finally:
        await runner.cleanup()
