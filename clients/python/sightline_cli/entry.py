"""The console script: the whole program, and the one call that must cost next to nothing. Imports nothing before it knows which."""

import sys


def main() -> int:
    """Runs the program and returns its exit code."""
    if sys.argv[1:] == ["hook"]:
        from sightline_cli.hooks.intake import take  # noqa: PLC0415

        take()
    from sightline_cli.main import main as whole  # noqa: PLC0415

    return whole()


if __name__ == "__main__":
    sys.exit(main())
