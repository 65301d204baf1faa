"""The first question that a browser ever opens: whatever the page needs came while the queue stood there."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.test_attacks import order
from tests.e2e.test_people import enrol
from tests.kit.browser import Chromium
from tests.kit.inprocess import inside
from tests.kit.patience import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PREFETCHED = """() => {
  const ended = performance.getEntriesByType("resource").filter((entry) => entry.responseEnd);
  const came = new Set(ended.map((entry) => entry.name));
  return [...document.querySelectorAll("link[rel=prefetch]")].every((link) => came.has(link.href));
}"""
FETCHED = """() => performance.getEntriesByType("resource")
  .filter((entry) => entry.name.includes("/static/") && entry.transferSize > 0).map((entry) => entry.name)"""


async def test_the_first_question_fetches_no_script_or_style(tmp_path: Path) -> None:
    async with inside(tmp_path) as house, Chromium() as chromium:
        person = await chromium.person()
        await enrol(house, person, "Noor")
        await until(lambda: person.page.evaluate(PREFETCHED))
        task = order(house, "a1")
        (envelope,) = await house.held()
        await person.page.goto(f"{house.service.settings.origin}/approve/{envelope}")
        await expect(person.page.locator("details.verified")).to_be_visible()
        assert await person.page.evaluate("performance.getEntriesByType('resource').length") > 20
        assert await person.page.evaluate(FETCHED) == []
        assert person.trouble == []
        task.cancel()
