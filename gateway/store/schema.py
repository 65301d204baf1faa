"""The tables of the embedded database."""

VERSION = 3

SIGNED_CHANGES = """
CREATE TABLE signed_changes (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, person TEXT NOT NULL, credential_id BLOB NOT NULL,
    challenge BLOB NOT NULL, sealed_payload BLOB NOT NULL, payload_sha256 TEXT NOT NULL,
    assertion TEXT NOT NULL, at INTEGER NOT NULL
) STRICT
"""

DELEGATIONS = """
CREATE TABLE delegations (
    id TEXT PRIMARY KEY, person TEXT NOT NULL, delegate TEXT NOT NULL, service TEXT, action_group TEXT,
    from_at INTEGER NOT NULL, until_at INTEGER NOT NULL, set_at INTEGER NOT NULL, ended_at INTEGER,
    ended_why TEXT
) STRICT
"""

ESCALATIONS = """
CREATE TABLE escalations (
    envelope TEXT NOT NULL REFERENCES envelopes(id), after INTEGER NOT NULL, to_group TEXT NOT NULL,
    at INTEGER NOT NULL, PRIMARY KEY (envelope, after, to_group)
) STRICT
"""

RECOVERIES = """
CREATE TABLE recoveries (
    person TEXT PRIMARY KEY REFERENCES people(name), started_by TEXT NOT NULL, started_at INTEGER NOT NULL
) STRICT
"""

LIMITS = """
CREATE TABLE limits (
    kind TEXT NOT NULL CHECK (kind IN ('agent', 'team')), holder TEXT NOT NULL, name TEXT NOT NULL,
    value INTEGER NOT NULL, PRIMARY KEY (kind, holder, name)
) STRICT
"""

GRANTS = """
CREATE TABLE grants (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, agent TEXT NOT NULL, signer TEXT NOT NULL,
    credential_id BLOB NOT NULL, signed_change TEXT NOT NULL UNIQUE, made_at INTEGER NOT NULL,
    expires_at INTEGER, fingerprint TEXT NOT NULL, units TEXT NOT NULL, says TEXT NOT NULL, envelope TEXT,
    host TEXT, intent_key TEXT, cedar TEXT, ended_at INTEGER, ended_why TEXT, ended_by TEXT
) STRICT
"""

GRANT_USES = """
CREATE TABLE grant_uses (
    id TEXT PRIMARY KEY, grant_id TEXT NOT NULL REFERENCES grants(id), at INTEGER NOT NULL,
    action TEXT NOT NULL, resource TEXT NOT NULL, agent TEXT NOT NULL, run TEXT, address TEXT NOT NULL,
    outcome TEXT, status INTEGER
) STRICT
"""

CONSENTS = """
CREATE TABLE consents (
    agent TEXT PRIMARY KEY REFERENCES agents(name), form TEXT NOT NULL, cedar TEXT NOT NULL,
    says TEXT NOT NULL, person TEXT NOT NULL, at INTEGER NOT NULL, expires_at INTEGER, withdrawn_at INTEGER
) STRICT
"""

BROKEN_GLASS = """
CREATE TABLE broken_glass (
    envelope TEXT NOT NULL REFERENCES envelopes(id), person TEXT NOT NULL, reason TEXT NOT NULL,
    at INTEGER NOT NULL, PRIMARY KEY (envelope, person)
) STRICT
"""

REVIEWS = """
CREATE TABLE reviews (
    envelope TEXT PRIMARY KEY REFERENCES envelopes(id), agent TEXT NOT NULL, owner TEXT,
    opened_at INTEGER NOT NULL, closed_at INTEGER, closed_by TEXT, verdict TEXT, note TEXT
) STRICT
"""

PROGRAMS = """
CREATE TABLE programs (
    name TEXT PRIMARY KEY, key TEXT NOT NULL, verbs TEXT NOT NULL, created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT
"""

PROGRAM_SIGNATURES = """
CREATE TABLE program_signatures (
    envelope TEXT NOT NULL REFERENCES envelopes(id), program TEXT NOT NULL REFERENCES programs(name),
    verb TEXT NOT NULL, challenge BLOB NOT NULL, sealed_payload BLOB NOT NULL, payload_sha256 TEXT NOT NULL,
    signature BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (envelope, program, verb)
) STRICT
"""

PUSH_SUBSCRIPTIONS = """
CREATE TABLE push_subscriptions (
    id TEXT PRIMARY KEY, person TEXT NOT NULL REFERENCES people(name), endpoint TEXT NOT NULL UNIQUE,
    p256dh BLOB NOT NULL, auth BLOB NOT NULL, device TEXT NOT NULL, credential_id BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT
"""

