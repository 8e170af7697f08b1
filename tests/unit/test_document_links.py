"""The links and paths of every document lead to something that exists."""

from pathlib import Path

import pytest

from tests.support.documents import (
    anchors,
    documents,
    links,
    missing_paths,
    name_of,
    paths,
    text_of,
)

EVERY_DOCUMENT = pytest.mark.parametrize("document", documents(), ids=name_of)


def test_there_are_links_and_paths_to_check() -> None:
    texts = [text_of(document) for document in documents()]
    assert sum(len(links(text)) for text in texts) > 30
    assert sum(len(paths(text)) for text in texts) > 60


@EVERY_DOCUMENT
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    for link in links(text_of(document)):
        target, _, anchor = link.partition("#")
        path = (document.parent / target) if target else document
        assert path.exists(), link
        assert not anchor or anchor in anchors(text_of(path)), link


@EVERY_DOCUMENT
def test_every_path_exists(document: Path) -> None:
    assert missing_paths(document) == []
