"""The literals of row-level security."""

import pytest

from customers.adapters.postgres.engine.row_security import quoted


def test_a_literal_has_no_nul() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quoted("a\0b")
