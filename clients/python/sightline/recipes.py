"""Recipes: a TOML file to the request for a session that begins with its steps. Reads that file; knows no server.

    request = sightline.recipes.load("web", {"BRANCH": "fix"})
    session = await client.create(recipe=request)

`docs/recipes.md` describes the format. Whatever is not in it is refused with the file, the line and what there is.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from sightline.target import home
from sightline.v1.session_pb2 import Command, Step, StepCommand, Terminal, Worktree
from sightline.v1.session_service_pb2 import CreateRequest

Value = TypeVar("Value")
Table = Mapping[str, object]

SUFFIX = ".toml"
PROJECT = re.compile(r"[A-Za-z0-9._-]+")
PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}  # seconds

TOP = ("name", "cwd", "log_steps", "labels", "env", "step", "command")
STEP = ("source", "argv", "script", "worktree", "cwd", "env", "timeout", "allow_failure")
ACTIONS = ("argv", "script", "worktree")
WORKTREE = ("path", "branch", "base")
COMMAND = ("argv", "terminal", "stdin")


class RecipeError(ValueError):
    """A recipe that is not one, or is not there: the text says where and what is allowed.

    Attributes:
        path: the file.
        line: where in it, from 1; 0: not known.
    """

    def __init__(self, path: Path, line: int, problem: str) -> None:
        self.path = path
        self.line = line
        super().__init__(f"{path}{f', line {line}' if line else ''}: {problem}")


def find(recipe: str | os.PathLike[str], environ: Mapping[str, str] | None = None) -> Path:
    """The file that is meant: a path (one with a `/`, or ending in `.toml`), else a project, `recipes/PROJECT.toml` in the home."""
    word = os.fspath(recipe)
    if "/" in word or word.endswith(SUFFIX) or not isinstance(recipe, str):
        return Path(word).expanduser().absolute()
    return home(os.environ if environ is None else environ) / "recipes" / f"{word}{SUFFIX}"


def load(
    recipe: str | os.PathLike[str], variables: Mapping[str, str] | None = None, *, environ: Mapping[str, str] | None = None
) -> CreateRequest:
    """The request that a recipe stands for, for `Client.create(recipe=...)`.

    Args:
        recipe: a path, or the name of a project, whose recipe is `recipes/PROJECT.toml` in the server's home.
        variables: other values for variables of its `[env]`.
        environ: where the home is looked up; None: this process's environment.

    Raises:
        RecipeError: there is no such recipe, it cannot be read, it is not one, or it has no such variable.
    """
    path = find(recipe, environ)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeError(path, 0, f"there is no such recipe{_others(path)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(path, 0, f"it cannot be read: {error}") from None
    return parse(text, path, variables or {})


def parse(text: str, path: Path, variables: Mapping[str, str]) -> CreateRequest:
    """The same of a text; `path` is for errors, for a relative `cwd`, and for the label `project`. Raises `RecipeError`."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"\(at line (\d+), column \d+\)", str(error))
        raise RecipeError(path, int(where[1]) if where else 0, f"it is no TOML: {error}") from None
    return _Reader(text, path).request(content, variables)


def seconds(text: str) -> float:
    """`90s`, `10m`, `1h30m`, `500ms`, in seconds. Raises ValueError."""
    if not re.fullmatch(r"(\d+(\.\d+)?(ms|s|m|h|d))+", text):
        raise ValueError("write a time such as 30s, 10m or 1h30m, or a number of seconds")
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text))


