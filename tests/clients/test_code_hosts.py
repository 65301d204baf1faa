import pytest
import pytest_asyncio

from tests.clients.conftest import HERE, Street, Streets
from tests.clients.front import answering

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

REPO = {
    "full_name": "acme/site",
    "name": "site",
    "owner": {"login": "acme"},
    "url": "https://api.github.com/repos/acme/site",
}
PULL = {"number": 7, "url": "https://api.github.com/repos/acme/site/pulls/7"}
GITHUB = answering(
    {
        ("GET", "/repos/acme/site"): REPO,
        ("POST", "/repos/acme/site/issues"): {"number": 12},
        ("GET", "/repos/acme/site/pulls/7"): PULL,
        ("PUT", "/repos/acme/site/pulls/7/merge"): {"merged": True, "sha": "a" * 40, "message": "done"},
        ("PUT", "/repos/acme/site/contents/public%2Findex.html"): {"content": {"path": "public/index.html"}},
        ("PUT", "/repos/acme/site/contents/public/index.html"): {"content": {"path": "public/index.html"}},
        ("DELETE", "/repos/acme/old"): {},
    }
)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def street(streets: Streets) -> Street:
    return await streets("{github: }", {"api.github.com": GITHUB})


async def test_pygithub_merges_a_pull_request(street: Street) -> None:
    assert (await street.script("pygithub.py")).split() == ["acme/site", "12", "True"]
    assert [each.action for each in street.signed] == ["/github/issue/create", "/github/pr/merge"]
    merge = street.signed[-1]
    assert merge.resource == 'GitHub::Repo::"acme/site"'
    assert (merge.context["number"], merge.context["how"]) == ("7", "squash")
    assert street.front.count("PUT", "api.github.com", "/repos/acme/site/pulls/7/merge") == 1


async def test_octokit_writes_a_file_and_deletes_a_repository(street: Street) -> None:
    assert (await street.behind("node", str(HERE / "scripts" / "octokit.mjs"))).strip() == "public/index.html"
    put, delete = street.signed
    assert (put.action, put.resource) == ("/github/repo/put_file", 'GitHub::Repo::"acme/site"')
    assert (put.context["path"], put.context["branch"]) == ("public/index.html", "main")
    assert (delete.action, delete.resource) == ("/github/repo/delete", 'GitHub::Repo::"acme/old"')