DELIVERIES = """
CREATE TABLE deliveries (
    envelope TEXT NOT NULL, kind TEXT NOT NULL, channel TEXT NOT NULL, person TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL, error TEXT, queued_at INTEGER NOT NULL,
    at INTEGER NOT NULL, next_at INTEGER NOT NULL, PRIMARY KEY (envelope, kind, channel, person)
) STRICT
"""

EPOCH = """CREATE TABLE epoch (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1), lineage TEXT NOT NULL, count INTEGER NOT NULL
) STRICT"""

ADDED_IN_2: tuple[str, ...] = (
    SIGNED_CHANGES,
    RECOVERIES,
    LIMITS,
    "CREATE INDEX log_by_agent ON log(agent) WHERE agent IS NOT NULL",
    "CREATE INDEX log_by_person ON log(person) WHERE person IS NOT NULL",
    "CREATE INDEX log_by_action ON log(action) WHERE action IS NOT NULL",
    """CREATE TABLE kept (
    envelope TEXT PRIMARY KEY REFERENCES envelopes(id), request BLOB, answer BLOB, fetched_at INTEGER
) STRICT""",
    """CREATE TRIGGER an_ended_question_keeps_no_request AFTER UPDATE OF state ON envelopes
WHEN NEW.state NOT IN ('pending', 'approved', 'spent')
BEGIN UPDATE kept SET request = NULL WHERE envelope = NEW.id; END""",
    """CREATE TRIGGER a_shredded_question_keeps_no_answer AFTER UPDATE OF sealed ON envelopes
WHEN NEW.sealed IS NULL
BEGIN UPDATE kept SET request = NULL, answer = NULL WHERE envelope = NEW.id; END""",
    EPOCH,
    """CREATE TABLE tallies (
    agent TEXT NOT NULL, what TEXT NOT NULL, name TEXT NOT NULL, slot INTEGER NOT NULL,
    number INTEGER NOT NULL, PRIMARY KEY (agent, what, name, slot)
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE reserved (
    envelope TEXT PRIMARY KEY REFERENCES envelopes(id) ON DELETE CASCADE, what TEXT NOT NULL
) STRICT""",
    GRANTS,
    GRANT_USES,
    "CREATE INDEX grant_uses_by_grant ON grant_uses(grant_id, at)",
    "CREATE INDEX grant_uses_open ON grant_uses(at) WHERE outcome IS NULL",
    CONSENTS,
    DELEGATIONS,
    ESCALATIONS,
    """CREATE INDEX envelopes_by_batch ON envelopes(batch_key, expires_at)
    WHERE batch_key IS NOT NULL AND state = 'pending'""",
    BROKEN_GLASS,
    REVIEWS,
    PROGRAMS,
    PROGRAM_SIGNATURES,
    PUSH_SUBSCRIPTIONS,
    """CREATE TRIGGER a_revoked_passkey_ends_its_browsers AFTER UPDATE OF revoked_at ON credentials
WHEN NEW.revoked_at IS NOT NULL
BEGIN DELETE FROM push_subscriptions WHERE credential_id = NEW.id; END""",
    DELIVERIES,
    "CREATE INDEX deliveries_queued ON deliveries(channel, next_at) WHERE state = 'queued'",
    "CREATE INDEX deliveries_by_time ON deliveries(at)",
)
"""Tables and indexes that the second version added, as a new database gets them too."""

ADDED_IN_3: tuple[str, ...] = (
    "CREATE INDEX envelopes_by_opening ON envelopes(opened_at)",
    "CREATE INDEX envelopes_by_agent ON envelopes(agent, opened_at)",
    "CREATE INDEX envelopes_waiting ON envelopes(state, agent, expires_at) WHERE state = 'pending'",
)
"""So that counting what waits and what was asked lately costs nothing for all that was asked before."""

CHANGES = {
    1: (
        "ALTER TABLE agents ADD COLUMN resumed_at INTEGER",
        "ALTER TABLE log ADD COLUMN grant_id TEXT",
        "ALTER TABLE envelopes ADD COLUMN grantable INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE credentials ADD COLUMN waits_for TEXT",
        "ALTER TABLE invitations ADD COLUMN inviter TEXT",
        "ALTER TABLE envelopes ADD COLUMN sent_key BLOB",
        "ALTER TABLE envelopes ADD COLUMN batch_key TEXT",
        "ALTER TABLE signatures ADD COLUMN sealed_batch BLOB",
        "ALTER TABLE envelopes ADD COLUMN routed_to TEXT",
        "ALTER TABLE credentials ADD COLUMN used_at INTEGER",
        "ALTER TABLE sessions ADD COLUMN address TEXT",
        "ALTER TABLE sessions ADD COLUMN browser TEXT",
        *ADDED_IN_2,
    ),
    2: ADDED_IN_3,
}
"""What brings a database of each older version to the next one."""

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE agents (
    name TEXT PRIMARY KEY, team TEXT, owner TEXT, paused INTEGER NOT NULL, created_at INTEGER NOT NULL,
    removed_at INTEGER, resumed_at INTEGER
) STRICT;

