"""Names that a draft gives, and the paths it can write."""

from gateway.authoring.naming import action_ids, camel, kinds, routes, snake
from gateway.authoring.operations import Operation


def op(line: str) -> Operation:
    method, path, *name = line.split(" ")
    return Operation(method, path, name[0] if name else f"{method} {path}")


def ids(*lines: str) -> list[str]:
    return action_ids(routes([op(line) for line in lines])[0])


def test_ids_are_nouns_and_verbs() -> None:
    assert ids(
        "GET /pets listPets",
        "GET /pets/{id} getPetById",
        "GET /owners/{o}/pets listPetsByOwner",
        "POST /repos/{a}/{b}/merges repos/merge",
        "POST /x chat.postMessage",
        "POST /v1/customers PostCustomers",
        "POST /v1/customers/{customer} PostCustomersCustomer",
        "DELETE /v1/customers/{customer} DeleteCustomersCustomer",
        "GET /v1/customers GetCustomers",
        "GET /v1/balance GetBalance",
        "POST /v1/refunds/{refund}/cancel PostRefundsRefundCancel",
        "POST /v1/things/{thing}:setPolicy x",
        "PUT /v1/cups/{cup} x",
        "PATCH /v1/cups/{cup} x",
        "GET / x",
        "HEAD /v1/cups/{cup} x",
    ) == [
        "pet/list", "pet/get", "pet/list_by_owner", "repo/merge", "chat/post_message", "customer/create",
        "customer/update", "customer/delete", "customer/list", "balance/get", "refund/cancel",
        "thing/set_policy", "cup/put", "cup/update", "root/get", "cup/head",
    ]  # fmt: skip


def test_two_actions_never_have_one_id() -> None:
    lines = [f"GET /{a}/pets" for a in "abc"] + ["GET /pets", "GET /x/{y}/pets"]
    assert len(set(ids(*lines))) == len(lines)
    assert len(set(ids("GET /a unmatched/read", "GET /b unmatched/read", "GET / unmatched/read"))) == 3
    assert ids("GET /unmatched/read x") == ["unmatched_one/read"]


def test_captures_at_one_place_have_one_name() -> None:
    found, left = routes(
        [op("GET /orgs/{org}"), op("DELETE /orgs/{organization-id}"), op("GET /orgs/{org}/x/{org}")]
    )
    assert [route.path for route in found] == ["/orgs/{org}", "/orgs/{org}", "/orgs/{org}/x/{org_2}"]
    assert not left
    assert found[1].origin == {"org": "organization-id"}


def test_what_no_template_can_write_and_what_is_there_twice_is_left_out() -> None:
    lines = ["GET /a/{x}", "GET /a/{y}", "GET /a//b", "GET /a%20b", "GET /a/../b", "GET /{a}{b}"]
    found, left = routes([op(line) for line in lines])
    assert [route.path for route in found] == ["/a/{x}", "/{a_b}"]
    assert [why.split()[0] for _, why in left] == ["the", "no", "no", "no"]


def test_a_capture_of_a_whole_path_takes_many_segments() -> None:
    found, _ = routes(
        [op("GET /files/{path}"), op("GET /f/{+name}/raw"), op("GET /p/{path}/x"), op("GET /h/{host}")]
    )
    assert [route.path for route in found] == [
        "/files/{path*}",
        "/f/{name*}/raw",
        "/p/{path}/x",
        "/h/{host_name}",
    ]


def test_resources_stand_where_captures_end_below_their_parents() -> None:
    lines = [
        "GET /orgs/{org}", "GET /orgs/{org}/teams/{team}", "GET /repos/{owner}/{repo}/issues/{n}",
        "GET /users/{u}/teams/{team}", "GET /v1/{name}:cancel", "GET /files/{path}", "GET /x/pre{a}/b",
    ]  # fmt: skip
    found = kinds(routes([op(line) for line in lines])[0])
    assert {kind.name: (kind.at, kind.names, kind.above) for kind in found.values()} == {
        "Org": ("/orgs/{org}", ("org",), None),
        "User": ("/users/{u}", ("u",), None),
        "V1": ("/v1/{name}", ("name",), None),
        "Repo": ("/repos/{owner}/{repo}", ("owner", "repo"), None),
        "Team": ("/orgs/{org}/teams/{team}", ("org", "team"), "/orgs/{org}"),
        "UserTeam": ("/users/{u}/teams/{team}", ("u", "team"), "/users/{u}"),
        "Issue": ("/repos/{owner}/{repo}/issues/{n}", ("owner", "repo", "n"), "/repos/{owner}/{repo}"),
    }


def test_words_of_any_spelling_become_names() -> None:
    assert [snake(text) for text in ("petId", "X-Rate-Limit", "2fa", "", "日本")] == [
        "pet_id",
        "x_rate_limit",
        "n2fa",
        "n",
        "n",
    ]
    assert [camel(text) for text in ("tea-shop", "3d print")] == ["TeaShop", "N3dPrint"]
