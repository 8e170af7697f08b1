"""No value in a log line has a name under which every value is redacted."""

import ast
from collections.abc import Iterator

from customers.entrypoints.observability.redaction import redact
from tests.support.documents import ROOT


def names_in_log_lines() -> Iterator[tuple[str, str]]:
    """The names of the values in calls of the logger, each after the name of its file."""
    for file in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("logger()."):
                yield from ((file.name, one.arg) for one in node.keywords if one.arg)


def test_no_value_in_a_line_is_always_redacted() -> None:
    names = list(names_in_log_lines())
    assert len(names) > 20
    assert [one for one in names if redact(one[1], "text") != "text"] == []
