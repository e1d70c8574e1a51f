"""completion: scripts for bash, zsh and fish, made from the parser itself, so that they cannot lag behind it.

Words and flags are static. Names of sessions are asked for when somebody presses Tab, by `sightline ls -q`.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping

from sightline_cli import codes
from sightline_cli.agents import FAMILIES
from sightline_cli.command import Command

SHELLS = ("bash", "zsh", "fish")
NAMES = "$(sightline ls -q 2>/dev/null)"
ANSWERS = '$(sightline answer --words "${COMP_WORDS[2]}" 2>/dev/null)'  # words that no shell expands: see there


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="for which shell")


def _completion(chosen: argparse.Namespace) -> int:
    from sightline_cli.main import all_commands, build_parser  # noqa: PLC0415

    parsers = {command.name: build_parser(command) for command in all_commands()}
    print({"bash": bash, "zsh": zsh, "fish": fish}[chosen.shell](parsers))
    return codes.OK


def flags_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The options of a command."""
    # argparse has no public way; shtab and argcomplete do the same.
    return [action for action in parser._actions if action.option_strings and action.help != argparse.SUPPRESS]


def takes_sessions(parser: argparse.ArgumentParser) -> bool:
    """Whether its words are names of sessions."""
    return any(action.dest in {"session", "sessions"} for action in parser._actions)


def takes_answers(parser: argparse.ArgumentParser) -> bool:
    """Whether its words behind a session's name answer what is asked there."""
    return any(action.dest == "answer" for action in parser._actions)


def takes_files(parser: argparse.ArgumentParser) -> bool:
    """Whether its words are files or directories."""
    return any(_is_file(action) for action in parser._actions if not action.option_strings)


def words_of(parser: argparse.ArgumentParser) -> list[str]:
    """The choices of a command's own words, such as the shells of `completion`."""
    return [word for action in parser._actions if not action.option_strings for word in action.choices or ()]


def values_of(action: argparse.Action) -> str | None:
    """What stands behind an option, as words for bash's `compgen`; None: files, or what nobody can know."""
    if action.choices:
        return " ".join(map(str, action.choices))
    if "--agent" in action.option_strings:
        return " ".join(FAMILIES)
    return NAMES if "--session" in action.option_strings else None


def bash(commands: Mapping[str, argparse.ArgumentParser]) -> str:
    """A script for `source <(sightline completion bash)`."""
    cases, behind = [], []
    for name, parser in commands.items():
        flags = " ".join(word for action in flags_of(parser) for word in action.option_strings)
        words = NAMES if takes_sessions(parser) else " ".join(words_of(parser))
        behind_first = f'; [ "$COMP_CWORD" -gt 2 ] && words="{ANSWERS}"' if takes_answers(parser) else ""
        cases.append(f'    {name}) flags="{flags}"; words="{words}"{behind_first} ;;')
        for action in flags_of(parser):
            if action.nargs != 0:
                behind += [f'    "{name} {word}") words="{values_of(action) or ""}" ;;' for word in action.option_strings]
    listed, valued = "\n".join(cases), "\n".join(behind)
    return f"""\
# bash completion for sightline: source <(sightline completion bash)
_sightline() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} flags="" words="" word
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{" ".join(commands)} --help --version" -- "$current"))
    return
  fi
  for word in "${{COMP_WORDS[@]:2:COMP_CWORD-2}}"; do
    if [ "$word" = "--" ]; then
      COMPREPLY=($(compgen -c -f -- "$current"))
      return
    fi
  done
  case "${{COMP_WORDS[1]}}" in
{listed}
  esac
  case "${{COMP_WORDS[1]}} ${{COMP_WORDS[COMP_CWORD-1]}}" in
{valued}
  esac
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}}
complete -o default -F _sightline sightline"""


