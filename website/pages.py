"""The pages of the site: `stage` gathers them into one folder, `check` looks at what was built.

The same files are read on a code host and on the site, so they link to each other by their paths in the repository. A
generator wants one folder, with links between its pages. Needs Python alone, whatever generates the site.
"""

import argparse
import posixpath
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: Files of the repository that are pages of the site, by their place there.
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CODE_OF_CONDUCT.md": "code_of_conduct.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmarks.md",
    "data/06_models/base/README.md": "shipped_models.md",
    "docs/adr": "adr/index.md",
}

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_FENCED = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_ADDRESS = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)

#: What a browser fetches by itself to show a page, and the attribute that names it; a link is fetched if followed.
_FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}
_NOT_FETCHED = {"canonical", "next", "prev", "alternate"}


class SiteError(Exception):
    """A page that cannot be part of the site."""


def moved_links(markdown: str, *, source: str, page: str) -> str:
    """Returns a page's text with its links as they are on the site.

    A link to a file that is no page (source code, a licence) becomes its path in the repository.

    Args:
        markdown: the text, with links relative to `source`.
        source: its place in the repository, such as "docs/data.md".
        page: its place on the site, such as "data.md".
    """

    def moved(link: re.Match[str]) -> str:
        image, text, target = link.groups()
        if "://" in target or target.startswith("#"):
            return link.group(0)
        path, hash_sign, anchor = target.partition("#")
        there = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        on_site = OUTSIDE.get(there) or (there.removeprefix("docs/") if there.startswith("docs/") else None)
        if on_site is None:
            return f"`{there}`" if text.strip("`") == there else f"{text} (`{there}`)"
        return f"{image}[{text}]({posixpath.relpath(on_site, posixpath.dirname(page) or '.')}{hash_sign}{anchor})"

    parts = _FENCED.split(markdown)
    return "".join(part if part.startswith("```") else _LINK.sub(moved, part) for part in parts)


def decisions(folder: Path) -> str:
    """Returns the page that lists the decisions (NNNN-title.md in a folder) by their headings."""
    lines = ["# Decisions", "", "Each says what was wrong before, what was decided, and why.", ""]
    for path in sorted(folder.glob("[0-9]*.md")):
        number, _, title = path.read_text("utf-8").splitlines()[0].removeprefix("# ").partition(". ")
        lines.append(f"- {number}: [{title}]({path.name})")
    return "\n".join([*lines, ""])


def stage(folder: Path) -> None:
    """Writes all pages, and what they show, into a folder, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder)
    shutil.copy(ROOT / "website/site.css", folder)
    pages = {str(path.relative_to(ROOT)): str(path.relative_to(ROOT / "docs")) for path in ROOT.glob("docs/**/*.md")}
    for source, page in (pages | {name: page for name, page in OUTSIDE.items() if name.endswith(".md")}).items():
        text = moved_links((ROOT / source).read_text("utf-8"), source=source, page=page)
        (folder / page).write_text(text, "utf-8")
    (folder / OUTSIDE["docs/adr"]).write_text(decisions(ROOT / "docs/adr"), "utf-8")


class _Fetched(HTMLParser):
    """Collects the addresses that a browser fetches for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _FETCHED and given.get("rel") not in _NOT_FETCHED:
            self.addresses.append(given.get(_FETCHED[tag]) or "")


def fetched_elsewhere(html: str) -> list[str]:
    """Returns the addresses on other machines that a browser would fetch to show a page."""
    reader = _Fetched()
    reader.feed(html)
    return [address for address in reader.addresses if _ADDRESS.match(address)]


def check(folder: Path) -> None:
    """Looks at a built site.

    Raises:
        SiteError: if a page or a style would fetch something from another machine, or there is no page.
    """
    pages = sorted(folder.rglob("*.html"))
    if not pages:
        raise SiteError(f"{folder}: expected the pages of a built site, got none")
    for page in pages:
        if found := fetched_elsewhere(page.read_text("utf-8")):
            raise SiteError(f"{page}: expected a page that fetches nothing from elsewhere, got {found}")
    for style in sorted(folder.rglob("*.css")):
        if found := re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\"']*", style.read_text("utf-8")):
            raise SiteError(f"{style}: expected a style that fetches nothing from elsewhere, got {found}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("do", choices=["stage", "check"])
    arguments.add_argument("folder", type=Path)
    given = arguments.parse_args()
    {"stage": stage, "check": check}[given.do](given.folder)