class _Reader:
    """One recipe on its way from TOML to a request. `section` is how a table is called in the file, such as `step 2`."""

    def __init__(self, text: str, path: Path) -> None:
        self._text = text
        self._path = path
        self._variables: Mapping[str, str] = {}

    def request(self, content: Table, variables: Mapping[str, str]) -> CreateRequest:
        self._allow(content, TOP, "")
        env = self._strings(content, "env", "")
        for name in variables:
            if name not in env:
                known = f"it has {', '.join(env)}" if env else "it has no [env]"
                raise RecipeError(self._path, 0, f"there is no variable {name!r} in its [env]: {known}")
        self._variables = env = {**env, **variables}
        labels = {key: self._fill(value, key, "labels") for key, value in self._strings(content, "labels", "").items()}
        made = CreateRequest(
            name=self._filled(content, "name", ""),
            labels={"project": self._path.stem, **labels},
            env=env,
            log_steps=self._get(content, "log_steps", "", bool, "true or false") or False,
        )
        if cwd := self._filled(content, "cwd", ""):
            made.cwd = os.path.normpath(self._path.parent / Path(cwd).expanduser())
        for number, step in enumerate(self._tables(content, "step"), 1):
            made.steps.append(self._step(step, f"step {number}"))
        if "command" in content:
            made.command.CopyFrom(self._command(self._table(content, "command", "")))
        if not made.steps and not made.HasField("command"):
            raise RecipeError(self._path, 0, "it does nothing: give it a [[step]] or a [command]")
        return made

    def _step(self, table: Table, section: str) -> Step:
        self._allow(table, STEP, section)
        actions = [key for key in ACTIONS if key in table]
        if len(actions) != 1:
            found = "it has " + " and ".join(actions) if actions else "it has none"
            raise RecipeError(self._path, self._line("", section), f"a step is one of {', '.join(ACTIONS)}; {found}")
        source = self._get(table, "source", section, str, "a label such as git or script:setup")
        if source is None and "worktree" not in table:
            raise RecipeError(self._path, self._line("", section), "the step has no `source`: a label such as docker")
        made = Step(
            source=source or "git",
            cwd=self._filled(table, "cwd", section),
            env=self._strings(table, "env", section),
            allow_failure=self._get(table, "allow_failure", section, bool, "true or false") or False,
        )
        if "timeout" in table:
            made.timeout.FromMicroseconds(round(self._seconds(table["timeout"], section) * 1e6))
        if "argv" in table:
            made.argv.CopyFrom(StepCommand(argv=self._words(table, "argv", section)))
        elif "script" in table:
            made.script = self._get(table, "script", section, str, "a text: the lines of a shell script") or ""
        else:
            made.worktree.CopyFrom(self._worktree(table, section))
        return made

    def _worktree(self, table: Table, section: str) -> Worktree:
        value = table["worktree"]
        if isinstance(value, str):
            return Worktree(branch=self._fill(value, "worktree", section))
        found = self._table(table, "worktree", section)
        self._allow(found, WORKTREE, section)
        made = Worktree(**{key: self._filled(found, key, section) for key in WORKTREE})
        if not made.branch:
            raise RecipeError(self._path, self._line("worktree", section), 'it needs its branch: worktree = {branch = "..."}')
        return made

    def _command(self, table: Table) -> Command:
        self._allow(table, COMMAND, "command")
        if "argv" not in table:
            raise RecipeError(self._path, self._line("", "command"), "the command has no `argv`")
        stdin = self._get(table, "stdin", "command", bool, "true or false")
        made = Command(argv=self._words(table, "argv", "command"), stdin=Command.STDIN_OPEN if stdin else Command.STDIN_NULL)
        terminal = table.get("terminal", False)
        size = re.fullmatch(r"(\d{1,5})x(\d{1,5})", terminal) if isinstance(terminal, str) else None
        if size:
            made.terminal.CopyFrom(Terminal(columns=int(size[1]), rows=int(size[2])))
        elif terminal is True:
            made.terminal.SetInParent()
        elif terminal is not False:
            raise self._wrong("terminal", "command", 'true, false, or a size such as "120x40"')
        return made

    # --- values

    def _get(self, table: Table, key: str, section: str, kind: type[Value], wanted: str) -> Value | None:
        value = table.get(key)
        if value is not None and not isinstance(value, kind):
            raise self._wrong(key, section, wanted)
        return value

    def _filled(self, table: Table, key: str, section: str) -> str:
        return self._fill(self._get(table, key, section, str, "a text") or "", key, section)

    def _fill(self, text: str, key: str, section: str) -> str:
        """A text with the values of its `${NAME}`."""

        def value(match: re.Match[str]) -> str:
            if match[1] not in self._variables:
                known = ", ".join(self._variables) or "none"
                raise RecipeError(
                    self._path, self._line(key, section), f"`{match[0]}` is no variable of its [env], which has {known}"
                )
            return self._variables[match[1]]

        return PLACEHOLDER.sub(value, text)

    def _strings(self, table: Table, key: str, section: str) -> dict[str, str]:
        found = self._table(table, key, section) if key in table else {}
        for name, value in found.items():
            if not isinstance(value, str):
                raise self._wrong(name, section or key, f'a text, in quotes, as every value of {key}: {name} = "..."')
        return {name: str(value) for name, value in found.items()}

    def _words(self, table: Table, key: str, section: str) -> list[str]:
        words = table[key]
        if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
            raise self._wrong(key, section, 'a list of texts, the program first: ["make", "-j2"]')
        return words

    def _seconds(self, value: object, section: str) -> float:
        try:
            found = seconds(value) if isinstance(value, str) else value
        except ValueError:
            found = None
        if isinstance(found, bool) or not isinstance(found, int | float) or not found > 0:
            raise self._wrong("timeout", section, "a time such as 30s, 10m or 1h30m, or a number of seconds above 0")
        return float(found)

    def _table(self, table: Table, key: str, section: str) -> Table:
        value = table[key]
        if not isinstance(value, dict):
            raise self._wrong(key, section, "a table")
        return value

    def _tables(self, table: Table, key: str) -> list[Table]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self._wrong(key, "", f"a list of tables: write [[{key}]] above each")
        return value

    # --- what is wrong, and where

    def _allow(self, table: Table, keys: tuple[str, ...], section: str) -> None:
        for key in table:
            if key not in keys:
                where = f" in {section}" if section else ""
                raise RecipeError(
                    self._path, self._line(key, section), f"there is no key {key!r}{where}; there are {', '.join(keys)}"
                )

    def _wrong(self, key: str, section: str, wanted: str) -> RecipeError:
        where = f" of {section}" if section else ""
        return RecipeError(self._path, self._line(key, section), f"`{key}`{where} must be {wanted}")

    def _line(self, key: str, section: str) -> int:
        """Where a key of a section stands, or with no key the section's head; 0: it is written in another way."""
        here, steps, within = "", 0, False
        for number, line in enumerate(self._text.splitlines(), 1):
            was_within, within = within, within ^ bool((line.count('"""') + line.count("'''")) % 2)
            if was_within:  # the lines of a script
                continue
            if head := re.fullmatch(r"\s*\[\[?\s*([\w.]+)\s*\]\]?\s*(?:#.*)?", line):
                steps += head[1] == "step"
                names = head[1].split(".")
                here = " ".join([names[0], str(steps)]) if names[0] == "step" else names[0]
                if here == section and key in ("", names[-1]):
                    return number
                if not section and key == names[0]:
                    return number
            elif here == section and key and re.search(rf"(?:^|[{{,.])\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line):
                return number
        return 0


def _others(path: Path) -> str:
    """What else is there, for one who has mistyped a project."""
    if path.parent.name != "recipes":
        return ""
    names = sorted(other.stem for other in path.parent.glob(f"*{SUFFIX}")) if path.parent.is_dir() else []
    return f"; there are {', '.join(names)}" if names else f": put it there, or give its path (with a `/`, or ending in {SUFFIX})"