def zsh(commands: Mapping[str, argparse.ArgumentParser]) -> str:
    """A script for `source <(sightline completion zsh)`, or a file `_sightline` in `fpath`."""
    from sightline_cli.main import all_commands  # noqa: PLC0415

    summaries = {command.name: command.summary for command in all_commands()}
    listed = "\n".join(f"    {shlex.quote(f'{name}:{summaries[name]}')}" for name in commands)
    cases = []
    for name, parser in commands.items():
        specs = [_zsh_flag(action, word) for action in flags_of(parser) for word in action.option_strings]
        if name in {"run", "create"}:
            specs += ["'(-)1:command: _command_names -e'", "'*::arguments: _normal'"]
        elif takes_answers(parser):
            specs += ["'1:session:_sightline_sessions'", "'*:answer:_sightline_answers'"]
        elif takes_sessions(parser):
            specs.append("'*:session:_sightline_sessions'")
        elif takes_files(parser):
            specs.append("'*:file:_files'")
        elif words_of(parser):
            specs.append(shlex.quote(f"1:word:({' '.join(words_of(parser))})"))
        cases.append(f"    {name}) _arguments {' '.join(specs)} ;;")
    chosen = "\n".join(cases)
    return f"""\
#compdef sightline
# zsh completion for sightline: source <(sightline completion zsh)
_sightline_sessions() {{
  local -a names
  names=(${{(f)"$(sightline ls -q 2>/dev/null)"}})
  _describe session names
}}
_sightline_answers() {{
  local -a answers
  answers=(${{(f)"$(sightline answer --words ${{line[1]}} 2>/dev/null)"}})
  compadd -a answers
}}
_sightline() {{
  local -a commands line
  commands=(
{listed}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
{chosen}
  esac
}}
compdef _sightline sightline"""


def _zsh_flag(action: argparse.Action, word: str) -> str:
    meaning = (action.help or "").replace("%%", "%").replace("[", "(").replace("]", ")").replace(":", " -")
    value = "" if action.nargs == 0 else f":{action.metavar or action.dest!s}:{_zsh_values(action)}"
    return shlex.quote(f"{word}[{meaning}]{value.replace(':K=V', ':value')}")


def _zsh_values(action: argparse.Action) -> str:
    if action.choices:
        return f"({' '.join(map(str, action.choices))})"
    if "--agent" in action.option_strings:
        return f"({' '.join(FAMILIES)})"
    if "--session" in action.option_strings:
        return "_sightline_sessions"
    return "_files" if _is_file(action) else " "


def _is_file(action: argparse.Action) -> bool:
    return bool({"DIR", "FILE", "PATH"} & set(str(action.metavar).split("|")))


def fish(commands: Mapping[str, argparse.ArgumentParser]) -> str:
    """A script for `sightline completion fish | source`."""
    from sightline_cli.main import all_commands  # noqa: PLC0415

    lines = ["# fish completion for sightline: sightline completion fish | source", "complete -c sightline -f"]
    first = "complete -c sightline -n __fish_use_subcommand"
    lines += [f"{first} -a {command.name} -d {_fish(command.summary)}" for command in all_commands()]
    for name, parser in commands.items():
        condition = f"-n '__fish_seen_subcommand_from {name}'"
        for action in flags_of(parser):
            names = " ".join(f"-l {word[2:]}" if word.startswith("--") else f"-s {word[1:]}" for word in action.option_strings)
            value = "" if action.nargs == 0 else f" -r{_fish_values(action)}"
            lines.append(f"complete -c sightline {condition} {names}{value} -d {_fish((action.help or '').replace('%%', '%'))}")
        if takes_answers(parser):
            answers = "(sightline answer --words (commandline -opc)[3] 2>/dev/null)"
            lines.append(f"complete -c sightline {condition} -a '{answers}'")
        if takes_sessions(parser):
            lines.append(f"complete -c sightline {condition} -a '(sightline ls -q 2>/dev/null)'")
        elif takes_files(parser):
            lines.append(f"complete -c sightline {condition} -F")
        lines += [f"complete -c sightline {condition} -a {word}" for word in words_of(parser)]
        if name in {"run", "create"}:
            lines.append(f"complete -c sightline {condition} -a '(__fish_complete_subcommand)'")
    return "\n".join(lines)


def _fish_values(action: argparse.Action) -> str:
    if action.choices:
        return f" -a '{' '.join(map(str, action.choices))}'"
    if "--agent" in action.option_strings:
        return f" -a '{' '.join(FAMILIES)}'"
    if "--session" in action.option_strings:
        return " -a '(sightline ls -q 2>/dev/null)'"
    return " -F" if _is_file(action) else ""


def _fish(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


COMPLETION = Command(
    name="completion",
    summary="Print a script that completes commands, flags and names with Tab.",
    when="Names of sessions are asked for when you press Tab.",
    examples=(
        ("source <(sightline completion bash)", "for this bash; in ~/.bashrc for every one"),
        ("sightline completion zsh > ~/.zfunc/_sightline", "in a directory of your `fpath`"),
        ("sightline completion fish | source", "for this fish"),
    ),
    arguments=_arguments,
    run=_completion,
    remote=False,
)
