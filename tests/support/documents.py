"""The documents of the repository, and the links, anchors, paths, code and tables in them."""

import re
from itertools import takewhile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_PARTS = ("testkit", "examples")
# Documents write paths from the root, from their own folder, or from one of these folders.
_ROOMS = tuple(
    Path("src/customers", room)
    for room in ("", "adapters", "adapters/postgres", "entrypoints", "entrypoints/http")
)
# Folders that commands create.
_ELSEWHERE = (".bench/", ".venv/", "dist/")


def documents() -> list[Path]:
    """The Markdown files of the root and of some folders, and the READMEs of _PARTS."""
    folders = ("docs", "src", "tools", "benchmarks")
    nested = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.md"))]
    return [*sorted(ROOT.glob("*.md")), *(ROOT / name / "README.md" for name in _PARTS), *nested]


def name_of(document: Path) -> str:
    """The path of a document from the root, as the name of a test case."""
    return document.relative_to(ROOT).as_posix()


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def links(text: str) -> list[str]:
    """The targets of links and pictures inside the repository, with their anchors."""
    targets = re.findall(r"\]\(([^)\s]+)\)", _without_blocks(text))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", _without_blocks(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def paths(text: str) -> list[str]:
    """The paths of files and folders in code spans, such as `core/model/order.py`."""
    spans = re.findall(r"`([\w.-]+(?:/[\w.-]+)*/?)`", _without_blocks(text))
    return [span for span in spans if "/" in span]


def missing_paths(document: Path) -> list[str]:
    """The paths in a document that do not exist, except those in _ELSEWHERE."""
    rooms = (ROOT, document.parent, *(ROOT / room for room in _ROOMS))
    return [
        path
        for path in paths(text_of(document))
        if not path.startswith(_ELSEWHERE) and not any((room / path).exists() for room in rooms)
    ]


def code(text: str) -> str:
    """The blocks of shell commands and the code spans of a document, joined by line breaks."""
    blocks = re.findall(r"^```(?:bash|sh)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", _without_blocks(text))])


def _without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def table(text: str, *, first_column: str) -> list[list[str]]:
    """The cells of each row, without the heading, of the table whose first column has that name."""
    lines = text.splitlines()
    start = next(
        place for place, line in enumerate(lines) if line.startswith(f"| {first_column} |")
    )
    rows = takewhile(lambda line: line.startswith("|"), lines[start + 2 :])
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
