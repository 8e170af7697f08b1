"""Snapshots: dumps the states of all tenants as plain JSON values, and restores them.

A tenant is dumped as rows, without values that follow from other rows: statistics, indexes, stored
members. `restore` builds a state from the rows that are consistent with each other, dumps that
state, and refuses the rows that the second dump lacks. It does not check whether a possible history
leads to the rows: versions, the order of moments, refunds that exceed their order, earlier values
of customers, and whether members match their rule.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cattrs import BaseValidationError

from customers.adapters.memory.snapshot_converter import converter, problem_at, problems_of
from customers.adapters.memory.snapshot_rows import TenantRows, rows_of
from customers.adapters.memory.snapshot_state import state_of
from customers.adapters.memory.state import State
from customers.core.errors import InvalidValue, Problem
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.money import Currency
from customers.core.model.problems import Problems
from customers.core.model.tenant import Tenant

_MISSING: Final = object()
_MISFIT: Final = InvalidValue("INVALID_VALUE", "does not fit the rest of the snapshot")


def dump(states: Mapping[str, State], currency: Currency) -> dict[str, Any]:
    """The states by tenant as plain JSON values, sorted; tenants without data are left out."""
    tenants = {tenant_id: rows_of(state) for tenant_id, state in sorted(states.items())}
    unstructure = converter(currency).unstructure
    return {id: unstructure(rows) for id, rows in tenants.items() if rows != TenantRows()}


def restore(data: object, currency: Currency, at: JsonPointer) -> dict[str, State]:
    """The states by tenant. Raises Invalid with pointers to the bad places, below `at`.

    Contradictions between rows are reported only if every row is valid by itself.
    """
    problems, states = Problems(), {}
    structure, unstructure = converter(currency).structure, converter(currency).unstructure
    tenants: Mapping[str, TenantRows] = {}
    try:
        tenants = structure(data, Mapping[Tenant, TenantRows])  # type: ignore[type-abstract]
    except (InvalidValue, BaseValidationError) as error:
        problems.extend(problems_of(error, at))
    for tenant_id, rows in tenants.items():
        states[tenant_id] = state_of(rows, tenant_id, currency)
        rebuilt = unstructure(rows_of(states[tenant_id]))
        problems.extend(_misfits(unstructure(rows), rebuilt, at.below(tenant_id)))
    problems.raise_if_any()
    return states


def _misfits(data: Any, rebuilt: Any, at: JsonPointer) -> Iterator[Problem]:
    """One problem for each row or value of the data that the rebuilt data does not have."""
    if data == rebuilt:
        return
    if isinstance(data, dict) and isinstance(rebuilt, dict):
        for key, value in data.items():
            yield from _misfits(value, rebuilt.get(key, _MISSING), at.below(key))
    elif isinstance(data, list) and isinstance(rebuilt, list):
        unmatched = Counter(map(json.dumps, rebuilt))
        for index, row in enumerate(map(json.dumps, data)):
            unmatched[row] -= 1
            if unmatched[row] < 0:
                yield problem_at(at.below(index), _MISFIT)
    else:
        yield problem_at(at, _MISFIT)
