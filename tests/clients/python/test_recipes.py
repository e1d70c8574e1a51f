"""Recipes as files: what they say, and what is refused, with the file and the line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline import recipes, requests
from sightline.v1.session_pb2 import Command, Step, Worktree
from sightline.v1.session_service_pb2 import CreateRequest

WHOLE = """\
# everything that a recipe can say
name = "web-${BRANCH}"
cwd = "../src"
log_steps = true

[labels]
mode = "dev"

[env]
BRANCH = "main"
PORT = "80"

[[step]]
worktree = {branch = "${BRANCH}", path = "../${BRANCH}", base = "origin/main"}

[[step]]
source = "script:setup"
script = '''
[ -f x ]
timeout=3
echo ${PORT}
'''
cwd = "sub"
env = {CI = "1"}
timeout = "1m30s"
allow_failure = true

[[step]]
source = "docker"
argv = ["docker", "compose", "up", "${PORT}"]
timeout = 2.5

[command]
argv = ["npm", "start"]
terminal = "120x40"
"""


def parse(text: str, **variables: str) -> CreateRequest:
    return recipes.parse(text, Path("/home/recipes/shop.toml"), variables)


def test_all_that_a_recipe_says_is_in_the_request() -> None:
    made = parse(WHOLE, BRANCH="fix")
    assert (made.name, made.cwd, made.log_steps) == ("web-fix", "/home/src", True)
    assert dict(made.labels) == {"project": "shop", "mode": "dev"}
    assert dict(made.env) == {"BRANCH": "fix", "PORT": "80"}
    git, setup, docker = made.steps
    assert git == Step(source="git", worktree=Worktree(branch="fix", path="../fix", base="origin/main"))
    assert (setup.source, setup.cwd, dict(setup.env), setup.allow_failure) == ("script:setup", "sub", {"CI": "1"}, True)
    assert setup.script == "[ -f x ]\ntimeout=3\necho ${PORT}\n", "a script's variables are its own affair"
    assert setup.timeout.ToMilliseconds() == 90_000
    assert (list(docker.argv.argv), docker.timeout.ToMilliseconds()) == (["docker", "compose", "up", "${PORT}"], 2500)
    assert list(made.command.argv) == ["npm", "start"]
    assert (made.command.terminal.columns, made.command.terminal.rows) == (120, 40)


def test_the_recipe_of_the_docs_is_one() -> None:
    page = (Path(__file__).parents[3] / "docs" / "recipes.md").read_text()
    made = parse(page.partition("```toml\n")[2].partition("```")[0], BRANCH="fix")
    assert [step.source for step in made.steps] == ["git", "script:setup", "docker"]
    assert made.steps[0].worktree.path == "../shop-fix"


def test_little_is_needed() -> None:
    made = parse('[[step]]\nworktree = "fix"\n')
    assert list(made.steps) == [Step(source="git", worktree=Worktree(branch="fix"))]
    assert not made.HasField("command")
    made = parse('[command]\nargv = ["a"]\nterminal = true\nstdin = true\n[labels]\nproject = "mine"\n')
    assert made.command.HasField("terminal")
    assert made.command.stdin == Command.STDIN_OPEN
    assert made.labels["project"] == "mine"


@pytest.mark.parametrize(
    ("changed", "by", "line", "words"),
    [
        ("log_steps = true", "log_step = true", 4, "there is no key 'log_step'; there are name, cwd, log_steps, labels"),
        ("timeout = 2.5", "tiemout = 2.5", 31, "there is no key 'tiemout' in step 3; there are source, argv"),
        ("allow_failure = true", 'allow_failure = "yes"', 26, "`allow_failure` of step 2 must be true or false"),
        ('"1m30s"', '"soon"', 25, "`timeout` of step 2 must be a time such as 30s"),
        ("2.5", "-1", 31, "`timeout` of step 3 must be"),
        ("2.5", "true", 31, "`timeout` of step 3 must be"),
        ('base = "origin/main"', 'bsae = "x"', 14, "there is no key 'bsae' in step 1; there are path, branch, base"),
        ('branch = "${BRANCH}"', 'branch = "${BRNCH}"', 14, "`${BRNCH}` is no variable of its [env], which has BRANCH, PORT"),
        ('branch = "${BRANCH}", ', "", 14, "it needs its branch"),
        ('["docker", "compose", "up", "${PORT}"]', '"docker compose up"', 30, "`argv` of step 3 must be a list of texts"),
        ('["npm", "start"]', "[]", 34, "`argv` of command must be a list of texts"),
        ('"120x40"', '"large"', 35, "`terminal` of command must be true, false, or a size"),
        ('"80"', "80", 11, "`PORT` of env must be a text, in quotes"),
        ('{CI = "1"}', "{CI = 1}", 24, "`CI` of step 2 must be a text, in quotes"),
        ('source = "docker"\n', "", 28, "the step has no `source`"),
        ('argv = ["docker", "compose", "up", "${PORT}"]', "", 28, "a step is one of argv, script, worktree; it has none"),
        ('source = "docker"', 'script = "x"\nsource = "docker"', 28, "it has argv and script"),
        ('[[step]]\nsource = "docker"', '[[steps]]\nsource = "docker"', 28, "there is no key 'steps'"),
        ('mode = "dev"', 'mode = "dev', 7, "it is no TOML"),
        ("[command]", "[command]\nholder = 1", 34, "there is no key 'holder' in command; there are argv, terminal, stdin"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_with_what_is_allowed(changed: str, by: str, line: int, words: str) -> None:
    assert WHOLE.count(changed) == 1
    with pytest.raises(recipes.RecipeError) as raised:
        parse(WHOLE.replace(changed, by))
    assert (raised.value.line, str(raised.value).partition(": ")[0]) == (line, f"/home/recipes/shop.toml, line {line}")
    assert words in str(raised.value)


@pytest.mark.parametrize("text", ["", "name = 'x'", "step = 1", "step = [1]", "command = 1", "[[step]]\nworktree = 1"])
def test_what_is_no_recipe_at_all_is_refused(text: str) -> None:
    with pytest.raises(recipes.RecipeError):
        parse(text)


def test_a_variable_that_there_is_not_is_refused() -> None:
    with pytest.raises(recipes.RecipeError, match=r"no variable 'PROT' in its \[env\]: it has BRANCH, PORT"):
        parse(WHOLE, PROT="1")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*recipes.TOP, *recipes.STEP, *recipes.WORKTREE, "other"]), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_nothing_but_a_recipe_error_comes_of_any_content(content: object) -> None:
    reader = recipes._Reader("", Path("/r.toml"))
    table = content if isinstance(content, dict) else {"step": content}
    try:
        reader.request(table, {})
    except recipes.RecipeError:
        return


def test_a_project_is_in_the_home_and_a_path_is_anywhere(tmp_path: Path) -> None:
    environ = {"SIGHTLINE_HOME": str(tmp_path)}
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "web.toml").write_text('[command]\nargv = ["in-home"]\n')
    (tmp_path / "mine.toml").write_text('[command]\nargv = ["elsewhere"]\n')
    assert list(recipes.load("web", environ=environ).command.argv) == ["in-home"]
    assert list(recipes.load(f"{tmp_path}/mine.toml").command.argv) == ["elsewhere"]
    assert list(recipes.load(tmp_path / "mine.toml").command.argv) == ["elsewhere"]
    with pytest.raises(recipes.RecipeError, match="there is no such recipe; there are web"):
        recipes.load("wbe", environ=environ)
    with pytest.raises(recipes.RecipeError, match="cannot be read"):
        recipes.load(tmp_path / "recipes")
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(recipes.RecipeError, match="cannot be read"):
        recipes.load(tmp_path / "bytes.toml")


def test_arguments_are_put_over_what_the_recipe_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "of-the-caller")
    recipe = parse(WHOLE)

    def create(**given: object) -> CreateRequest:
        fields = {"name": "", "terminal": None, "stdin_open": False, "cwd": None, "env": None, "labels": None, "request_id": None}
        return requests.create(None, **(fields | given), recipe=recipe)  # type: ignore[arg-type]

    made = create()
    assert (made.name, made.cwd, made.env["PORT"]) == ("web-main", "/home/src", "80")
    assert (made.command.terminal.columns, made.command.stdin) == (120, Command.STDIN_NULL)
    assert made.clear_env
    first = Step(source="git", worktree=Worktree(branch="x"))
    made = create(name="n", cwd="/", env={"PORT": "1"}, labels={"mode": "prod"}, steps=[first], terminal=(10, 5))
    assert (made.name, made.cwd, dict(made.env)) == ("n", "/", {"BRANCH": "main", "PORT": "1"})
    assert dict(made.labels) == {"project": "shop", "mode": "prod"}
    assert (made.steps[0], len(made.steps), made.command.terminal.columns) == (first, 4, 10)
