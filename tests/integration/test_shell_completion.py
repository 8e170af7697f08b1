"""Shell completion, switched on as docs/operations.md says."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.service_process import COMMAND

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def documented(shell: str) -> str:
    """The line of the documentation for this shell."""
    [line] = re.findall(rf"^{shell}: `(.*)`$", OPERATIONS.read_text().replace("- ", ""), re.M)
    return str(line)


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(COMMAND[0]).parent}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("customers se", ["serve", "settings"]),
        ("customers doctor se", ["segments"]),
        ("customers serve --po", ["--port", "--pool-size", "--pool-timeout", "--pooler"]),
        ("customers work", []),
    ],
)
def test_bash_completes_commands_and_options(words: str, completions: list[str]) -> None:
    script = f"""
        {documented("bash").partition(" >> ")[0].removeprefix("echo '").removesuffix("'")}
        COMP_WORDS=({words}); COMP_CWORD={len(words.split()) - 1}
        _customers_completion customers 2>/dev/null
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    command = ["bash", "--norc", "-c", script]
    printed = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert printed.stdout.split() == completions


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_documented_line_for_other_shells_prints_a_script_of_the_command(shell: str) -> None:
    variable = re.search(rf"_CUSTOMERS_COMPLETE={shell}_source", documented(shell))
    assert variable is not None
    name, _, value = variable[0].partition("=")
    environ = {**environment(), name: value}
    printed = subprocess.run(COMMAND, env=environ, capture_output=True, text=True, check=True)
    assert "_customers_completion" in printed.stdout
