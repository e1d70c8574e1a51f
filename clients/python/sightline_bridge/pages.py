"""The dashboard's files, and what a browser may do with them. Knows the built bundle, not what is in it."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

ROOT = Path(__file__).parent / "dashboard"  # built from clients/web
INDEX = "index.html"
FOREVER = "public, max-age=31536000, immutable"  # names of assets hold a hash of what is in them

HEADERS = {
    # Nothing from anywhere else; no inline script. Inline styles are how terminals place their cells.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every answer."""

NOT_BUILT = """<!doctype html><html lang="en"><title>Sightline</title><h1>The dashboard is not built</h1>
<p>The bridge runs, and its sockets can be used. The pages are not there: run <code>scripts/setup</code> in the repository, with
Node.js 20.19 or newer at hand, and load this page again.</p></html>"""


def add_routes(app: web.Application, root: Path = ROOT) -> None:
    """The page under every path that it has views for, and its assets."""

    async def page(_request: web.Request) -> web.StreamResponse:
        if not (root / INDEX).is_file():
            return web.Response(status=503, text=NOT_BUILT, content_type="text/html")
        return web.FileResponse(root / INDEX, headers={"Cache-Control": "no-cache"})

    async def asset(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in _names(root / "assets"):
            raise web.HTTPNotFound
        return web.FileResponse(root / "assets" / name, headers={"Cache-Control": FOREVER})

    async def icon(request: web.Request) -> web.StreamResponse:
        path = root / request.path.lstrip("/")
        if not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path, headers={"Cache-Control": "no-cache"})

    app.router.add_get("/", page)
    app.router.add_get("/s/{rest:.*}", page)
    app.router.add_get("/assets/{name}", asset)
    for name in ("favicon.svg", "manifest.webmanifest"):
        app.router.add_get(f"/{name}", icon)


def _names(folder: Path) -> set[str]:
    """What may be asked for: names, never paths."""
    try:
        return {one.name for one in folder.iterdir() if one.is_file()}
    except FileNotFoundError:
        return set()
