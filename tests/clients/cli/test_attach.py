"""`attach`: a person's terminal on a session, and every way out."""

from __future__ import annotations

import signal

import pytest
from clients.cli.program import Sightline, Terminal, until

PROMPT = rb"READY> "
SHELL = ("--env", "PS1=READY> ", "--env", "ENV=", "--", "sh")


def at_a_shell(served: Sightline, name: str = "shell") -> Terminal:
    """A terminal that is attached to a new session with a shell."""
    terminal = served.on_terminal("run", "--tty", "--name", name, *SHELL)
    terminal.expect(PROMPT)
    return terminal


def test_what_is_typed_goes_there_and_its_exit_code_comes_back(served: Sightline) -> None:
    terminal = at_a_shell(served)
    terminal.type(b"echo $((40+2))\r")
    terminal.expect(rb"42\r\n")
    terminal.type(b"exit 5\r")
    terminal.expect(rb"\[sightline\] shell failed with exit code 5")
    assert terminal.ended() == 5
    assert terminal.is_restored()


def test_the_key_that_leaves_leaves_it_running(served: Sightline) -> None:
    terminal = at_a_shell(served)
    terminal.type(b"\x1d")
    terminal.expect(rb"sightline attach shell")
    assert terminal.ended() == 0
    assert terminal.is_restored()
    assert served.state("shell") != "SESSION_STATE_ENDED"


def test_who_comes_later_sees_the_screen_and_goes_on_from_there(served: Sightline) -> None:
    first = at_a_shell(served)
    first.type(b"echo it was $((40+2))\r")
    first.expect(rb"\nit was 42\r")
    second = served.on_terminal("attach", "shell", "--detach-key", "^q")
    second.expect(rb"it was 42.*" + PROMPT)
    second.type(b"echo now $((1+2))\r")
    second.expect(rb"now 3")
    first.expect(rb"now 3")
    second.type(b"\x11")
    assert second.ended() == 0
    assert first.process.poll() is None


def test_the_session_has_the_size_of_the_window_and_follows_it(served: Sightline) -> None:
    terminal = served.on_terminal("run", "--tty", "--name", "shell", *SHELL, columns=101, rows=31)
    terminal.expect(PROMPT)
    terminal.type(b"stty size\r")
    terminal.expect(rb"\n31 101\r")
    terminal.resize(90, 25)
    until(lambda: '"columns": 90, "rows": 25' in served.out("show", "shell", "--json"), "the new size")
    terminal.type(b"stty size\r")
    terminal.expect(rb"25 90")


def test_a_key_before_the_end_of_a_paste_is_not_lost(served: Sightline) -> None:
    terminal = at_a_shell(served)
    terminal.type(b"cat > /dev/null\r" + b"x" * 1000 + b"\r\x04echo $((40+2))\r")
    terminal.expect(rb"42\r\n")


def test_a_server_that_dies_is_waited_for_and_what_was_typed_meanwhile_arrives(served: Sightline) -> None:
    terminal = at_a_shell(served)
    served.kill_server()
    terminal.expect(rb"\x1b\]2;shell: the server went away")
    terminal.type(b"echo $((40+2))\r")
    served.serve()
    terminal.expect(rb"42\r\n")


def test_a_signal_restores_the_terminal(served: Sightline) -> None:
    terminal = at_a_shell(served)
    terminal.type(b"printf '\\033[?1049h\\033[?1000hfull\\n'\r")
    terminal.expect(rb"\x1b\[\?1000hfull")
    terminal.signal(signal.SIGTERM)
    terminal.expect(rb"\x1b\[\?1000l\x1b\[\?1049l")
    assert terminal.ended() == 128 + signal.SIGTERM
    assert terminal.is_restored()


def test_questions_of_the_program_do_not_reach_the_persons_terminal(served: Sightline) -> None:
    terminal = at_a_shell(served)
    terminal.type(b"printf 'a\\033[6n\\033]11;?\\007\\033[cb\\n'; sleep 0.2; echo done\r")
    shown = terminal.expect(rb"\nab\r\n.*done\r\n" + PROMPT)[0]
    assert b"\x1b[6n" not in shown
    assert b"\x1b]11;?" not in shown
    assert b"\x1b[c" not in shown
    terminal.type(b"\x1d")
    terminal.ended()


def test_attach_needs_a_session_with_a_terminal_that_lives(served: Sightline) -> None:
    served.run("run", "-d", "--name", "web", "--", "sleep", "60")
    served.run("run", "--tty", "--name", "gone", "--", "true")
    for name, hint in (("web", rb"web has no terminal"), ("gone", rb"gone has ended"), ("nobody", rb"no session 'nobody'")):
        terminal = served.on_terminal("attach", name)
        terminal.expect(rb"sightline: [^\n]*" + hint)
        assert terminal.ended() == 1
    assert b"needs a terminal" in served.run("attach", "web", code=1).stderr


def test_without_a_server_it_attaches_too_and_leaving_must_be_meant(alone: Sightline) -> None:
    terminal = alone.on_terminal("run", "--tty", "--name", "shell", *SHELL)
    terminal.expect(rb"no server runs.*" + PROMPT)
    terminal.type(b"\x1d")
    terminal.expect(rb"leaving ends shell")
    terminal.type(b"\x1d")
    terminal.expect(rb"shell was ended")
    assert terminal.ended() == 130
    assert terminal.is_restored()


def test_run_with_a_terminal_and_nobody_on_it_follows_the_bytes(served: Sightline) -> None:
    done = served.run("run", "--tty", "--name", "shell", "--", "sh", "-c", r"printf 'a\033[31mb\n'; exit 3", code=3)
    assert done.stdout == b"a\x1b[31mb\r\n"
    assert served.run("watch", "shell", "--from-start").stdout == done.stdout


def test_snapshot_and_resize_from_outside(served: Sightline) -> None:
    served.run("create", "--tty", "--size", "40x10", "--name", "shell", *SHELL)
    until(lambda: "READY>" in served.out("snapshot", "shell"), "the prompt")
    served.run("send", "shell", "stty size", "--enter")
    until(lambda: "\n10 40\n" in served.out("snapshot", "shell"), "the size")
    served.run("resize", "shell", "50x12")
    served.run("send", "shell", "stty size", "--enter")
    until(lambda: "\n12 50\n" in served.out("snapshot", "shell"), "the new size")
    assert b"READY>" in served.run("snapshot", "shell", "--ansi").stdout
    served.run("send", "shell", "--key", "C-d")
    served.run("wait", "shell", "--timeout", "10s")


@pytest.mark.parametrize("command", ["snapshot", "resize"])
def test_a_command_in_pipes_has_no_screen(served: Sightline, command: str) -> None:
    served.run("run", "-d", "--name", "web", "--", "sleep", "60")
    done = served.run(command, "web", *(["80x24"] if command == "resize" else []), code=1)
    assert b"session 'web' has no terminal" in done.stderr
