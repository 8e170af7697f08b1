"""docs/privacy.md has the map of personal data, and what an erasure does not reach."""

import re

from sqlalchemy import Table

from customers.adapters.postgres.schema.all_tables import METADATA
from customers.adapters.postgres.schema.personal_columns import has_removed_rows, is_personal
from customers.core.model.erasure import NOT_REACHED
from tests.support.documents import ROOT, text_of

PAGE = text_of(ROOT / "docs/privacy.md")
MAP = re.compile(r"<!-- The map: [^\n]*-->\n(.*)\n<!-- The end of the map", re.DOTALL)


def columns_of(table: Table) -> str:
    """The personal columns of a table, listed as "all but" the others if those are fewer."""
    personal = [column.name for column in table.columns if is_personal(column)]
    others = [column.name for column in table.columns if not is_personal(column)]
    if len(personal) <= len(others):
        return ", ".join(map("`{}`".format, personal)) or "none"
    return "all but " + ", ".join(map("`{}`".format, others))


def row_of(table: Table) -> str:
    """The row of a table in the map."""
    personal = columns_of(table)
    if has_removed_rows(table):
        effect = "the customer's rows are removed"
    else:
        effect = "the row is kept" if personal == "none" else "emptied; the row is kept"
    return f"| `{table.name}` | {personal} | {effect} |"


def expected_map() -> str:
    tables = sorted(METADATA.sorted_tables, key=lambda table: table.name)
    of_customers = [table for table in tables if _is_of_customers(table)]
    head = "| table | personal columns | an erasure |\n|---|---|---|"
    return "\n".join([head, *map(row_of, of_customers)])


def _is_of_customers(table: Table) -> bool:
    is_refund = "refund_id" in table.columns
    return table.name == "customers" or "customer_id" in table.columns or is_refund


def test_the_page_has_the_map_of_the_code() -> None:
    match = MAP.search(PAGE)
    assert match is not None
    assert match[1] == expected_map(), f"replace the map by:\n{expected_map()}"


def test_every_table_with_a_personal_column_is_in_the_map() -> None:
    for table in METADATA.sorted_tables:
        if any(map(is_personal, table.columns)):
            assert f"\n| `{table.name}` |" in PAGE


def test_the_page_says_how_long_that_is_kept_which_an_erasure_does_not_reach() -> None:
    for name in NOT_REACHED:
        assert re.search(rf"^\| [a-z ]*{name}[^|]*\|[^|]+\|[^|]+\|", PAGE, re.MULTILINE), name
