"""Random commands for tests that send the same ones to several services.

A command names a resource by a slot, such as `{address}`, and a number; which resource that is
depends on the answers so far. So a list of commands is data and shrinks well.
"""

from collections.abc import Mapping
from typing import Any

from attrs import define, field, frozen
from hypothesis import strategies as st

from customers.core.model.query import SortField

UNKNOWN = "0190b2f0-0000-7000-8000-00000000ffff"

Body = Mapping[str, Any]


@frozen(kw_only=True)
class Command:
    """A request; `picks` choose among the known resources of its slots.

    The clock moves forward by `seconds` before it.
    """

    method: str
    path: str
    body: Body | None = None
    headers: Mapping[str, str] = {}
    picks: tuple[int, ...] = (0, 0, 0)
    seconds: int = 0

    def path_of(self, resources: "KnownResources") -> str:
        return resources.resolve(self.path, self.picks)

    def body_of(self, resources: "KnownResources") -> Body | None:
        """The body, with the slots of its customer ids filled in."""
        if self.body is None:
            return None
        return {
            key: [resources.resolve(slot, self.picks) for slot in value]
            if isinstance(value, list) and key == "customerIds"
            else value
            for key, value in self.body.items()
        }


@define
class KnownResources:
    """The paths of created resources, by slot."""

    paths: dict[str, list[str]] = field(factory=dict)

    def resolve(self, text: str, picks: tuple[int, ...]) -> str:
        """The text with each slot filled in, by an unknown id if there is no such resource."""
        for slot, pick in zip(_SLOTS, picks * len(_SLOTS), strict=False):
            paths = self.paths.get(slot) or [_SLOTS[slot].format(UNKNOWN)]
            path = paths[pick % len(paths)]
            text = text.replace(f"{{{slot}}}", path)
            text = text.replace(f"{{{slot}.id}}", path.rpartition("/")[2])
        return text

    def learn(self, path: str, answer: Any) -> None:
        """Remembers the resource in an answer, if its path is that of a list of resources."""
        resource = answer.get("data", answer) if isinstance(answer, dict) else None
        slot = _SLOT_OF.get(path.rpartition("/")[2])
        if slot is None or not isinstance(resource, dict) or "id" not in resource:
            return
        paths = self.paths.setdefault(slot, [])
        if (new := f"{path}/{resource['id']}") not in paths:
            paths.append(new)


_SLOTS = {
    "address": f"/customers/{UNKNOWN}/addresses/{{}}",
    "method": f"/customers/{UNKNOWN}/payment-methods/{{}}",
    "note": f"/customers/{UNKNOWN}/notes/{{}}",
    "communication": f"/customers/{UNKNOWN}/communications/{{}}",
    "segment": "/customers/segments/{}",
    "customer": "/customers/{}",
}
_SLOT_OF = {
    "addresses": "address",
    "payment-methods": "method",
    "notes": "note",
    "communications": "communication",
    "segments": "segment",
    "customers": "customer",
}

_emails = st.sampled_from(["a@example.test", "A@example.test", "b+x@example.test", "\u00c9@x.test"])
_emails |= st.sampled_from(["\u00e9@x.test", "c@example.test", "d@example.test", "nonsense"])
_names = st.sampled_from(["Ann", "ann", "\u00c9va", "Stra\u00dfe", "100%_", "Noa", " ", "x" * 101])
_moments = st.sampled_from(
    [f"2025-0{month}-15T10:00:00Z" for month in range(1, 10)]
    + ["2026-01-15", "2026-01-01T10:00:00"]
)
_amounts = st.sampled_from([0, 1, 9.99, 10, 33.330000000000005, 100, 0.005, -1, "12.50", "x"])
_flags = st.sampled_from([True, False, None])
_order_ids = st.sampled_from(["o1", "o2", "o3", "o4", "a/b"])
_tags = st.lists(st.sampled_from(["vip", "VIP", "new", "b"]), max_size=3)
_statuses = st.sampled_from(["ACTIVE", "inactive", "BLOCKED", "GONE"])
_sorts = st.sampled_from(SortField).map(str)
_rules = st.sampled_from(
    [
        None,
        [],
        {"conditions": [{"field": "total_spent", "operator": "gte", "value": 10}]},
        [{"field": "tags", "operator": "has_any", "value": ["vip"]}],
        {"logic": "NOT", "rules": [{"field": "firstName", "operator": "equals", "value": "ann"}]},
        [{"field": "days_since_last_order", "operator": "gt", "value": 30}],
        [{"field": "nobody", "operator": "knows", "value": 1}],
    ]
)


