"""The snippets of the documentation, as they stand there."""

import dataclasses
import pathlib
import re
import shlex

from support.server import ROOT

PAGES = [
    *(page for page in sorted(ROOT.glob("*.md")) if page.name != "CHANGELOG.md"),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "clients/js/README.md",
    ROOT / "clients/js/resume/README.md",
    ROOT / "dashboard/README.md",
    ROOT / "demo/README.md",
]
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")


@dataclasses.dataclass(frozen=True)
class Snippet:
    page: str
    line: int
    language: str
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}"


def snippets():
    """Every fenced block."""
    for page in PAGES:
        text = page.read_text()
        for match in FENCED.finditer(text):
            indent, language, body = match.groups()
            body = re.sub(f"^{indent}", "", body, flags=re.MULTILINE)
            yield Snippet(str(page.relative_to(ROOT)), text[: match.start()].count("\n") + 1, language, body)


def only(page, language, words):
    """The page's only snippet of a language with these words."""
    found = [one.text for one in snippets() if (one.page, one.language) == (page, language) and words in one.text]
    assert len(found) == 1, words
    return found[0]


def inline(pattern):
    """Every piece of code within a line that begins so."""
    for page in PAGES:
        for number, line in enumerate(FENCED.sub(lambda m: "\n" * m[0].count("\n"), page.read_text()).splitlines(), 1):
            for code in INLINE.findall(line):
                if re.match(pattern, code):
                    yield Snippet(str(page.relative_to(ROOT)), number, "inline", code)


def commands(text):
    """One for each command of a block, without its comment."""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield words
