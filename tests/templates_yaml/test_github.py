"""GitHub's template against every operation of its public descriptions, REST and GraphQL, and git."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from gateway.errors import Refusal
from gateway.model import Caller, Request, Unit
from tests.templates_yaml import walk

JSON = "application/json"
VALUES = {"security_product": "dependabot_alerts", "enablement": "enable_all"}
"""What stands for a parameter that is neither a number nor any text."""


def value(name: str) -> str:
    return VALUES.get(name) or ("1" if name.endswith(("_id", "_number")) else "x1")


@dataclass(frozen=True, slots=True)
class Walk(walk.Walk):
    """GitHub's numbers are numbers, and some parameters have few values."""

    def operations(self) -> Iterator[walk.Operation]:
        # Naming the base: a dataclass with slots is another class than the one that super() would see.
        for operation in walk.Walk.operations(self):
            yield replace(
                operation, path=re.sub(r"\{([^}]*)\}", lambda found: value(found[1]), operation.path)
            )


REPO = "/repos/x1/x1"
GITHUB = Walk(
    "github",
    "api.github.com",
    usual=(JSON, b"{}"),
    bodies={
        ("POST", f"{REPO}/git/refs"): (JSON, b'{"ref": "refs/heads/x", "sha": "abc"}'),
        ("PATCH", f"{REPO}/git/refs/x1"): (JSON, b'{"sha": "abc"}'),
        ("POST", f"{REPO}/pulls"): (JSON, b'{"head": "x", "base": "main"}'),
        ("POST", f"{REPO}/issues"): (JSON, b'{"title": "x"}'),
        ("POST", f"{REPO}/releases"): (JSON, b'{"tag_name": "v1"}'),
        ("POST", f"{REPO}/transfer"): (JSON, b'{"new_owner": "x"}'),
        ("POST", f"{REPO}/hooks"): (JSON, b'{"config": {"url": "https://a.test/"}}'),
        ("POST", f"{REPO}/actions/workflows/1/dispatches"): (JSON, b'{"ref": "main"}'),
        ("POST", "/orgs/x1/repos"): (JSON, b'{"name": "x"}'),
        ("POST", "/user/repos"): (JSON, b'{"name": "x"}'),
    },
)
LIBRARY = GITHUB.library
asked = GITHUB.asked

LOW = {
    "/github/repo/delete_file": "the history keeps it",
    "/github/issue/unassign": "undone by a click",
    "/github/issue/unlabel": "undone by a click",
    "/github/issue/unblock": "undone by a click",
    "/github/issue/clear_field": "undone by a click",
    "/github/sub_issue/remove": "the issue stays",
    "/github/pr/unrequest_reviewers": "undone by a click; a review that was given stays",
    "/github/review/delete_pending": "one's own, which nobody has seen",
    "/github/reaction/delete": "one's own emoji",
    "/github/notification/unsubscribe": "one's own notifications",
    "/github/repo/unwatch": "one's own notifications",
    "/github/org/hide_membership": "one's own; shows less than before",
    "/github/autolink/delete": "text stays text; made again in a minute",
    "/github/hook/ping": "sends nothing but a greeting to where events go anyway",
    "/github/oauth_token/check": "only says whether a token that the asker has is valid",
}


class TestPromises(walk.Promises):
    walk = GITHUB
    least = 1200
    low = LOW
    quiet = frozenset(
        {
            "/github/repo/delete_file",  # the history keeps it
            "/github/codespace/stop",  # it can be started again
        }
    )


def risk_of(method: str, url: str, body: bytes = b"") -> str:
    try:
        return asked(method, url, body).risk
    except Refusal:
        return "refused"


def units(request: Request) -> tuple[Unit, ...]:
    return LIBRARY.map(request).units


def mutation(field: str, given: str = "") -> bytes:
    return json.dumps({"query": f"mutation{{x:{field}(input:{{{given}}}){{clientMutationId}}}}"}).encode()


# Aliases