CREATE TABLE tokens (
    id TEXT PRIMARY KEY, agent TEXT NOT NULL REFERENCES agents(name), run TEXT, hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER
) STRICT;

CREATE TABLE people (
    name TEXT PRIMARY KEY, groups TEXT NOT NULL, created_at INTEGER NOT NULL, revoked_at INTEGER
) STRICT;

CREATE TABLE credentials (
    id BLOB PRIMARY KEY, person TEXT NOT NULL REFERENCES people(name), public_key BLOB NOT NULL,
    sign_count INTEGER NOT NULL, transports TEXT NOT NULL, device_type TEXT NOT NULL,
    backed_up INTEGER NOT NULL, name TEXT NOT NULL, created_at INTEGER NOT NULL, revoked_at INTEGER,
    waits_for TEXT, used_at INTEGER
) STRICT;

CREATE TABLE invitations (
    token_hash TEXT PRIMARY KEY, person TEXT, groups TEXT NOT NULL, expires_at INTEGER NOT NULL,
    used_at INTEGER, inviter TEXT
) STRICT;

CREATE TABLE challenges (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, person TEXT, envelope TEXT, challenge BLOB NOT NULL,
    sealed_payload BLOB NOT NULL, expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY, tab_hash TEXT NOT NULL, person TEXT NOT NULL, credential_id BLOB NOT NULL,
    created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, address TEXT, browser TEXT
) STRICT;

CREATE TABLE envelopes (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, version INTEGER NOT NULL, agent TEXT NOT NULL, run TEXT,
    address TEXT NOT NULL, token_id TEXT NOT NULL, join_key TEXT NOT NULL, join_scope TEXT NOT NULL,
    intent_key TEXT NOT NULL, fingerprint TEXT NOT NULL, digest TEXT NOT NULL, salt BLOB NOT NULL,
    service TEXT NOT NULL, action TEXT NOT NULL, resource TEXT NOT NULL, list_summary TEXT NOT NULL,
    purpose TEXT, risk TEXT NOT NULL, intent_risk TEXT NOT NULL, mode TEXT NOT NULL, quorum INTEGER NOT NULL,
    config_digest TEXT NOT NULL, opened_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, sealed BLOB,
    secret_hash TEXT NOT NULL, decided_at INTEGER, decided_by TEXT, decision_method TEXT, note TEXT,
    cosigner TEXT UNIQUE, cosigner_token BLOB, cosigner_expires INTEGER, invocation TEXT UNIQUE,
    spent_at INTEGER, outcome TEXT, status INTEGER, grantable INTEGER NOT NULL DEFAULT 0, sent_key BLOB,
    batch_key TEXT, routed_to TEXT
) STRICT;
CREATE UNIQUE INDEX one_open_question ON envelopes(agent, join_key, join_scope)
    WHERE state IN ('pending', 'approved');
CREATE INDEX envelopes_by_state ON envelopes(state, opened_at);
CREATE INDEX envelopes_by_intent ON envelopes(agent, intent_key, state);

CREATE TABLE signatures (
    envelope TEXT NOT NULL REFERENCES envelopes(id), person TEXT NOT NULL, credential_id BLOB NOT NULL,
    challenge BLOB NOT NULL, sealed_payload BLOB NOT NULL, payload_sha256 TEXT NOT NULL,
    assertion TEXT NOT NULL, at INTEGER NOT NULL, sealed_batch BLOB, PRIMARY KEY (envelope, person)
) STRICT;

CREATE TABLE reveals (
    envelope TEXT NOT NULL, person TEXT NOT NULL, selector TEXT NOT NULL,
    PRIMARY KEY (envelope, person, selector)
) STRICT;

CREATE TABLE log (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, kind TEXT NOT NULL, decision TEXT,
    reason TEXT, agent TEXT, run TEXT, address TEXT, envelope TEXT, action TEXT, resource TEXT, method TEXT,
    host TEXT, person TEXT, decision_method TEXT, credential_id TEXT, cosigner TEXT, outcome TEXT,
    status INTEGER, config_digest TEXT, detail TEXT, grant_id TEXT
) STRICT;
CREATE INDEX log_by_envelope ON log(envelope) WHERE envelope IS NOT NULL;
CREATE INDEX log_by_decision ON log(decision, seq) WHERE decision <> 'allow';
"""
