"""What a page costs and how soon it shows things, read in Chromium: for tests and benchmarks. Knows no view of the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from playwright.sync_api import Browser, BrowserContext, Page

# Frames and long tasks (over 50 ms, as browsers define them) from the page's first moment on.
WATCH = """(() => {
  const probe = (window.probe = { frames: [], tasks: [] });
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) probe.tasks.push(task.duration);
  }).observe({ type: "longtask", buffered: true });
  let last = 0;
  const frame = (now) => {
    if (last > 0) probe.frames.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})()"""

# Texts `@SECONDS@` below an element, each with how old it was when the frame that showed it had been drawn, in milliseconds.
AGES = """(element) => {
  const seen = new Map();
  window.ages = [];
  const look = (first) => {
    const found = [];
    for (const [, stamp] of element.textContent.matchAll(/@(\\d+\\.\\d+)@/g)) {
      if (!seen.has(stamp)) found.push(stamp);
      seen.set(stamp, true);
    }
    if (found.length === 0 || first === true) return;
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        const now = performance.timeOrigin + performance.now();
        for (const stamp of found) window.ages.push(now - Number(stamp) * 1000);
      };
      channel.port2.postMessage(0);
    });
  };
  look(true);
  new MutationObserver(look).observe(element, { subtree: true, childList: true, characterData: true });
}"""

# When an element first says something, in milliseconds since 1970, taken when the frame that showed it had been drawn.
WHEN = """([selector, pattern]) => new Promise((done) => {
  const wanted = new RegExp(pattern);
  const said = (element) => element.getAttribute("aria-label") ?? element.textContent;
  const observer = new MutationObserver(() => look());
  const look = () => {
    if (![...document.querySelectorAll(selector)].some((element) => wanted.test(said(element)))) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.timeOrigin + performance.now())));
  };
  observer.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  look();
})"""

# A program that writes the time `rate` times a second.
STAMPS = """
import sys, time
while True:
    print(f"@{time.time():.6f}@", flush=True)
    time.sleep(1 / float(sys.argv[1]))
"""


@dataclass(frozen=True)
class Smoothness:
    """How a page felt for a while.

    Attributes:
        frames: milliseconds between frames.
        tasks: milliseconds of each task over 50 ms.
    """

    frames: list[float]
    tasks: list[float]


def watch(context: BrowserContext) -> None:
    """Every page of a context counts its frames and long tasks from now on."""
    context.add_init_script(WATCH)


def smoothness(page: Page) -> Smoothness:
    """Since the last call, or since the page was opened."""
    found = page.evaluate("() => { const found = { ...probe }; probe.frames = []; probe.tasks = []; return found }")
    return Smoothness(**found)


@contextmanager
def busy(browser: Browser, page: Page) -> Iterator[list[float]]:
    """Milliseconds of processor time of each task of a page's main thread in a block: there when the block is over.

    On a busy machine a task may take long by the clock because others have the processor; this is what it did itself.
    """
    found: list[float] = []
    browser.start_tracing(page=page, categories=["toplevel", "disabled-by-default-devtools.timeline"])
    try:
        yield found
    finally:
        events = json.loads(browser.stop_tracing())["traceEvents"]
    threads = {
        (one["pid"], one["tid"]) for one in events if one["name"] == "thread_name" and one["args"]["name"] == "CrRendererMain"
    }
    tasks = (one for one in events if one["name"] == "RunTask" and (one["pid"], one["tid"]) in threads)
    found += [one["tdur"] / 1000 for one in tasks if "tdur" in one]


def heap(page: Page) -> int:
    """Bytes of JavaScript that are in use when the garbage is gone."""
    session = page.context.new_cdp_session(page)
    try:
        session.send("HeapProfiler.collectGarbage")
        return int(cast(float, session.send("Runtime.getHeapUsage")["usedSize"]))
    finally:
        session.detach()
