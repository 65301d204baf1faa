"""GitLab's template against every operation of a client that covers its REST interface."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from gateway.errors import Refusal
from tests.templates_yaml import walk

JSON = "application/json"
NUMBERS = {"/projects/{id}": "/projects/7", "/packages/{id}": "/packages/12"}


@dataclass(frozen=True, slots=True)
class Projects(walk.Walk):
    def operations(self) -> Iterator[walk.Operation]:
        """Projects and packages have numbers."""
        for each in walk.Walk.operations(self):
            path = each.path
            for name, number in NUMBERS.items():
                path = path.replace(name, number)
            yield replace(each, path=path)


GITLAB = Projects("gitlab", "gitlab.com", usual=(JSON, b"{}"))
asked = GITLAB.asked

LOW = {
    "/gitlab/dashboard/star": "one's own list",
    "/gitlab/emoji/remove": "one's own reaction",
    "/gitlab/epic/unlink": "undone by linking again",
    "/gitlab/issue/track_time": "a note of hours",
    "/gitlab/issue/unlink": "undone by linking again",
    "/gitlab/merge_request/cancel_merge": "it does not merge by itself",
    "/gitlab/merge_request/context": "shown, and not merged",
}


class TestPromises(walk.Promises):
    walk = GITLAB
    least = 990
    low = LOW
    quiet = frozenset({"/gitlab/code/suggest"})


@pytest.mark.parametrize("ending", ["", ".json", ".xml", ".txt"])
@pytest.mark.parametrize(
    "path",
    [
        "projects/7/variables",
        "groups/acme/variables",
        "projects/acme%2Fsite/deploy_tokens",
        "projects/7/hooks",
        "projects/7/export/download",
        "projects/7/repository/archive",
        "personal_access_tokens",
        "audit_events",
    ],
)
def test_a_form_in_the_path_does_not_hide_a_secret(path: str, ending: str) -> None:
    assert asked("GET", f"gitlab.com/api/v4/{path}{ending}").risk == "step_up"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_nothing_is_done_as_somebody_else_unasked(method: str) -> None:
    by_header = asked(method, "gitlab.com/api/v4/projects/7/issues", Sudo="root")
    by_query = asked(method, "gitlab.com/api/v4/projects/7/issues?sudo=root")
    assert [by_header.action, by_query.action] == ["/gitlab/sudo/header", "/gitlab/sudo/query"]
    assert by_header.risk == by_query.risk == "step_up"


def test_a_project_is_named_by_its_whole_path_in_small_letters() -> None:
    unit = asked("DELETE", "gitlab.com/api/v4/projects/Acme%2FWeb%2Fsite")
    assert str(unit.resource) == 'GitLab::Project::"gitlab.com/acme/web/site"'


def test_a_mutation_among_queries_is_found() -> None:
    body = b'[{"query": "{metadata{version}}"}, {"query": "mutation{projectDelete(input:{}){errors}}"}]'
    request = walk.Operation("POST", "gitlab.com", "/api/graphql", "")
    sent = replace(GITLAB.request(request), body=body, headers=(("Content-Type", JSON),))
    assert [unit.risk for unit in GITLAB.library.map(sent).units] == ["low", "step_up"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"query": "{a}", "query": "mutation{b}"}',
        b'{"extensions": {"persistedQuery": {"sha256Hash": "ab"}}}',
        b"x",
    ],
)
def test_graphql_that_can_be_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        asked("POST", "gitlab.com/api/graphql", body)


@pytest.mark.parametrize("body", [b'{"access_level": 50}', b'{"access_level": 10}'])
def test_a_member_is_added_only_where_somebody_looked(body: bytes) -> None:
    unit = asked("POST", "gitlab.com/api/v4/projects/7/members", body)
    assert (unit.risk, unit.groups) == ("step_up", ("access",))


def test_no_repository_hides_behind_the_api() -> None:
    with pytest.raises(Refusal):
        asked("POST", "gitlab.com/api%2Fv4/x.git/git-receive-pack", b"0000")
    assert asked("POST", "gitlab.com/api/v4/projects/7/git-receive-pack", b"0000").risk == "step_up"


def test_variables_below_a_project_are_not_read_by_graphql_unasked() -> None:
    body = b'{"query": "{project(fullPath:\\"a/b\\"){ciVariables{nodes{value}}}}"}'
    unit = asked("POST", "gitlab.com/api/graphql", body)
    assert (unit.action, unit.risk) == ("/gitlab/graphql/read", "step_up")