def _body(required: Mapping[str, Any], optional: Mapping[str, Any]) -> st.SearchStrategy[Body]:
    return st.fixed_dictionaries(dict(required), optional=dict(optional))


_optional_fields = {
    "phone": st.sampled_from(["+1 555", "", None, "no phone"]),
    "country": _names,
    "countryCode": st.sampled_from(["us", "DE", "USA", ""]),
    "dateOfBirth": st.sampled_from(["1990-01-31", "1990-01-31T00:00:00Z", "1990-02-30", None]),
    "customerType": st.sampled_from(["RETAIL", "vip", "OTHER"]),
    "marketingOptIn": _flags,
    "tags": _tags,
    "notes": st.sampled_from(["", "one\r\ntwo", None]),
}
_customer = _body(
    {"email": _emails, "firstName": _names, "lastName": _names},
    _optional_fields | {"userId": st.sampled_from([UNKNOWN, UNKNOWN.upper(), "x", None])},
)
_update = _body(
    {},
    _optional_fields
    | {"email": _emails, "firstName": _names, "lastName": _names, "status": _statuses},
)
_address_kind = {
    "addressType": st.sampled_from(["SHIPPING", "billing", "BOTH", ""]),
    "isDefault": _flags,
}
_address_lines = {"addressLine1": _names, "city": _names, "postalCode": _names}
_country_field = {"country": st.sampled_from(["us", "DE"])}
_method = _body(
    {
        "paymentGateway": st.sampled_from(["stripe", "adyen"]),
        "gatewayPaymentMethodId": st.sampled_from(["pm_1", "pm_2", "pm_3", "4111111111111111"]),
        "paymentType": st.sampled_from(["card", "UPI", "gold"]),
    },
    {"isDefault": _flags, "expiryMonth": st.sampled_from([1, 12, 13, None])},
)
_communication = _body(
    {
        "communicationType": st.sampled_from(["email", "sms"]),
        "direction": st.sampled_from(["inbound", "OUTBOUND"]),
    },
    {"externalId": st.sampled_from(["e1", "e2", ""]), "subject": _names},
)
_status_change = _body(
    {"status": st.sampled_from(["delivered", "opened", "clicked", "failed", "sent"])}, {}
)
_order = _body(
    {"orderId": _order_ids, "totalAmount": _amounts},
    {"orderDate": _moments, "orderNumber": _names, "currency": st.sampled_from(["USD", "EUR"])},
)
_refund = _body({"refundId": st.sampled_from(["r1", "r2"]), "amount": _amounts}, {})
_segment = _body(
    {"name": st.sampled_from(["Big", "big", "Manual", "Other"])},
    {
        "isDynamic": _flags,
        "segmentType": st.sampled_from(["STATIC", "dynamic"]),
        "isActive": _flags,
        "rules": _rules,
        "description": _names,
    },
)
_members = _body({"customerIds": st.just(["{customer.id}"])}, {})
_reason = _body({"reason": st.sampled_from(["because of a reason", "short"])}, {})
_list = st.builds(
    "?search={}&status={}&tags={}&sort_by={}&sort_order={}&page={}&page_size={}".format,
    st.sampled_from(["", "ann", "example.test", "b+x@example", "%25", "%C3%A9", "555"]),
    st.sampled_from(["", "active", "ACTIVE,BLOCKED"]),
    st.sampled_from(["", "", "vip"]),
    _sorts,
    st.sampled_from(["asc", "desc"]),
    st.sampled_from([1, 2, 9]),
    st.sampled_from([1, 3, 20]),
)
_walk = st.builds("?cursor=&sort_by={}&page_size={}".format, _sorts, st.sampled_from([1, 100]))
_no_body: st.SearchStrategy[Body | None] = st.none()

