"""Recipes: named steps that run one after the other, and then the session's own command.

- `source`: the `Source` that does it
- `programs`: each program of a recipe, from its start to its end, over servers
- `plan`: what it must remember over a restart, as files in its session's spool directory
- `sinks`: what stands between the session and each program
- `result`: what the steps leave behind by name (pure)
- `worktree`: the built-in step, a small program that runs `git`; runs on its own, imports nothing of ours
"""

from sightline_server.capture.recipe.source import RecipeSource

__all__ = ["RecipeSource"]
