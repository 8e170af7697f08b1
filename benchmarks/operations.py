"""The measured operations, as requests of one tenant."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import quote, urlencode

from attrs import field, frozen

from benchmarks import pgbench, sample_data
from benchmarks.wrk import UNIQUE, Request
from customers.adapters.postgres.customers.profiles import PROFILE
from customers.adapters.postgres.customers.single_orders import RECORD_ORDER
from customers.adapters.postgres.engine.statements import Statement
from customers.core.model.query import SortField

CUSTOMERS = "/api/v1/customers"
SORTS = tuple(sort.value for sort in SortField if sort is not SortField.LIFETIME_VALUE)
REQUESTS = 2_000
CONNECTIONS = 16
HOT_CONNECTIONS = 32
BATCH_CONNECTIONS = 2
HOT = 7


@frozen(kw_only=True)
class Tenant:
    """A tenant full of customers; `cursors` has the cursor of a deep page by sort field."""

    id: str
    size: int
    cursors: Mapping[str, str] = field(factory=dict)

    def numbers(self, *, step: int = 1) -> list[int]:
        return sample_data.spread_numbers(REQUESTS, self.size, step=step)


@frozen(kw_only=True)
class Operation:
    """An operation and its requests.

    `batch` is the number of orders in a call over gRPC; each of them counts as a request.
    `is_flat`: its cost must not depend on the size of the tenant. `statement` returns the script
    with which pgbench runs its statement alone.
    """

    name: str
    requests: Callable[[Tenant], Sequence[Request]]
    connections: int = CONNECTIONS
    is_flat: bool = False
    is_rpc: bool = False
    batch: int = 1
    statement: Callable[[Tenant], str] | None = None


def operations() -> list[Operation]:
    return [*_reads(), *_lists(), *_filtered(), *_searches(), *_writes(), *_orders()]


def _reads() -> Iterator[Operation]:
    def by_id(step: int) -> Callable[[Tenant], list[Request]]:
        return lambda tenant: [
            _get(tenant, f"/{sample_data.customer_id(number)}")
            for number in tenant.numbers(step=step)
        ]

    def batch(tenant: Tenant) -> list[Request]:
        numbers = tenant.numbers()
        parts = (numbers[begin : begin + 100] for begin in range(0, len(numbers), 100))
        return [
            _get(
                tenant,
                "/batch",
                ids=",".join(str(sample_data.customer_id(number)) for number in part),
            )
            for part in parts
        ]

    def communications(tenant: Tenant) -> list[Request]:
        numbers = tenant.numbers(step=sample_data.EVERY_TENTH)
        return [
            _get(tenant, f"/{sample_data.customer_id(number)}/communications") for number in numbers
        ]

    yield Operation(name="get by id", requests=by_id(1), is_flat=True, statement=_profile)
    yield Operation(
        name="get by id, with addresses", requests=by_id(sample_data.EVERY_TENTH), is_flat=True
    )
    yield Operation(name="batch of 100", requests=batch, is_flat=True)
    yield Operation(name="communications of a customer", requests=communications, is_flat=True)


def _lists() -> Iterator[Operation]:
    for sort in SORTS:
        yield _list(f"list by {sort}, page 1", sort_by=sort, page="1")
    for sort in SORTS:
        yield _list(f"list by {sort}, page 50", sort_by=sort, page="50")
    for sort in SORTS:
        yield _list(f"list by {sort}, first cursor", sort_by=sort, cursor="")
    for sort in SORTS:
        yield Operation(name=f"list by {sort}, deep cursor", requests=_deep(sort), is_flat=True)


def _filtered() -> Iterator[Operation]:
    for sort in SORTS:
        yield _list(f"list by {sort}, of a status", sort_by=sort, status="INACTIVE")
    for sort in SORTS:
        yield _list(f"list by {sort}, of a type", sort_by=sort, customer_type="VIP")
    yield _list("list, of a tag", flat=False, tags="vip")
    yield _list("list, of a tag, by cursor", tags="vip", cursor="")
    yield _list("list, of a spend", flat=False, min_total_spent="1000")
    yield _list("list, of a spend, by cursor", min_total_spent="1000", cursor="")
    for name, query in _FILTERS.items():
        yield Operation(name=f"list, {name}, by cursor", requests=_filtered_by(query), is_flat=True)


def _searches() -> Iterator[Operation]:
    def by_email(tenant: Tenant) -> list[Request]:
        return [_get(tenant, search=sample_data.email(number)) for number in tenant.numbers()]

    def by_phone(tenant: Tenant) -> list[Request]:
        phones = map(sample_data.phone, tenant.numbers())
        return [_get(tenant, search=phone.replace(" ", ".")) for phone in phones if phone]

    def by_words(tenant: Tenant) -> list[Request]:
        names = map(sample_data.name, tenant.numbers())
        return [_get(tenant, search=f"{last} {first}", cursor="") for first, last in names]

    def by_order(tenant: Tenant) -> list[Request]:
        return [_get(tenant, search=f"ORD-{number}") for number in tenant.numbers()]

    yield Operation(name="search, a phone number", requests=by_phone)
    yield Operation(name="search, last name and first name", requests=by_words)
    yield Operation(name="search, an order number", requests=by_order, is_flat=True)
    yield Operation(name="search, a whole e-mail", requests=by_email, is_flat=True)
    yield _list("search, three letters, rare", search=sample_data.RARE)
    yield _list("search, no hit", search=sample_data.NOBODY)
    yield _list("search, three letters, common", flat=False, search=sample_data.COMMON)
    yield _list("search, three letters, common, by cursor", search=sample_data.COMMON, cursor="")


def _writes() -> Iterator[Operation]:
    def create(tenant: Tenant) -> list[Request]:
        return [_register(tenant, f"new-{UNIQUE}@example.test")]

    def existing(tenant: Tenant) -> list[Request]:
        return [_register(tenant, sample_data.email(number)) for number in tenant.numbers()]

    def put(tenant: Tenant) -> list[Request]:
        return _requests(tenant, "PUT", "", {"notes": f"called {UNIQUE}"})

    def note(tenant: Tenant) -> list[Request]:
        return _requests(tenant, "POST", "/notes", {"note": "Called back, will order next week."})

    yield Operation(name="create, new", requests=create)
    yield Operation(name="create, existing", requests=existing)
    yield Operation(name="change (PUT)", requests=put)
    yield Operation(name="add a note", requests=note)


def _orders() -> Iterator[Operation]:
    def record(tenant: Tenant) -> list[Request]:
        return _requests(tenant, "POST", "/record-order", _order(UNIQUE))

    def duplicate(tenant: Tenant) -> list[Request]:
        requests = (
            _request(tenant, number, "POST", "/record-order", _order(f"again-{number}"))
            for number in tenant.numbers()
        )
        return list(requests)[:200]

    def hot(tenant: Tenant) -> list[Request]:
        return [_request(tenant, HOT, "POST", "/record-order", _order(UNIQUE))]

    yield Operation(name="record-order", requests=record, statement=_record_order)
    yield Operation(name="record-order, gRPC", requests=record, is_rpc=True)
    yield Operation(
        name="record-orders of 1,000, gRPC",
        requests=record,
        connections=BATCH_CONNECTIONS,
        is_rpc=True,
        batch=1_000,
    )
    yield Operation(name="record-order, a duplicate", requests=duplicate)
    yield Operation(
        name="record-order, one customer",
        requests=hot,
        connections=HOT_CONNECTIONS,
        statement=_record_hot_order,
    )


def _filtered_by(query: Mapping[str, str]) -> Callable[[Tenant], list[Request]]:
    return lambda tenant: [_get(tenant, **query, cursor="")]


_FILTERS: Mapping[str, Mapping[str, str]] = {
    "of a country": {"country_code": "DE"},
    "of a rare country": {"country_code": sample_data.RARE_COUNTRY},
    "of a country without customers": {"country_code": "NZ"},
    "with consent": {"marketing_opt_in": "true"},
    "verified, with an account, in a rare country": {
        "email_verified": "true",
        "has_account": "true",
        "country_code": sample_data.RARE_COUNTRY,
    },
    "of an e-mail address": {"email": sample_data.email(7)},
    "changed lately": {"updated_from": "2026-01-01", "updated_to": "2026-01-02"},
    "with a last order of a day": {"last_order_from": "2025-06-01", "last_order_to": "2025-06-01"},
    "of many orders": {"min_total_orders": "9"},
    "of too many orders": {"min_total_orders": "1000"},
    "deleted": {"deleted": "only"},
    "deleted or not": {"deleted": "include"},
}


def _list(name: str, *, flat: bool = True, **query: str) -> Operation:
    return Operation(name=name, requests=lambda tenant: [_get(tenant, **query)], is_flat=flat)


def _deep(sort: str) -> Callable[[Tenant], list[Request]]:
    return lambda tenant: [_get(tenant, sort_by=sort, cursor=tenant.cursors[sort])]


def _get(tenant: Tenant, path: str = "", **query: str) -> Request:
    query_string = f"?{urlencode(query, quote_via=quote)}" if query else ""
    return Request(tenant=tenant.id, path=f"{CUSTOMERS}{path}{query_string}")


def _requests(tenant: Tenant, method: str, path: str, body: object) -> list[Request]:
    return [_request(tenant, number, method, path, body) for number in tenant.numbers()]


def _request(tenant: Tenant, number: int, method: str, path: str, body: object) -> Request:
    path = f"{CUSTOMERS}/{sample_data.customer_id(number)}{path}"
    return Request(tenant=tenant.id, path=path, method=method, body=body)


def _register(tenant: Tenant, email: str) -> Request:
    body = {"email": email, "firstName": "Ada", "lastName": "Lovelace", "countryCode": "GB"}
    return Request(tenant=tenant.id, path=CUSTOMERS, method="POST", body=body)


def _order(order_id: str) -> dict[str, object]:
    return {"orderId": order_id, "totalAmount": 12.5}


def _profile(tenant: Tenant) -> str:
    return _script(tenant, PROFILE, {"id": _ID}, tenant.size)


def _record_order(tenant: Tenant) -> str:
    return _script(tenant, RECORD_ORDER, _ORDER_VALUES, tenant.size)


def _record_hot_order(tenant: Tenant) -> str:
    return _script(tenant, RECORD_ORDER, _ORDER_VALUES, HOT, low=HOT)


def _script(
    tenant: Tenant, statement: Statement, values: Mapping[str, str], high: int, *, low: int = 1
) -> str:
    arguments = {"tenant_id": f"'{tenant.id}'", **values}
    return pgbench.script(statement, arguments, numbers=f"random({low}, {high})")


_ID = f"('{str(sample_data.customer_id(0))[:24]}' || lpad(to_hex(:n::bigint), 12, '0'))::uuid"
_ORDER_VALUES = {
    "id": _ID,
    "order_id": "gen_random_uuid()::text",
    "order_number": "''",
    "total_amount": "12.5",
    "order_date": "now()",
    "order_date_stated": "false",
    "refunds_total": "0",
    "cancelled_at": "NULL",
    "recorded_at": "now()",
    "now": "now()",
    "unit": "0.01",
    "units": "100",
}
