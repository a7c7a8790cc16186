"""The documentation as a whole: its front page is short, its links lead somewhere, its index has every page, and every page has an example."""

import re

import pytest
from support.documented import FENCED, PAGES, ROOT, inline, snippets

FRONT_PAGE_BYTES = 7_000
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
DOCS = sorted((ROOT / "docs").glob("*.md"))


def without_blocks(page):
    return FENCED.sub("", page.read_text())


def anchors(page):
    """As GitHub makes them of headings."""
    names = (heading.lower().replace("`", "") for heading in HEADING.findall(without_blocks(page)))
    return {re.sub(r"[^\w\- ]", "", name).replace(" ", "-") for name in names}


def links(page):
    found = (one[1] or one[2] for one in LINK.finditer(without_blocks(page)))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def test_the_front_page_is_short_and_has_the_two_commands():
    text = (ROOT / "README.md").read_text()
    assert len(text.encode()) <= FRONT_PAGE_BYTES
    assert re.search(r"^make run .*\nmake test ", text, re.MULTILINE)


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in [*PAGES, ROOT / "CHANGELOG.md"]])
def test_links_lead_somewhere(page):
    wrong = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            wrong.append(link)
    assert not wrong


def test_the_index_has_every_page():
    index = ROOT / "docs/README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert not [page.name for page in DOCS if page != index and page not in linked]


@pytest.mark.parametrize("page", [page for page in DOCS if page.name != "README.md"], ids=lambda page: page.name)
def test_every_page_has_an_example_that_a_test_runs(page):
    name = str(page.relative_to(ROOT))
    examples = [one for one in snippets() if one.page == name and one.language != "text"]
    examples += [one for one in inline(r"streamsync [a-z]|\{ [a-zA-Z]+ \{") if one.page == name]
    assert examples