def test_a_repository_named_by_its_number_is_asked_about_as_the_same_thing() -> None:
    wrong = []
    for operation in GITHUB.operations():
        if not operation.path.startswith(REPO):
            continue
        request = GITHUB.request(operation)
        alias = replace(request, target=request.target.replace(REPO, "/repositories/42", 1))
        named, numbered = (walk.units_of(LIBRARY, each) for each in (request, alias))
        if [each.action for each in named] != [each.action for each in numbered]:
            wrong.append(str(operation))
        if any(each.risk == "low" for each in numbered):
            wrong.append(f"{operation} is low by number")
    assert wrong == []


@pytest.mark.parametrize("rest", ["audit-log", "actions/secrets", "credential-authorizations", "members"])
def test_an_organization_named_by_its_number_is_not_read_unasked(rest: str) -> None:
    assert risk_of("GET", f"api.github.com/organizations/123/{rest}") == "step_up"


# Reads that hand out what is secret


@pytest.mark.parametrize(
    "target",
    [
        "repos/a/b/actions/secrets",
        "repos/a/b/actions/secrets/TOKEN",
        "repos/a/b/environments/prod/secrets",
        "repos/a/b/actions/organization-secrets",
        "orgs/a/dependabot/secrets",
        "orgs/a/actions/secrets/TOKEN/repositories",
        "orgs/a/private-registries",
        "user/codespaces/secrets",
        "repos/a/b/secret-scanning/alerts",
        "repos/a/b/secret-scanning/alerts/1",
        "repos/a/b/secret-scanning/alerts/1/locations",
        "orgs/a/secret-scanning/alerts",
        "orgs/a/migrations/1/archive",
        "user/migrations/1/archive",
        "repos/a/b/actions/artifacts/1/zip",
        "repos/a/b/code-scanning/analyses/1",
        "repos/a/b/code-scanning/codeql/databases/python",
        "repos/a/b/hooks/1/deliveries/2",
        "orgs/a/hooks/1/deliveries/2",
        "app/hook/deliveries/2",
        "orgs/a/audit-log",
        "enterprises/a/audit-log",
        "enterprises/a/audit-log/stream-key",
        "orgs/a/credential-authorizations",
        "orgs/a/personal-access-tokens",
        "orgs/a/personal-access-token-requests/1/repositories",
        "scim/v2/organizations/a/Users",
        "enterprises/a/consumed-licenses",
        "feeds",
    ],
)
def test_a_read_that_hands_out_what_is_secret_steps_up(target: str) -> None:
    unit = asked("GET", f"api.github.com/{target}")
    assert (unit.risk, unit.access) == ("step_up", "write")
    assert set(unit.groups) & {"credential", "access", "content"}


@pytest.mark.parametrize("store", ["actions", "dependabot", "codespaces", "agents"])
def test_the_key_that_secrets_are_encrypted_with_is_no_secret(store: str) -> None:
    assert asked("GET", f"api.github.com/repos/a/b/{store}/secrets/public-key").risk == "low"


@pytest.mark.parametrize("field", ["recoveryCodes", "auditLog", "tempCloneToken", "externalIdentities"])
@pytest.mark.parametrize("query", ["{x:viewer{%s}}", "query Q{node(id:1){...on X{y:\n%s}}}", "{%s}"])
def test_a_query_for_what_is_secret_steps_up_wherever_it_asks(field: str, query: str) -> None:
    body = json.dumps({"query": query % field}).encode()
    unit = asked("POST", "api.github.com/graphql", body)
    assert (unit.risk, unit.access) == ("step_up", "write")


# Variants: the same address, harmless or not


@pytest.mark.parametrize("event", ["APPROVE", "approve", "Approve", "APPROVED", ""])
def test_an_approval_in_another_spelling_is_no_comment(event: str) -> None:
    body = json.dumps({"event": event}).encode()
    for rest in ("reviews", "reviews/1/events"):
        assert risk_of("POST", f"api.github.com/repos/a/b/pulls/7/{rest}", body) == "step_up"


