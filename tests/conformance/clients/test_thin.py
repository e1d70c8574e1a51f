"""What is written by hand around the stubs of a language stays thin: what stubs lack, and no rules that are the server's."""

from __future__ import annotations

import re

import pytest
from conformance.clients.roster import CLIENTS, Client

MAX_LINES = 300
NO_CODE = re.compile(
    r"""/\*.*?\*/ | ^[ \t]*//.*?$                                 # comments on lines of their own
      | ^import\s*\(.*?^\) | ^[ \t]*(?:import|package)\b[^;\n]*;?$  # Go, Java
      | ^(?:import|export)\b[^;]*?\bfrom\b[^;]*; | ^(?:pub\ )?use\b[^;]*;  # TypeScript, Rust
    """,
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)


@pytest.mark.parametrize("client", [one for one in CLIENTS.values() if one.layer], ids=str)
def test_the_layer_around_the_stubs_is_thin(client: Client) -> None:
    files = [path for path in client.cwd.glob(client.layer) if not path.stem.endswith("_test")]
    assert len(files) >= 3, "the layer is not where clients.toml says"
    lines = [line for path in files for line in NO_CODE.sub("", path.read_text()).splitlines() if line.strip()]
    print(f"{client}: {len(lines)} lines")  # noqa: T201 - for who asks
    assert len(lines) <= MAX_LINES
