"""The real programs of agents: which versions, where they are installed, how each is pointed at a model on loopback.

As a program (`python -m support.real_agents`) it installs what is missing into `build/agents`, from wherever npm is configured to
take packages. One that cannot be installed is no error: its tests are skipped, and say why.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.model_server import Call

HOME = Path(__file__).parents[2] / "build" / "agents"
INSTALL_SECONDS = 600.0
START_SECONDS = 60.0  # for a program to say its version
KEY = "no-secret"
HERE = f"{sys.platform}-{'arm64' if platform.machine() in ('aarch64', 'arm64') else 'x64'}"

Tools = Callable[[str], Call]


@dataclass(frozen=True)
class RealAgent:
    """One program.

    Attributes:
        name: of its family, and of the program.
        package: what npm calls it.
        version: the one that is tried.
        program: the file that is started, below `node_modules`. Install scripts are not run; so it is the platform's own where
            they would have put it in place.
        settings: files in its home, by path; `MODEL_AT` in them stands for the model's URL.
        environ: variables, with `MODEL_AT` in the same way.
        argv: the command, as a user would give it to `sightline run`.
        plain: the same without streaming, the prompt on stdin.
        answer: what of that is the answer.
        shell: the call that runs a shell command.
        read: the call that reads a file, by its absolute path.
        tells_codes: it says with which code a shell command ended.
        tells_calls: a call that is under way stands in its stream.
    """

    name: str
    package: str
    version: str
    program: str
    settings: Mapping[str, str]
    environ: Mapping[str, str]
    argv: Sequence[str]
    plain: Sequence[str]
    shell: Tools
    read: Tools
    answer: Callable[[str], str] = str.strip
    tells_codes: bool = True
    tells_calls: bool = True

    @property
    def place(self) -> Path:
        """Where it is installed."""
        return HOME / self.name

    @property
    def path(self) -> Path:
        """The program itself."""
        return self.place / "node_modules" / self.program

    def missing(self) -> str:
        """Why it cannot be tried; empty: it can."""
        package = self.place / "node_modules" / self.package / "package.json"
        if self.path.exists() and package.exists():
            found = json.loads(package.read_text())["version"]
            return "" if found == self.version else f"{self.name} {found} is installed: these tests are for {self.version}"
        reason = self.place / "why-not"
        return reason.read_text() if reason.exists() else f"{self.name} is not installed: scripts/test --agents does that"

    def install(self) -> str:
        """Installs it where it is missing; why that could not be done, else empty."""
        if not self.missing():
            return ""
        if not shutil.which("npm"):
            return self._not("there is no npm")
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir(parents=True)
        (self.place / "package.json").write_text('{"private": true}\n')
        words = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", f"{self.package}@{self.version}"]
        try:
            done = subprocess.run(
                ["npm", *words], cwd=self.place, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return self._not(f"npm took more than {INSTALL_SECONDS:.0f} s")
        if done.returncode:
            log = self.place / "npm.log"
            log.write_text(done.stdout + done.stderr)
            why = next((line for line in done.stderr.splitlines() if "npm error" in line), f"npm exited with {done.returncode}")
            return self._not(f"{why}, see {log}")
        if not self.path.exists():
            return self._not(f"the package has no {self.program}")
        try:
            asked = subprocess.run([self.path, "--version"], capture_output=True, text=True, timeout=START_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return self._not(f"it does not start: {error}")
        if asked.returncode:
            return self._not(f"it does not start: {(asked.stderr or asked.stdout).strip()[:300]}")
        return ""

    def _not(self, why: str) -> str:
        said = f"{self.name} {self.version} could not be installed: {why}"
        self.place.mkdir(parents=True, exist_ok=True)
        (self.place / "why-not").write_text(said)
        return said

    def prepare(self, home: Path, url: str) -> dict[str, str]:
        """Writes its settings into a home, for a model at this URL, and gives the variables with which it is started."""
        for name, text in self.settings.items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("MODEL_AT", url))
        programs = home / "bin"
        programs.mkdir(exist_ok=True)
        (programs / self.name).symlink_to(self.path)
        kept = {name: os.environ[name] for name in ("LANG", "TERM", "TMPDIR") if name in os.environ}
        variables = {name: text.replace("MODEL_AT", url) for name, text in self.environ.items()}
        return {**kept, "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(home), **variables}


CODEX = """\
model_provider = "here"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.here]
name = "here"
base_url = "MODEL_AT/v1"
wire_api = "responses"
env_key = "MODEL_KEY"
requires_openai_auth = false
request_max_retries = 1
stream_max_retries = 1
"""
GEMINI = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "privacy": {"usageStatisticsEnabled": False},
    "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
    "telemetry": {"enabled": False},
}
QWEN = {**GEMINI, "security": {"auth": {"selectedType": "openai"}}}
OPENCODE = {
    "autoupdate": False,
    "share": "disabled",
    "model": "here/m",
    "small_model": "here/m",
    "provider": {
        "here": {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": "MODEL_AT/v1", "apiKey": KEY},
            "models": {"m": {"name": "m", "limit": {"context": 100000, "output": 8000}}},
        }
    },
}
_OPENCODE_QUIET = ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS")
_CODEX_ALLOWED = ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "-m", "gpt-5.5")  # a model that it knows


def _google_shell(command: str) -> Call:
    return Call("run_shell_command", {"command": command, "description": "runs it", "is_background": False})


def _codex_shell(command: str) -> Call:
    return Call("exec_command", {"cmd": command, "yield_time_ms": 30000})


AGENTS: Sequence[RealAgent] = (
    RealAgent(
        name="codex",
        package="@openai/codex",
        version="0.169.0",
        program="@openai/codex/bin/codex.js",
        settings={".codex/config.toml": CODEX},
        environ={"MODEL_KEY": KEY},
        argv=("codex", "exec", *_CODEX_ALLOWED),
        plain=("codex", "exec", *_CODEX_ALLOWED, "-"),
        shell=_codex_shell,
        read=lambda path: _codex_shell(f"cat {path}"),
    ),
    RealAgent(
        name="gemini",
        package="@google/gemini-cli",
        version="0.61.0",
        program="@google/gemini-cli/bundle/gemini.js",
        settings={".gemini/settings.json": json.dumps(GEMINI)},
        environ={"GOOGLE_GEMINI_BASE_URL": "MODEL_AT", "GEMINI_API_KEY": KEY, "GEMINI_CLI_TRUST_WORKSPACE": "true"},
        argv=("gemini", "-m", "gemini-2.5-flash", "--approval-mode", "yolo"),
        plain=("gemini", "-m", "gemini-2.5-flash", "--approval-mode", "yolo", "--output-format", "json"),
        answer=lambda printed: str(json.loads(printed)["response"]),
        shell=lambda command: Call("run_shell_command", {"command": command, "description": "runs it"}),
        read=lambda path: Call("read_file", {"file_path": path}),
        tells_codes=False,
    ),
    RealAgent(
        name="opencode",
        package="opencode-ai",
        version="1.18.33",
        program=f"opencode-{HERE}/bin/opencode",
        settings={".config/opencode/opencode.json": json.dumps(OPENCODE)},
        environ={f"OPENCODE_DISABLE_{what}": "1" for what in _OPENCODE_QUIET},
        argv=("opencode", "run"),
        plain=("opencode", "run"),
        answer=lambda printed: printed.removeprefix("I'll look first.\n").strip(),  # it prints each text, not the last alone
        shell=lambda command: Call("bash", {"command": command, "description": "runs it"}),
        read=lambda path: Call("read", {"filePath": path}),
        tells_calls=False,
    ),
    RealAgent(
        name="qwen",
        package="@qwen-code/qwen-code",
        version="0.24.4",
        program="@qwen-code/qwen-code/cli-entry.js",
        settings={".qwen/settings.json": json.dumps(QWEN)},
        environ={"OPENAI_BASE_URL": "MODEL_AT/v1", "OPENAI_API_KEY": KEY, "OPENAI_MODEL": "m"},
        argv=("qwen", "-y"),
        plain=("qwen", "-y"),
        shell=_google_shell,
        read=lambda path: Call("read_file", {"file_path": path}),
    ),
    RealAgent(
        name="claude",
        package="@anthropic-ai/claude-code",
        version="2.1.329",
        program=f"@anthropic-ai/claude-code-{HERE}/claude",
        settings={},
        environ={
            "ANTHROPIC_BASE_URL": "MODEL_AT",
            "ANTHROPIC_API_KEY": KEY,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
            "IS_SANDBOX": "1",  # else root may not allow everything
        },
        argv=("claude", "--permission-mode", "bypassPermissions"),
        plain=("claude", "-p", "--permission-mode", "bypassPermissions"),
        shell=lambda command: Call("Bash", {"command": command, "description": "runs it"}),
        read=lambda path: Call("Read", {"file_path": path}),
    ),
)


if __name__ == "__main__":
    for one in AGENTS:
        said = one.install() or f"{one.name} {one.version} is installed"
        sys.stderr.write(f"{said}\n")