@pytest.mark.parametrize("state", ["success", "Success", "SUCCESS", ""])
def test_a_passed_check_in_another_spelling_steps_up(state: str) -> None:
    status, check = (json.dumps({key: state}).encode() for key in ("state", "conclusion"))
    assert risk_of("POST", "api.github.com/repos/a/b/statuses/abc", status) == "step_up"
    assert risk_of("POST", "api.github.com/repos/a/b/check-runs", check) == "step_up"
    assert risk_of("PATCH", "api.github.com/repos/a/b/check-runs/1", check) == "step_up"


@pytest.mark.parametrize("role", ["reader", "writer", "READER", "admin"])
def test_a_space_opened_to_everybody_steps_up(role: str) -> None:
    body = json.dumps({"base_role": role}).encode()
    assert risk_of("POST", "api.github.com/orgs/a/copilot-spaces", body) == "step_up"
    assert risk_of("PUT", "api.github.com/users/a/copilot-spaces/1", body) == "step_up"


def test_a_repository_archived_and_made_public_at_once_is_made_public() -> None:
    body = b'{"archived": true, "visibility": "public"}'
    assert asked("PATCH", "api.github.com/repos/a/b", body).action == "/github/repo/make_public"


# What is hidden


SECRETS = [
    ("secret/put", "json:/encrypted_value"),
    ("secret/put_other", "json:/encrypted_value"),
    ("org_secret/put", "json:/encrypted_value"),
    ("environment_secret/put", "json:/encrypted_value"),
    ("own_secret/put", "json:/encrypted_value"),
    ("private_registry/create", "json:/encrypted_value"),
    ("hook/create", "json:/config/secret"),
    ("hook/update", "json:/config/secret"),
    ("hook/update", "json:/secret"),
    ("org_hook/create", "json:/config/secret"),
    ("org_hook/update", "json:/secret"),
    ("app/set_hook", "json:/secret"),
    ("import/start", "json:/vcs_password"),
    ("page/deploy", "json:/oidc_token"),
    ("oauth_token/check", "json:/access_token"),
    ("oauth_token/revoke_grant", "json:/access_token"),
    ("credential/revoke", "json:/credentials"),
    ("graphql/start_repository_migration", "json:/variables/input/githubPat"),
    ("graphql/start_organization_migration", "json:/query"),
]


@pytest.mark.parametrize(("name", "selector"), SECRETS)
def test_what_is_secret_is_hidden(name: str, selector: str) -> None:
    (action,) = (action for action in LIBRARY.services["github"].actions if action.id == name)
    assert selector in (*action.redact, *action.secret)


# GraphQL

