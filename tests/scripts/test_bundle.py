"""The built dashboard: small at first, and nothing in it comes from, or goes to, any other place."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from bundle import DASHBOARD, addresses, first_load, inline_parts

FIRST_LOAD = 300_000  # bytes of gzip, before the terminal


def bundle(directory: Path, **files: str) -> Path:
    """A bundle with these scripts, of which the page names `main.js`."""
    (directory / "assets").mkdir()
    (directory / "index.html").write_text('<script type="module" crossorigin src="/assets/main.js"></script>')
    for name, text in files.items():
        (directory / "assets" / f"{name}.js").write_text(text)
    return directory


def test_the_first_load_is_under_300_kb_and_has_no_terminal_in_it() -> None:
    sizes = first_load(DASHBOARD)
    assert any(name.endswith(".js") for name in sizes)
    assert [name for name in sizes if "xterm" in name or b"xterm-helper-textarea" in (DASHBOARD / name).read_bytes()] == []
    assert sum(sizes.values()) < FIRST_LOAD, sizes


def test_the_page_has_nothing_inline_that_its_csp_forbids() -> None:
    assert inline_parts(DASHBOARD) == []


def test_the_bundle_names_no_other_place() -> None:
    assert addresses(DASHBOARD) == {}


def test_scripts_that_are_imported_at_once_count_and_later_ones_do_not(tmp_path: Path) -> None:
    noise = random.Random(7).randbytes(200_000).hex()
    directory = bundle(
        tmp_path,
        main='import{a as b}from"./near.js";import"./side.js";b(()=>import("./later.js"))',
        near='export*from"./deep.js";export const a=1',
        side="",
        deep=f'export const d="{noise}"',
        later="",
    )
    sizes = first_load(directory)
    assert set(sizes) == {"index.html", *(f"assets/{name}.js" for name in ("main", "near", "side", "deep"))}
    assert sizes["assets/deep.js"] > 200_000


@pytest.mark.parametrize(
    "text",
    [
        'fetch("https://example.com/x.json")',
        "new WebSocket(`wss://example.com/${a}`)",
        "@font-face{src:url(//example.com/mono.woff2)}",
        '@import "//example.com/a.css";',
        '<img src="//example.com/pixel">',
    ],
)
def test_an_address_elsewhere_is_found(tmp_path: Path, text: str) -> None:
    directory = bundle(tmp_path, main='a.setAttributeNS("http://www.w3.org/1999/xlink")', other=text)
    named = addresses(directory)
    assert list(named) == ["assets/other.js"]
    assert "//example.com/" in named["assets/other.js"][0]


@pytest.mark.parametrize("markup", ["<script>go()</script>", "<style>a{}</style>", '<p style="color:red">', '<body onload="go()">'])
def test_what_a_csp_forbids_is_found(tmp_path: Path, markup: str) -> None:
    (tmp_path / "index.html").write_text(f'<link rel="stylesheet" href="/assets/a.css">{markup}')
    assert len(inline_parts(tmp_path)) == 1
