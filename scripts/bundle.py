"""Reads the built dashboard: what the first page loads, and whether it names any place but the server it came from.

A program for `scripts/check`, and functions for tests and benchmarks. It knows files, nothing of a browser.
"""

from __future__ import annotations

import gzip
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

DASHBOARD = Path(__file__).parents[1] / "clients" / "python" / "sightline_bridge" / "dashboard"

# What may stand in a bundle: names that only look like addresses, and texts that people read. None of them is ever fetched.
HARMLESS = re.compile(rb"http://www\.w3\.org/|https://(?:react\.dev|reactjs\.org)/")
ADDRESS = re.compile(rb"(?:https?|wss?|ftp)://[A-Za-z0-9\[][^\s\"'`<>)\\]*")
ELSEWHERE = re.compile(rb"(?:\burl\(|@import|\bsrc=|\bhref=)\s*[\"']?//[^\"')\s]*")
STATIC_IMPORT = re.compile(rb"\b(?:import|export)\b(?:[^\"'`;()]*?\bfrom)?\s*[\"'`]\./([^\"'`]+)[\"'`]")


def addresses(directory: Path) -> dict[str, list[str]]:
    """What each file of the bundle names beyond its own server; files that name nothing are left out."""
    found: dict[str, list[str]] = {}
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        text = path.read_bytes()
        named = [match for match in (*ADDRESS.findall(text), *ELSEWHERE.findall(text)) if not HARMLESS.match(match)]
        if named:
            found[str(path.relative_to(directory))] = [match.decode(errors="replace") for match in named]
    return found


class _Page(HTMLParser):
    """Collects what a page makes a browser load before any script has run, and what the CSP would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        address = values.get("href") if tag == "link" else values.get("src")
        if address:
            self.loads.append(address)
        elif tag in {"script", "style"}:
            self.inline.append(tag)
        self.inline += [name for name in values if name == "style" or name.startswith("on")]


def inline_parts(directory: Path) -> list[str]:
    """The scripts, styles and handlers that stand in the page itself, which its CSP forbids."""
    return _read_page(directory).inline


def first_load(directory: Path) -> dict[str, int]:
    """Each file that is loaded before anything was clicked, with its bytes as gzip sends them.

    That is the page, what it names, and what those scripts import at once; what they import later (`import()`) is none of it.
    """
    files = ["index.html", *(address.lstrip("/") for address in _read_page(directory).loads)]
    sizes: dict[str, int] = {}
    while files:
        name = files.pop()
        if name in sizes:
            continue
        text = (directory / name).read_bytes()
        sizes[name] = len(gzip.compress(text, 6, mtime=0))
        if name.endswith(".js"):
            here = Path(name).parent
            files += [str(here / imported.decode()) for imported in STATIC_IMPORT.findall(text)]
    return sizes


def _read_page(directory: Path) -> _Page:
    page = _Page()
    page.feed((directory / "index.html").read_text())
    return page


def main() -> int:
    if not (DASHBOARD / "index.html").exists():
        print("there is no built dashboard: run scripts/dashboard", file=sys.stderr)
        return 1
    named = addresses(DASHBOARD)
    for name, places in named.items():
        print(f"{name} names {', '.join(sorted(set(places)))}", file=sys.stderr)
    inline = inline_parts(DASHBOARD)
    if inline:
        print(f"index.html has inline {', '.join(inline)}, which the CSP forbids", file=sys.stderr)
    return 1 if named or inline else 0


if __name__ == "__main__":
    sys.exit(main())
