"""What `run` and `create` say about steps: the options, and what they mean together."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from sightline_cli import codes
from sightline_cli.command import Complaint, given, pair

if TYPE_CHECKING:
    from sightline.v1.session_pb2 import Step
    from sightline.v1.session_service_pb2 import CreateRequest


def add_steps(parser: argparse.ArgumentParser) -> None:
    """`--recipe`, `--worktree` and what belongs to them."""
    group = parser.add_argument_group("steps before the command", "docs/recipes.md describes recipes")
    group.add_argument(
        "--recipe",
        metavar="FILE|PROJECT",
        type=given,
        help="do the steps of a TOML file: of this one, or of recipes/PROJECT.toml in the home",
    )
    group.add_argument(
        "--set",
        metavar="K=V",
        type=pair,
        action="append",
        default=[],
        help="with --recipe: change a variable of its [env]",
    )
    group.add_argument(
        "--worktree", metavar="BRANCH", type=given, help="run in a git worktree of this branch, made where there is none"
    )
    group.add_argument("--base", metavar="REF", type=given, help="with --worktree: what a new branch begins at; default: HEAD")
    group.add_argument("--log-steps", action="store_true", help="copy what the steps print to the server's own log")


def has_steps(chosen: argparse.Namespace) -> bool:
    """Whether something is to be done before the command, or instead of one."""
    return bool(chosen.recipe or chosen.worktree)


def read(chosen: argparse.Namespace) -> tuple[CreateRequest | None, list[Step]]:
    """The recipe, None where none was asked for, and the steps before it. Raises Complaint, `sightline.recipes.RecipeError`."""
    if chosen.set and not chosen.recipe:
        raise Complaint("--set is for the variables of a recipe: give --recipe with it, or use --env", codes.USAGE)
    if chosen.base and not chosen.worktree:
        raise Complaint("--base is what a new branch begins at: give --worktree BRANCH with it", codes.USAGE)
    if chosen.log_steps and not has_steps(chosen):
        raise Complaint("--log-steps is for the steps of --recipe or --worktree", codes.USAGE)
    if not has_steps(chosen):
        return None, []
    from sightline import recipes  # noqa: PLC0415
    from sightline.v1.session_pb2 import Step, Worktree  # noqa: PLC0415

    steps = [Step(source="git", worktree=Worktree(branch=chosen.worktree, base=chosen.base or ""))] if chosen.worktree else []
    return recipes.load(chosen.recipe, dict(chosen.set)) if chosen.recipe else None, steps
