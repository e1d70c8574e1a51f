"""Builds every client's harness, as the trial does: `python -m conformance.clients.build`. One whose tools are missing is named."""

from __future__ import annotations

import sys

from conformance.clients.roster import CLIENTS


def main() -> int:
    """1: one could not be built."""
    failed = 0
    for client in CLIENTS.values():
        if client.missing:
            sys.stdout.write(f"SKIPPED: {client.name}: {' and '.join(client.missing)} is not on this machine, or does not start\n")
            continue
        try:
            client.build(hurried=True)
        except RuntimeError as error:
            sys.stdout.write(f"{client.name}: {error}\n")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