MUTATIONS = [
    line
    for line in (walk.ROOT / "tests/descriptions/github-graphql.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
INPUT = "graphql:args/input/"
NEEDED = {
    each.source.text.removeprefix(INPUT)
    for action in LIBRARY.services["github"].actions
    for each in action.fields
    if each.refuse_missing and each.source.text.startswith(INPUT)
}
GIVEN = ",".join(f'{name}:"N_1"' for name in sorted(NEEDED))
"""Every node id that some mutation needs."""

LOW_MUTATIONS = {
    "deleteLinkedBranch": "the branch stays",
    "deletePullRequestReview": "one's own, which nobody has seen",
    "removeAssigneesFromAssignable": "undone by a click",
    "removeLabelsFromLabelable": "undone by a click",
    "removeReaction": "one's own emoji",
    "removeStar": "one's own star",
    "removeSubIssue": "the issue stays",
    "removeUpvote": "one's own vote",
    "archiveProjectV2Item": "undone by a click",
    "unarchiveProjectV2Item": "undone by a click",
    "disablePullRequestAutoMerge": "merges less than before",
    "closeDiscussion": "undone by a click",
    "closeIssue": "undone by a click",
    "closePullRequest": "undone by a click",
}


def mutations() -> Iterator[tuple[str, Unit]]:
    for field in MUTATIONS:
        yield field, asked("POST", "api.github.com/graphql", mutation(field, GIVEN), JSON)


def test_every_mutation_has_a_name() -> None:
    assert len(MUTATIONS) >= 247
    assert [
        field for field, unit in mutations() if unit.action in {"/github/graphql/other", "/github/graphql"}
    ] == []


def test_no_risky_mutation_is_low_because_it_was_forgotten() -> None:
    risks = {action.id: action.risk for action in LIBRARY.actions()}
    low = {field for field, unit in mutations() if risks[unit.action] == "low" and walk.RISKY.search(field)}
    assert low == set(LOW_MUTATIONS)


def test_a_node_id_tells_nobody_whose_it_is_so_it_is_never_low() -> None:
    assert [
        field for field, unit in mutations() if unit.risk == "low" and unit.resource.type == "GitHub::Node"
    ] == []


def test_a_mutation_by_get_or_behind_an_alias_is_asked_about() -> None:
    assert risk_of("GET", "api.github.com/graphql?query=mutation%7Bviewer:deleteRef%7Bx%7D%7D") == "step_up"
    unit = asked("POST", "api.github.com/graphql", mutation("deleteRef", 'refId:"R"'))
    assert (unit.action, unit.resource.id) == ("/github/graphql/delete_ref", "R")


def test_a_mutation_hidden_behind_a_query_in_one_document_is_seen() -> None:
    body = json.dumps({"query": "query a{viewer{login}} mutation b{x}", "operationName": "b"}).encode()
    assert asked("POST", "api.github.com/graphql", body).action == "/github/graphql/other"


# git

OLD, NEW, NONE = "2" * 40, "3" * 40, "0" * 40


def push(
    *changes: tuple[str, str, str], host: str = "github.com", repo: str = "acme/site.git"
) -> tuple[Unit, ...]:
    lines = [
        f"{old} {new} {ref}" + ("\0 report-status" if not at else "")
        for at, (old, new, ref) in enumerate(changes)
    ]
    body = "".join(f"{len(line) + 4:04x}{line}" for line in lines) + "0000"
    caller = Caller("agent", "tok_1", None, "127.0.0.1")
    request = Request(
        caller, "POST", "https", host, 443, f"/{repo}/git-receive-pack", (), body.encode() + b"PACK"
    )
    return units(request)


def test_each_ref_of_a_push_is_asked_about_alone() -> None:
    found = push((NONE, NEW, "refs/heads/a"), (OLD, NEW, "refs/heads/main"), (OLD, NONE, "refs/tags/v1"))
    assert [(each.action.removeprefix("/github/git/"), each.context["ref"]) for each in found] == [
        ("push", "refs/heads/a"),
        ("push", "refs/heads/main"),
        ("delete_ref", "refs/tags/v1"),
    ]
    assert {each.risk for each in found} == {"step_up"}


def test_a_push_that_only_asks_changes_nothing() -> None:
    caller = Caller("agent", "tok_1", None, "127.0.0.1")
    (unit,) = units(
        Request(caller, "POST", "https", "github.com", 443, "/acme/site/git-receive-pack", (), b"0000")
    )
    assert (unit.action, unit.access, unit.risk) == ("/github/git/probe", "read", "low")


@pytest.mark.parametrize("operation", ["upload", "Download", "delete", ""])
def test_large_files_are_only_fetched_by_the_word_for_it(operation: str) -> None:
    body = json.dumps({"operation": operation, "objects": []}).encode()
    assert asked("POST", "github.com/acme/site/info/lfs/objects/batch", body).access == "write"


def test_only_these_hosts_are_githubs() -> None:
    for host in ("api.github.com", "github.com", "uploads.github.com"):
        assert LIBRARY.serves("https", host, 443) == "github"
    for host in ("api.github.com.evil.test", "xn--github-api.com", "gist.github.com", "api-github.com"):
        assert LIBRARY.serves("https", host, 443) is None


def test_a_released_file_goes_to_the_upload_host_and_nowhere_else() -> None:
    upload = asked(
        "POST", "uploads.github.com/repos/a/b/releases/1/assets?name=x.zip", b"PK", "application/zip"
    )
    assert (upload.action, upload.risk) == ("/github/release_asset/upload", "step_up")
    assert asked("DELETE", "uploads.github.com/repos/a/b").action == "/github/unmatched/write"