_calls: list[tuple[int, str, str, st.SearchStrategy[Any]]] = [
    (6, "POST", "/customers", _customer),
    (2, "GET", "{customer}", _no_body),
    (2, "PUT", "{customer}", _update),
    (2, "PATCH", "{customer}", _update),
    (1, "DELETE", "{customer}", _no_body),
    (1, "POST", "{customer}/restore", _no_body),
    (1, "POST", "{customer}/lock", _reason),
    (1, "POST", "{customer}/unlock", _reason),
    (1, "GET", "/customers/batch?ids={customer.id},{segment.id}", _no_body),
    (4, "POST", "{customer}/addresses", _body(_address_lines | _country_field, _address_kind)),
    (1, "GET", "{customer}/addresses", _no_body),
    (2, "PUT", "{address}", _body({}, _address_kind | _country_field)),
    (1, "PATCH", "{address}", _no_body),
    (1, "DELETE", "{address}", _no_body),
    (3, "POST", "{customer}/payment-methods", _method),
    (1, "GET", "{customer}/payment-methods", _no_body),
    (1, "PATCH", "{method}", _body({}, {"isDefault": _flags, "isActive": _flags})),
    (1, "DELETE", "{method}", _no_body),
    (2, "POST", "{customer}/notes", _body({"note": _names}, {})),
    (1, "GET", "{customer}/notes?limit=1", _no_body),
    (1, "DELETE", "{note}", _no_body),
    (2, "POST", "{customer}/communications", _communication),
    (1, "GET", "{customer}/communications?type=email", _no_body),
    (1, "PATCH", "{communication}", _status_change),
    (6, "POST", "{customer}/record-order", _order),
    (2, "POST", "{customer}/orders/o1/refunds", _refund),
    (1, "POST", "{customer}/orders/a%2Fb/refunds", _refund),
    (1, "POST", "{customer}/orders/o2/cancel", _no_body),
    (1, "GET", "{customer}/orders", _no_body),
    (3, "POST", "/customers/segments", _segment),
    (2, "PUT", "{segment}", _segment),
    (1, "GET", "/customers/segments", _no_body),
    (1, "GET", "{segment}/customers", _no_body),
    (1, "DELETE", "{segment}", _no_body),
    (2, "POST", "{segment}/customers", _members),
    (1, "DELETE", "{segment}/customers", _members),
    (1, "GET", "{customer}/segments", _no_body),
]
_picks = st.tuples(*[st.integers(0, 5)] * len(_SLOTS))
_headers = st.sampled_from([{}, {}, {"If-Match": '"1"'}, {"X-User-ID": UNKNOWN}])


def _call(method: str, path: str, bodies: st.SearchStrategy[Any]) -> st.SearchStrategy[Command]:
    return st.builds(
        Command,
        method=st.just(method),
        path=st.just(path),
        body=bodies,
        headers=_headers,
        picks=_picks,
        seconds=st.sampled_from([0, 1, 3600, 86400 * 20]),
    )


def commands() -> st.SearchStrategy[Command]:
    """One command of any kind; creations are more frequent than removals."""
    weighted = [
        _call(method, path, body) for weight, method, path, body in _calls for _ in range(weight)
    ]
    queries = (_list | _walk).map("/customers{}".format)
    listing = st.builds(Command, method=st.just("GET"), path=queries)
    erasing = _call("DELETE", "{customer}?mode=erase", _no_body)
    return st.one_of(*weighted, listing, listing, listing, erasing)
