"""Settings: flags first, then `SIGHTLINE_*` in the environment, then a TOML file, then defaults; a wrong value is refused by name.

The TOML file is `$SIGHTLINE_HOME/config.toml`, or the one that `--config` or `SIGHTLINE_CONFIG` names; its keys are the names
below, such as `grpc_address = "127.0.0.1:7411"`.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sightline_server.errors import BadSetting, UnsafeBind

MIB = 1024 * 1024
SIZE_UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}
AGE_UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
MAX_AGE_SECONDS = 315_576_000_000  # 10 000 years: what protobuf allows a duration to be
NO_LIMIT = frozenset({"none", "0"})


@dataclass(frozen=True)
class Address:
    """Host and port to listen on; port 0: any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """It cannot be reached from other machines."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True)
class Webhook:
    """Where to POST to: `https`, or `http` on this machine's loopback."""

    host: str
    port: int
    path: str
    tls: bool


@dataclass(frozen=True)
class Settings:
    """What a server is told at its start.

    Attributes:
        home: where it lives: `token`, `sightline.sock`, the database, spools; made with mode 0700.
        grpc_address: the TCP address of the service; None: the Unix socket alone.
        web_address: where the bridge that is started with it listens; empty: none is. The server itself does not listen there.
        token_file: the token that TCP callers must show; made at the first start.
        max_session_bytes: how large one session's log may be; the oldest events go first; 0: no limit.
        max_total_bytes: how large all logs together may be; those of ended sessions go first; 0: no limit.
        max_age: how long events are kept; an ended session whose events have all gone is forgotten; None: no limit.
        tls_cert: PEM certificate chain for TCP; None: no TLS.
        tls_key: its private key.
        stream_dir: a directory in which every typescript becomes a session; None: none but those that were asked for.
        ssh: the program, and its first arguments, by which other hosts are reached, such as `ssh -F FILE`.
        notify: a program, and its first arguments, that is started when a session waits for somebody or has ended; empty: none.
        webhook: where that is posted to; None: nowhere.
        webhook_secret_file: holds the secret by which what is posted is signed; None: it is not signed.
        memory: keep logs in memory, for as long as the process lives.
    """

    home: Path
    grpc_address: Address | None = Address("127.0.0.1", 7411)
    web_address: tuple[Address, ...] = (Address("127.0.0.1", 7412),)
    token_file: Path | None = None
    max_session_bytes: int = 4096 * MIB
    max_total_bytes: int = 20 * 1024 * MIB
    max_age: timedelta | None = timedelta(days=30)
    tls_cert: Path | None = None
    tls_key: Path | None = None
    stream_dir: Path | None = None
    ssh: tuple[str, ...] = ("ssh",)
    notify: tuple[str, ...] = ()
    webhook: Webhook | None = None
    webhook_secret_file: Path | None = None
    memory: bool = False

    def __post_init__(self) -> None:
        if self.grpc_address is not None and not self.grpc_address.is_loopback and not self.has_tls:
            raise UnsafeBind(address=self.grpc_address)
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "SIGHTLINE_TLS_KEY" if self.tls_key is None else "SIGHTLINE_TLS_CERT"
            raise BadSetting(name=missing, value="", problem="certificate and key are needed together")

    @property
    def has_tls(self) -> bool:
        """TCP is encrypted."""
        return self.tls_cert is not None and self.tls_key is not None

    @property
    def socket(self) -> Path:
        """The Unix socket."""
        return self.home / "sightline.sock"

    @property
    def token_path(self) -> Path:
        """Where the token is."""
        return self.token_file or self.home / "token"

    @property
    def database(self) -> Path:
        """The SQLite database."""
        return self.home / "sightline.db"

    @property
    def search_index(self) -> Path:
        """The index for search; it can be made again from the logs."""
        return self.home / "search.db"

    @property
    def spools(self) -> Path:
        """Where sources leave their bytes."""
        return self.home / "spool"

    @property
    def directories(self) -> Path:
        """Which directories are watched for typescripts."""
        return self.home / "directories.json"

    @property
    def tmux_socket(self) -> Path:
        """The private tmux server's socket."""
        return self.home / "tmux.sock"


ALIASES: Mapping[str, str] = {"stream_dir": "CBOS_STREAM_STREAM_DIR"}
"""Further names in the environment, for programs that set those already."""

NAMES = tuple(field.name for field in fields(Settings) if field.name != "memory")


def default_home(environ: Mapping[str, str]) -> Path:
    """`SIGHTLINE_HOME`, else `${XDG_STATE_HOME:-~/.local/state}/sightline`."""
    if environ.get("SIGHTLINE_HOME"):
        return Path(environ["SIGHTLINE_HOME"]).expanduser().absolute()
    state = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".local" / "state"
    return Path(state) / "sightline"


