"""What words say about a request: the groups and the risk that a draft proposes, each with its reason.

This is a proposal for an author to read, never a decision: a wrong guess towards caution costs a click, a
wrong guess towards `low` is what the last rule of `propose` is against.

Taking data out (export, dump, download) has no group of its own. It is no credential: a policy that keeps
agents from secrets would then stop every archive, and be loosened for it. Its risk alone asks for a person.
"""

import re
from collections.abc import Iterable

from gateway.values import dataclass

WORDS: dict[str, str] = {
    "destructive": "delete remove purge destroy erase drop wipe truncate clear empty flush prune discard "
    "terminate uninstall overwrite force reset rollback revert expunge kill",
    "payment": "pay refund charge transfer payout payment purchase buy withdraw deposit debit disburse "
    "checkout invoice subscription billing topup reimburse tip wire capture",
    "credential": "token secret key password passwd passphrase credential certificate cert ssh gpg pem "
    "keypair otp mfa totp 2fa sso oauth apikey pat",
    "access": "grant invite invitation member membership role permission collaborator policy acl access "
    "authorize authorization revoke owner admin allowlist protection ruleset firewall visibility impersonate "
    "assume scope share suspend unsuspend block unblock ban trust federation",
    "publish": "publish release deploy deployment promote launch rollout unpublish public",
    "execute": "run rerun exec execute dispatch invoke trigger start restart reboot eval command script "
    "workflow job function",
    "communicate": "send message mail email sms notify notification comment reply broadcast announce chat "
    "tweet mention",
    "content": "file page document issue content article wiki note commit branch blob image media attachment "
    "upload label tag post title draft",
}
"""Words in an operation's id, path and summary, in the singular."""

TAKES_DATA_OUT = "export dump download backup archive tarball zipball extract snapshot"
IRREVERSIBLE = re.compile(
    r"cannot be (?:undone|reversed|recovered|restored)|can't be undone|irreversibl[ey]|permanently|"
    r"not be recoverable|no way to (?:undo|recover)",
    re.IGNORECASE,
)
STEP_UP = frozenset({"destructive", "payment", "credential", "access", "publish", "execute"})
"""What in these groups is risky whatever policy says; who reads it first asks a person."""
READ_RISKS = frozenset({"credential"})
"""What a read can do harm by: it shows a secret."""

HIDDEN_FIELDS = (
    "passphrase password passwd secret token credential apikey privatekey accesskey secretkey clientsecret "
    "cvc cvv pin otp iban cardnumber accountnumber routingnumber ssn authorization"
)
PERSONAL_FIELDS = (
    "email phone address birthday birthdate dob postcode zip postalcode firstname lastname fullname"
)
NOT_SECRET = re.compile(
    r"(^|[_-])(page|next|prev|continuation|max|min|sync|client_token|request|idempotency|count|limit|type|id|ids|name|"
    r"url|uri|expires|expiry|enabled|required|status)([_-]|$)",
    re.IGNORECASE,
)

_SPLIT = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def _table() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for group, listed in WORDS.items():
        for word in listed.split():
            found[word] = (*found.get(word, ()), group)
    return found


GROUPS_OF = _table()


@dataclass(frozen=True, slots=True)
class Proposal:
    """`why` says for each group, in their order, what proposed it; `why_risk` the same for the risk."""

    groups: tuple[str, ...]
    risk: str
    why: tuple[str, ...]
    why_risk: str
    irreversible: bool = False


def tokens(text: str) -> list[str]:
    """The words of an identifier or a sentence, in lower case and the singular."""
    return [singular(word.lower()) for word in _SPLIT.findall(text)]


def singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):  # noqa: PLR2004  # "ties" and "dies" are what they are
        return word[:-3] + "y"
    if re.search(r"(ss|x|ch|sh|z)es$", word):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not re.search(r"(ss|us|is)$", word):  # noqa: PLR2004
        return word[:-1]
    return word


def propose(method: str, name: str, path: str, summary: str = "", description: str = "") -> Proposal:
    """Groups and risk of an operation, from its method, its id, the words of its path and its summary."""
    writes = method not in {"GET", "HEAD", "OPTIONS", "TRACE"}
    found: dict[str, str] = {"destructive": "the method is DELETE"} if method == "DELETE" else {}
    for where, words in _said(name, path, summary).items():
        for word in words:
            for group in GROUPS_OF.get(word, ()):
                if writes or group in READ_RISKS:
                    found.setdefault(group, f"“{word}” in the {where}")
    groups = tuple(sorted(found))
    if not writes:
        return _reading(groups, found, name, path)
    gone = IRREVERSIBLE.search(f"{summary} {description}")
    risk, why = _risk(groups)
    if gone is not None and risk == "low":
        risk, why = "step_up", f"the description says “{gone[0].lower()}”"
    return Proposal(groups, risk, tuple(found[group] for group in groups), why, gone is not None)


def _said(name: str, path: str, summary: str) -> dict[str, list[str]]:
    """Words by where they stand; a capture's name says what it identifies, not what is done."""
    bare = re.sub(r"\{[^}]*\}", " ", path)
    first = summary.partition(". ")[0]
    verb_free = re.sub(r"^(?i:get|put|post|patch|delete|head)(?=[^a-z]|$)", "", name)
    return {"id": tokens(verb_free), "path": tokens(bare), "summary": tokens(first)}


def _risk(groups: Iterable[str]) -> tuple[str, str]:
    listed = list(groups)
    risky = [group for group in listed if group in STEP_UP]
    if risky:
        return "step_up", f"{risky[0]} is for a person to decide"
    if listed:
        return "low", "can be put right; policy decides"
    return "step_up", "nothing says what it changes"


def _reading(groups: tuple[str, ...], found: dict[str, str], name: str, path: str) -> Proposal:
    taken = TAKES_DATA_OUT.split()
    out = next(
        (word for word in (*tokens(name), *tokens(re.sub(r"\{[^}]*\}", " ", path))) if word in taken), None
    )
    why = tuple(found[group] for group in groups)
    if groups:
        return Proposal(groups, "step_up", why, "what is read may be a secret")
    if out is not None:
        return Proposal((), "step_up", (), f"“{out}” takes data out as a whole")
    return Proposal((), "low", (), "it only reads")


def hides(name: str) -> str | None:
    """`secret` or `redact` for a field of a body whose name says so, else None."""
    if NOT_SECRET.search(_snake(name)):
        return None
    words = [word.lower() for word in _SPLIT.findall(name)]
    joined = {*(singular(word) for word in words), *("".join(words[i:]) for i in range(len(words)))}
    if joined & set(HIDDEN_FIELDS.split()):
        return "secret"
    return "redact" if joined & set(PERSONAL_FIELDS.split()) else None


def _snake(name: str) -> str:
    return "_".join(word.lower() for word in _SPLIT.findall(name))
