"""The API in OpenAPI 3.1, for those who write against it; a test holds it to the routes."""

from typing import Any

from gateway.batches import MOST

type Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
BYTES: Schema = {"type": "string", "contentEncoding": "base64url"}
ANY_OBJECT: Schema = {"type": "object"}

ID: Schema = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^env_[0-9A-Za-z]{16,40}$"},
}

NAMED: Schema = {"name": "name", "in": "path", "required": True, "schema": TEXT}


def _object(**members: Schema) -> Schema:
    return {"type": "object", "properties": members, "required": list(members)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


ROW = _object(
    id=TEXT,
    state=TEXT,
    agent=TEXT,
    team=_maybe(TEXT),
    summary=_list({"oneOf": [_object(text=TEXT), _object(value=TEXT)]}),
    action=TEXT,
    resource=TEXT,
    purpose=_maybe(TEXT),
    risk=TEXT,
    intent_risk=TEXT,
    opened_at=TIME,
    expires_at=TIME,
    ttl=NUMBER,
    signed=NUMBER,
    quorum=NUMBER,
    address=TEXT,
    unusual=_maybe(_object(in_10_min=NUMBER, usual_per_hour=NUMBER)),
    decided_by=_maybe(TEXT),
    decision_method=_maybe(TEXT),
    outcome=_maybe(TEXT),
    status=_maybe(NUMBER),
    note=_maybe(TEXT),
    batch=_maybe(TEXT),
)
AUDIT_ROW = _object(
    seq=NUMBER,
    at=TIME,
    kind=TEXT,
    **{
        name: _maybe(TEXT)
        for name in (
            "decision",
            "reason",
            "agent",
            "envelope",
            "action",
            "resource",
            "method",
            "host",
            "person",
            "decision_method",
            "credential_id",
            "cosigner",
            "grant_id",
            "outcome",
        )
    },
    status=_maybe(NUMBER),
    detail=_maybe(TEXT),
)
PROGRAM_VERB: Schema = {"enum": ["deny", "route", "delegate"]}
DELIVERY_STATE: Schema = {"enum": ["queued", "sent", "accepted", "failed", "seen"]}
BROKEN = _object(person=TEXT, reason=TEXT, at=TIME)
AWAY = _object(person=TEXT, until=TIME)
REPEATS = _maybe(
    _object(state=TEXT, by=_maybe(TEXT), note=_maybe(TEXT), idempotency_key=_maybe(TEXT), at=TIME)
)
ENVELOPE = _object(
    row=_ref("Row"),
    may=_object(
        approve=BOOLEAN,
        deny=BOOLEAN,
        why={"enum": ["ok", "not_allowed", "own_request", "decided", "expired", "no_passkey", "counted"]},
    ),
    may_break_glass=BOOLEAN,
    broken_glass=_list(BROKEN),
    approvers=_list(TEXT),
    delegates=_list(_object(person=TEXT, **{"for": AWAY})),
    escalation=_list(_object(to=TEXT, at=TIME, went_at=_maybe(TIME), people=_list(TEXT))),
    signatures=_list(_object(person=TEXT, at=TIME, credential=TEXT, counts=BOOLEAN, **{"for": _maybe(AWAY)})),
    cosigner=_maybe(TEXT),
    credential_id=_maybe(BYTES),
    log_entry=_maybe(NUMBER),
    revealed=_list(TEXT),
    repeats=REPEATS,
    idempotency_key=_maybe(TEXT),
    grantable=BOOLEAN,
    alike=_list(TEXT),
    earlier_configuration=BOOLEAN,
    server_time=TIME,
)
PERSON = _object(name=TEXT, display=TEXT, groups=_list(TEXT))
GRANT = _object(
    id=TEXT,
    agent=TEXT,
    covers={"enum": ["intent", "resource", "cedar"]},
    says=TEXT,
    units=_list(_object(action=TEXT, resource=TEXT)),
    cedar=_maybe(TEXT),
    signer=TEXT,
    made_at=TIME,
    expires_at=_maybe(TIME),
    envelope=_maybe(TEXT),
    uses=NUMBER,
    last_used_at=_maybe(TIME),
    ended_at=_maybe(TIME),
    ended_why=_maybe({"enum": ["revoked", "expired", "agent_removed", "signer", "meaning"]}),
    ended_by=_maybe(TEXT),
)
CONSENT = _object(
    agent=TEXT,
    form={"enum": ["read_only", "project", "until", "cedar"]},
    says=TEXT,
    cedar=TEXT,
    person=TEXT,
    at=TIME,
    expires_at=_maybe(TIME),
    withdrawn_at=_maybe(TIME),
)
SCHEMAS: dict[str, Schema] = {
    "Row": ROW,
    "AuditRow": AUDIT_ROW,
    "Envelope": ENVELOPE,
    "Person": PERSON,
    "Grant": GRANT,
    "Consent": CONSENT,
    "Error": _object(error=TEXT, detail=TEXT),
}

CHALLENGE = _object(challenge_id=TEXT, options=ANY_OBJECT, payload=BYTES)
SIGNED_IN = _object(person=_ref("Person"), tab=TEXT)
ONE_ROW = _object(row=_ref("Row"))
NOTHING = _object()


def describe(version: str) -> dict[str, Any]:
    """The document that /api/v1/openapi.json answers with."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Secondsig: the people's pages", "version": version},
        "security": [{"cookie": [], "tab": []}],
        "paths": _paths(),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "cookie": {"type": "apiKey", "in": "cookie", "name": "secondsig_session"},
                "tab": {"type": "apiKey", "in": "header", "name": "Secondsig-Tab"},
                "program": {"type": "apiKey", "in": "header", "name": "Secondsig-Signature"},
                "scrape": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _paths() -> dict[str, Any]:
    return {
        "/healthz": {"get": _open(_text("The process answers"))},
        "/readyz": {"get": _open(_text("Requests can be decided now; 503 says what stands in the way"))},
        "/metrics": {"get": {**_text("Counts, for Prometheus"), "security": [{"scrape": []}]}},
        "/api/v1/openapi.json": {"get": _open(_get("This document", ANY_OBJECT))},
        "/api/v1/state": {"get": _open(_get("Whether somebody is enrolled", _state()))},
        **_signing_in(),
        "/api/v1/me": {"get": _get("Who is signed in", _me())},
        **_sessions(),
        **_templates(),
        "/api/v1/rows": {"get": {**_get("The log, newest first", _rows()), "parameters": _row_query()}},
        "/api/v1/events": {"get": _events()},
        **_envelopes(),
        **_batches(),
        "/api/v1/agents/{name}/pause": _pausing(),
        **_delegations(),
        "/api/v1/config": {"get": _get("The configuration in force, and what waits to be signed", _config())},
        "/api/v1/agents/{name}/consent/withdraw": _withdrawing(),
        "/api/v1/grants": {"get": _get("What was answered in advance", _grants())},
        "/api/v1/grants/{grant}/revoke": _revoking(),
        "/api/v1/agents": {"get": _get("Every agent, with its limits", _agents())},
        **_people(),
        "/api/v1/stop-all": {"post": _post("Pauses every agent, denies all that waits", _stopped())},
        "/api/v1/reviews": {"get": _get("What broken glass left to be reviewed, and what was", _reviews())},
        **_programs(),
        **_notifications(),
        **_devices(),
        "/api/v1/changes/begin": {
            "post": _post("The payload to sign for a change", CHALLENGE, kind=TEXT, asked=ANY_OBJECT)
        },
        "/api/v1/changes/finish": {
            "post": _post("Makes the change", ANY_OBJECT, challenge_id=TEXT, credential=ANY_OBJECT)
        },
    }


def _delegations() -> dict[str, Any]:
    text = dict.fromkeys(("id", "person", "to", "what"), TEXT)
    some = dict.fromkeys(("service", "group"), _maybe(TEXT))
    when: dict[str, Schema] = {"from": TIME, "until": TIME, "live": BOOLEAN, "may_withdraw": BOOLEAN}
    names = dict.fromkeys(("people", "services", "groups"), _list(TEXT))
    listed = _object(delegations=_list(_object(**text, **some, **when)), **names, server_time=TIME)
    named = {"name": "delegation", "in": "path", "required": True, "schema": TEXT}
    withdrawn = _post("Ends a delegation before its time", _object(id=TEXT))
    return {
        "/api/v1/delegations": {"get": _get("Who signs for whom while they are away", listed)},
        "/api/v1/delegations/{delegation}/withdraw": {"parameters": [named], "post": withdrawn},
    }


def _signing_in() -> dict[str, Any]:
    key = _object(name=TEXT, fingerprint=TEXT, device_bound=BOOLEAN)
    first = _object(challenge_id=TEXT, options=ANY_OBJECT, person=TEXT, payload=BYTES)
    enrolled = _object(person=_ref("Person"), tab=TEXT, credential=key)
    answer: dict[str, Schema] = {"challenge_id": TEXT, "credential": ANY_OBJECT}
    return {
        "/api/v1/login/begin": {"post": _open(_post("A challenge to sign in with", CHALLENGE))},
        "/api/v1/login/finish": {"post": _open(_post("Signs in", SIGNED_IN, **answer))},
        "/api/v1/enrol/begin": {
            "post": _open(_post("A challenge to enrol with", first, token=TEXT, name=TEXT))
        },
        "/api/v1/enrol/finish": {"post": _open(_post("Enrols a passkey", enrolled, **answer, token=TEXT))},
        "/api/v1/logout": {"post": _post("Ends the session", NOTHING)},
    }


def _envelopes() -> dict[str, Any]:
    config = _object(digest=TEXT, refused=_maybe(_object(at=TIME, why=_list(TEXT))))
    rows = _list(_ref("Row"))
    queue = _object(waiting=rows, recent=rows, config=config, open_reviews=NUMBER, server_time=TIME)
    clock = _object(state_open=BOOLEAN, expires_at=TIME, server_time=TIME)
    approve = _post("Approves, with a passkey", ONE_ROW, challenge_id=TEXT, credential=ANY_OBJECT)
    reveal = _post("Shows a redacted value, with a row", _object(value=TEXT, salt=TEXT), selector=TEXT)
    report = _post("Reports a display that does not match", NOTHING, expected=TEXT, shown=TEXT)
    one = "/api/v1/envelopes/{id}"
    return {
        "/api/v1/envelopes": {"get": _get("What waits, and what was decided lately", queue)},
        one: _of_one("get", _get("One envelope", _ref("Envelope"))),
        f"{one}/clock": _of_one("get", _open(_get("The time left", clock))),
        f"{one}/sign": _of_one("post", _post("The payload to sign, with its challenge", CHALLENGE)),
        f"{one}/approve": _of_one("post", approve),
        f"{one}/break-glass/begin": _of_one(
            "post", _post("The payload to sign for breaking glass", CHALLENGE, reason=TEXT)
        ),
        f"{one}/break-glass/finish": _of_one(
            "post", _post("Breaks glass, with a passkey", ONE_ROW, challenge_id=TEXT, credential=ANY_OBJECT)
        ),
        f"{one}/deny": _of_one("post", _post("Denies", ONE_ROW, optional={"note": _maybe(TEXT)})),
        f"{one}/withdraw": _of_one("post", _post("Takes one's signature back", ONE_ROW)),
        f"{one}/reveal": _of_one("post", reveal),
        f"{one}/mismatch": _of_one("post", report),
    }


def _batches() -> dict[str, Any]:
    ids = {**_list(ID["schema"]), "minItems": 1, "maxItems": MOST, "uniqueItems": True}
    one = _object(payload=BYTES, row=_ref("Row"), repeats=REPEATS, earlier_configuration=BOOLEAN)
    asked = _object(
        challenge_id=TEXT, options=ANY_OBJECT, payload=BYTES, requests=_list(one), server_time=TIME
    )
    left_out = _list(_object(envelope=TEXT, error=TEXT, detail=TEXT))
    decided = _object(rows=_list(_ref("Row")), left_out=left_out)
    answer: dict[str, Schema] = {"challenge_id": TEXT, "credential": ANY_OBJECT}
    deny = _post("Denies like requests", decided, optional={"note": _maybe(TEXT)}, envelopes=ids)
    return {
        "/api/v1/batches/begin": {
            "post": _post("What one signature over like requests would sign", asked, envelopes=ids)
        },
        "/api/v1/batches/approve": {
            "post": _post("Approves like requests, with one signature", decided, **answer)
        },
        "/api/v1/batches/deny": {"post": deny},
    }


def _state() -> Schema:
    return _object(enrolled=BOOLEAN, gateway=TEXT, name=TEXT, server_time=TIME)


def _me() -> Schema:
    who = _object(name=TEXT)
    return _object(person=_ref("Person"), signed_in_at=TIME, credential=who, event=NUMBER, server_time=TIME)


def _sessions() -> dict[str, Any]:
    one = _object(
        id=TEXT,
        this=BOOLEAN,
        signed_in_at=TIME,
        expires_at=TIME,
        address=_maybe(TEXT),
        browser=_maybe(TEXT),
        passkey=TEXT,
    )
    ended = _object(ended=_list(TEXT))
    named = {"name": "session", "in": "path", "required": True, "schema": TEXT}
    return {
        "/api/v1/sessions": {
            "get": _get("Where one is signed in", _object(sessions=_list(one), server_time=TIME))
        },
        "/api/v1/sessions/revoke-others": {"post": _post("Ends one's other sessions", ended)},
        "/api/v1/sessions/{session}/revoke": {
            "parameters": [named],
            "post": _post("Ends one of one's sessions", ended),
        },
    }


def _templates() -> dict[str, Any]:
    service = _object(
        **dict.fromkeys(("name", "title", "version", "digest"), TEXT),
        mode={"enum": ["enforce", "watch", "off"]},
        hosts=_list(TEXT),
        actions=_object(low=NUMBER, step_up=NUMBER, forbid=NUMBER),
        unmatched={"type": "object", "additionalProperties": TEXT},
        own=BOOLEAN,
        overlays=NUMBER,
        loosened=NUMBER,
    )
    kind = dict.fromkeys(("host", "method", "action", "reason", "agent", "resource", "detail"), _maybe(TEXT))
    loaded = _object(
        administrator=BOOLEAN,
        agents=_list(TEXT),
        config=TEXT,
        unknown_hosts=TEXT,
        services=_list(service),
        refused=_maybe(_object(at=TIME, why=_list(TEXT))),
        unmatched=_list(_object(**kind, count=NUMBER, last_at=TIME)),
        looked_through=NUMBER,
        server_time=TIME,
    )
    step = _object(step=TEXT, title=TEXT, says=_list(TEXT), data=ANY_OBJECT)
    told = _object(outcome=TEXT, request=_object(method=TEXT, url=TEXT), steps=_list(step))
    written = {"type": "string", "maxLength": 65_536}
    explain = _post(
        "What the gateway would make of a request, step by step; nothing is sent",
        told,
        optional={"agent": _maybe(TEXT)},
        request=written,
    )
    return {
        "/api/v1/templates": {
            "get": _get("What is loaded, what was refused, and what no action names", loaded)
        },
        "/api/v1/templates/explain": {"post": explain},
    }


def _rows() -> Schema:
    rows = _object(rows=_list(_ref("AuditRow")), next=_maybe(NUMBER))
    rows["properties"]["chains"] = _list(_list(_ref("AuditRow")))
    return rows


def _row_query() -> list[Schema]:
    limit = {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    kinds = {"filter": TEXT, "before": NUMBER, "limit": limit}
    return [{"name": name, "in": "query", "schema": schema} for name, schema in kinds.items()]


def _config() -> Schema:
    trust: Schema = {"enum": ["files", "signed"]}
    shown = _object(config=TEXT, trust=trust, files=_maybe(TEXT), refused=_list(TEXT), page=TEXT)
    shown["properties"].update({"diff": TEXT, "wrong": TEXT, "me": TEXT, "administrator": BOOLEAN})
    return shown


def _grants() -> Schema:
    grants = _list(_ref("Grant"))
    return _object(grants=grants, ended=grants, consents=_list(_ref("Consent")), server_time=TIME)


def _revoking() -> Schema:
    named = {"name": "grant", "in": "path", "required": True, "schema": TEXT}
    return {"parameters": [named], "post": _post("Ends a grant", _object(grant=TEXT))}


def _withdrawing() -> Schema:
    withdrawn = _post("Has people asked about all that an agent does", _object(agent=TEXT))
    return {"parameters": [NAMED], "post": withdrawn}


def _agents() -> Schema:
    limits: Schema = {"type": "object", "additionalProperties": NUMBER}
    agent = _object(
        name=TEXT,
        team=_maybe(TEXT),
        owner=_maybe(TEXT),
        paused=BOOLEAN,
        since=TIME,
        limits=limits,
        in_force=limits,
        waiting=NUMBER,
    )
    team = _object(name=TEXT, limits=limits)
    people, agents, teams = _list(TEXT), _list(agent), _list(team)
    return _object(me=TEXT, administrator=BOOLEAN, people=people, agents=agents, teams=teams)


def _people() -> dict[str, Any]:
    key = _object(id=BYTES, name=TEXT, fingerprint=TEXT, device_bound=BOOLEAN, waits_for=_maybe(TEXT))
    key["properties"].update({"since": _maybe(TIME), "last_used_at": _maybe(TIME)})
    one = _object(name=TEXT, groups=_list(TEXT), administrator=BOOLEAN, enrolled_at=TIME, keys=_list(key))
    recovery = _object(person=TEXT, started_by=TEXT, started_at=TIME)
    everybody = _object(
        me=TEXT,
        administrator=BOOLEAN,
        groups=_list(TEXT),
        people=_list(one),
        recoveries=_list(recovery),
    )
    revoked = _object(person=TEXT, revoked=BOOLEAN)
    cancelled = _object(person=TEXT, cancelled=BOOLEAN)
    return {
        "/api/v1/people": {"get": _get("Who is enrolled, with which passkeys", everybody)},
        "/api/v1/people/revoke": {"post": _post("Ends all keys of somebody", revoked, person=TEXT)},
        "/api/v1/people/cancel-recovery": {"post": _post("Stops a recovery", cancelled, person=TEXT)},
        "/api/v1/keys/revoke": {"post": _post("Ends one key", revoked, credential=BYTES)},
    }


def _pausing() -> Schema:
    paused = _object(agent=TEXT, paused=BOOLEAN, cancelled=_list(TEXT))
    return {"parameters": [NAMED], "post": _post("Stops an agent and cancels what waits of it", paused)}


def _stopped() -> Schema:
    return _object(paused=_list(TEXT), denied=_list(TEXT))


def _programs() -> dict[str, Any]:
    program = _object(name=TEXT, key=TEXT, verbs=_list(PROGRAM_VERB), created_at=TIME)
    waiting = _object(id=TEXT, may=_list(PROGRAM_VERB), sheet=BYTES, routed_to=_maybe(TEXT), expires_at=TIME)
    nonce = _object(challenge_id=TEXT, nonce=BYTES, gateway=TEXT)
    shown: dict[str, Schema] = {"program": TEXT, "challenge_id": TEXT, "signature": BYTES}
    state = _object(envelope=TEXT, state=TEXT)
    headers = [
        {"name": f"Secondsig-{part}", "in": "header", "required": True, "schema": TEXT}
        for part in ("Program", "Challenge", "Signature")
    ]
    listed = _get("What waits that a program may act on", _object(envelopes=_list(waiting), server_time=TIME))
    one = "/api/v1/programs/envelopes/{id}"
    deny = _post("A program denies", state, optional={"note": TEXT}, **shown)
    route = _post("A program names the group that is asked", state, group=TEXT, **shown)
    delegate = _post("A program vouches, where policy accepts that", state, **shown)
    return {
        "/api/v1/programs": {
            "get": _get("The programs that are registered", _object(programs=_list(program)))
        },
        "/api/v1/programs/challenge": {
            "post": _open(_post("A nonce for one program and verb", nonce, program=TEXT, verb=TEXT))
        },
        "/api/v1/programs/envelopes": {
            "get": {**listed, "parameters": headers, "security": [{"program": []}]}
        },
        f"{one}/deny": _of_one("post", _open(deny)),
        f"{one}/route": _of_one("post", _open(route)),
        f"{one}/delegate": _of_one("post", _open(delegate)),
    }


def _devices() -> dict[str, Any]:
    browser = _object(id=TEXT, device=TEXT, since=TIME, endpoint_sha256=TEXT)
    told: dict[str, Schema] = {"endpoint": TEXT, "p256dh": BYTES, "auth": BYTES, "device": TEXT}
    listed = _get("Your browsers that are told", _object(subscriptions=_list(browser), most=NUMBER))
    named = {"name": "subscription", "in": "path", "required": True, "schema": TEXT}
    return {
        "/api/v1/push/key": {"get": _get("What a browser binds its subscription to", _object(key=BYTES))},
        "/api/v1/push/subscriptions": {"get": listed},
        "/api/v1/push/subscriptions/add": {
            "post": _post("Tells a browser of yours from now on", _object(subscription=browser), **told)
        },
        "/api/v1/push/subscriptions/{subscription}/remove": {
            "parameters": [named],
            "post": _post("Tells a browser of yours no more", _object(id=TEXT)),
        },
        "/api/v1/push/subscriptions/{subscription}/test": {
            "parameters": [named],
            "post": _post("Sends a browser of yours a test", _object(accepted=BOOLEAN, why=_maybe(TEXT))),
        },
    }


def _reviews() -> Schema:
    review = _object(
        row=_ref("Row"),
        opened_at=TIME,
        owner=_maybe(TEXT),
        broken_by=_list(BROKEN),
        closed_at=_maybe(TIME),
        closed_by=_maybe(TEXT),
        verdict=_maybe({"enum": ["justified", "not_justified"]}),
        note=_maybe(TEXT),
    )
    return _object(reviews=_list(review), server_time=TIME)


def _notifications() -> dict[str, Any]:
    last = _object(state=DELIVERY_STATE, at=TIME, error=_maybe(TEXT))
    channel = _object(
        name=TEXT, kind={"enum": ["apprise", "webhook"]}, address_masked=TEXT, last=_maybe(last)
    )
    delivery = _object(
        envelope=TEXT,
        kind={"enum": ["asked", "decided"]},
        channel=TEXT,
        person=TEXT,
        state=DELIVERY_STATE,
        at=TIME,
        attempts=NUMBER,
        error=_maybe(TEXT),
    )
    listed = _object(channels=_list(channel), deliveries=_list(delivery), server_time=TIME)
    tried = _object(channel=TEXT, state=DELIVERY_STATE, error=_maybe(TEXT))
    return {
        "/api/v1/notifications": {"get": _get("How people are told, and what went out lately", listed)},
        "/api/v1/notifications/test": {"post": _post("Tries a channel", tried, channel=TEXT)},
    }


def _of_one(method: str, operation: Schema) -> Schema:
    return {"parameters": [ID], method: operation}


def _get(summary: str, answer: Schema) -> Schema:
    failed = {"description": "A word and a sentence", "content": _json(_ref("Error"))}
    done = {"description": summary, "content": _json(answer)}
    return {"summary": summary, "responses": {"200": done, "default": failed}}


def _post(
    summary: str, answer: Schema, *, optional: dict[str, Schema] | None = None, **members: Schema
) -> Schema:
    body = _object(**members)
    body["properties"].update(optional or {})
    body["additionalProperties"] = False
    return {**_get(summary, answer), "requestBody": {"required": True, "content": _json(body)}}


def _text(summary: str) -> Schema:
    return {
        "summary": summary,
        "responses": {"200": {"description": summary, "content": {"text/plain": {"schema": TEXT}}}},
    }


def _events() -> Schema:
    stream = {"text/event-stream": {"schema": TEXT}}
    return {
        "summary": "What changes, as it changes",
        "parameters": [{"name": "Last-Event-ID", "in": "header", "schema": NUMBER}],
        "responses": {"200": {"description": "Events `hello` and `envelope`", "content": stream}},
    }


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _open(operation: Schema) -> Schema:
    return {**operation, "security": []}