def load(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> Settings:
    """The settings in force.

    Args:
        flags: by the names of `Settings`, and `config`; None or absent: not given.
        environ: the environment.

    Raises:
        BadSetting: a value makes no sense.
        UnsafeBind: an address beyond loopback without TLS.
    """
    home = default_home({**environ, "SIGHTLINE_HOME": flags.get("home") or environ.get("SIGHTLINE_HOME", "")})
    named = flags.get("config") or environ.get("SIGHTLINE_CONFIG")
    config = read_config(Path(named) if named else home / "config.toml", required=bool(named))
    values: dict[str, object] = {"home": home}
    for name in NAMES:
        if name == "home":
            continue
        variable = f"SIGHTLINE_{name.upper()}"
        for source, value in (
            (f"--{name.replace('_', '-')}", flags.get(name)),
            (variable, environ.get(variable)),
            (ALIASES.get(name, variable), environ.get(ALIASES.get(name, variable))),
            (f"{name} in the settings file", config.get(name)),
        ):
            if value is not None:
                values[name] = parse(name, source, str(value))
                break
    return Settings(**values)  # type: ignore[arg-type] # each value was made by `parse` for its name


def read_config(path: Path, *, required: bool) -> Mapping[str, object]:
    """The settings file; empty when it is not there and was not asked for."""
    try:
        content = tomllib.loads(path.read_text())
    except FileNotFoundError:
        if not required:
            return {}
        raise BadSetting(name="SIGHTLINE_CONFIG", value=path, problem="there is no such file") from None
    except (OSError, ValueError) as error:
        raise BadSetting(name="SIGHTLINE_CONFIG", value=path, problem=error) from error
    for name in content:
        if name not in NAMES:
            raise BadSetting(
                name=f"{name} in {path}", value=content[name], problem=f"there is no such setting; there are {', '.join(NAMES)}"
            )
    return content


def parse(name: str, source: str, value: str) -> object:
    """A setting's value from its text; `source` names it in the error."""
    return PARSERS.get(name, parse_path)(source, value)


def parse_path(source: str, value: str) -> Path:
    """A path, made absolute."""
    if not value:
        raise BadSetting(name=source, value=value, problem="it must be a path")
    return Path(value).expanduser().absolute()


def parse_address(source: str, value: str) -> Address | None:
    """`HOST:PORT`, or `none`."""
    if value.lower() == "none":
        return None
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise BadSetting(name=source, value=value, problem="it must be HOST:PORT, such as 127.0.0.1:7411, or `none`")
    return Address(host.strip("[]"), int(port))


def parse_addresses(source: str, value: str) -> tuple[Address, ...]:
    """Several of them, with commas between; `none`: none."""
    return tuple(one for one in (parse_address(source, each.strip()) for each in value.split(",")) if one)


def parse_webhook(source: str, value: str) -> Webhook:
    """A URL without name and password. What is refused is not repeated: its path may be a secret."""
    url = urlsplit(value)
    shown = f"{url.scheme}://..."
    try:
        port = url.port
    except ValueError:
        port = -1
    if url.scheme not in ("http", "https") or not url.hostname or port == -1 or not value.isascii() or not value.isprintable():
        raise BadSetting(name=source, value=shown, problem="it must be a URL, such as https://host/path")
    if " " in value or url.username is not None or url.password is not None:
        raise BadSetting(name=source, value=shown, problem="it must have no blanks, no name and no password")
    tls = url.scheme == "https"
    default = 443 if tls else 80
    if not tls and not Address(url.hostname, 0).is_loopback:
        raise BadSetting(name=source, value=shown, problem="beyond this machine it must be https")
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    return Webhook(url.hostname, default if port is None else port, path, tls)


def parse_words(source: str, value: str) -> tuple[str, ...]:
    """A program and its arguments, as a shell would take them apart."""
    try:
        words = tuple(shlex.split(value))
    except ValueError as error:
        raise BadSetting(name=source, value=value, problem=error) from None
    if not words:
        raise BadSetting(name=source, value=value, problem="it must be a program, and its first arguments")
    return words


def parse_size(source: str, value: str) -> int:
    """A number of bytes, with a unit such as MB or GiB or without; `none` or 0: no limit."""
    if value.strip().lower() in NO_LIMIT:
        return 0
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", value.strip())
    unit = SIZE_UNITS.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise BadSetting(name=source, value=value, problem="it must be a size, such as 500MB or 4GiB, or `none`")
    size = int(float(found[1]) * unit)
    if size < MIB:
        raise BadSetting(name=source, value=value, problem="it must be 1 MiB at least")
    return size


def parse_age(source: str, value: str) -> timedelta | None:
    """A number of days, hours, minutes or seconds, such as `30d` or `1d12h`; `none` or 0: no limit."""
    text = value.strip().lower()
    if text in NO_LIMIT:
        return None
    if not re.fullmatch(r"(\d{1,9}[wdhms])+", text):
        raise BadSetting(name=source, value=value, problem="it must be a time, such as 30d or 12h, or `none`")
    seconds = sum(int(number) * (AGE_UNITS[unit] // AGE_UNITS["s"]) for number, unit in re.findall(r"(\d+)([wdhms])", text))
    if seconds > MAX_AGE_SECONDS:
        raise BadSetting(name=source, value=value, problem="it must be 10 000 years at most, or `none`")
    age = timedelta(seconds=seconds)
    if age < AGE_UNITS["m"]:
        raise BadSetting(name=source, value=value, problem="it must be a minute at least")
    return age


PARSERS: Mapping[str, Callable[[str, str], object]] = {
    "grpc_address": parse_address,
    "web_address": parse_addresses,
    "max_session_bytes": parse_size,
    "max_total_bytes": parse_size,
    "max_age": parse_age,
    "ssh": parse_words,
    "notify": parse_words,
    "webhook": parse_webhook,
}
"""What reads a setting's text; where nothing is named, it is a path."""
