"""All tables: each module adds its own to the metadata when it is imported."""

from customers.adapters.postgres.schema import (
    access_tables,
    deployment_tables,
    ledger_tables,
    owned_tables,
    segment_tables,
    statistics_table,
    tables,
)
from customers.adapters.postgres.schema.types import metadata

MODULES = (
    tables,
    statistics_table,
    owned_tables,
    ledger_tables,
    segment_tables,
    access_tables,
    deployment_tables,
)
METADATA = metadata
