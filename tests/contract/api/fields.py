"""Every body that the REST interface takes: its fields, and values of each that are refused.

The values of one field are listed by what is wrong with them. What a refusal looks like stays in
the contract of bad input.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from attrs import field, frozen

from tests.api import Api
from tests.contract.api.steps import (
    ADDRESS,
    COMMUNICATION,
    NOTE,
    REASON,
    a_communication,
    a_method,
    a_segment,
    an_address,
    an_order,
    new_customer,
    new_method,
)

TOO_LONG: Final = "too long"
WRONG_TYPE: Final = "of the wrong type"
WRONG_FORM: Final = "of the wrong form"
UNPRINTABLE: Final = "with a character that cannot be kept"
LINE_BREAK: Final = "with a line break where none may be"
KINDS: Final = (TOO_LONG, WRONG_TYPE, WRONG_FORM, UNPRINTABLE, LINE_BREAK)
LONGEST_EMAIL: Final = f"{'a' * 64}@{'b' * 61}.{'c' * 61}.{'d' * 60}.test"

Place = Callable[[Api, str], Awaitable[str]]


@frozen(kw_only=True)
class Field:
    """What is refused of one field, by what is wrong with it, and what just passes."""

    refused: Mapping[str, tuple[Any, ...]]
    longest: Any = None


@frozen(kw_only=True)
class Target:
    """A body: where it is sent for the customer at some path, what it holds, what may be bad."""

    method: str
    place: Place
    body: Mapping[str, Any] = field(factory=dict)
    fields: Mapping[str, Field]


def text(limit: int, fill: str = "x", *wrong: Any, lines: bool = False) -> Field:
    """Text of at most so many characters, which are all `fill` where they are many."""
    refused = {
        TOO_LONG: (fill * (limit + 1), f" {fill * (limit + 1)} "),
        WRONG_TYPE: (1, True, ["text"], {"text": 1}, 1.5),
        UNPRINTABLE: unprintable(fill * 10),
    }
    if wrong:
        refused[WRONG_FORM] = wrong
    if not lines:
        refused[LINE_BREAK] = (f"{fill * 10}\n{fill}", f"{fill * 10}\r\n{fill}", f"{fill}\t{fill}")
    return Field(refused=refused, longest=fill * limit)


def form(valid: str, *wrong: Any) -> Field:
    """Text that has to look in some way."""
    types: tuple[Any, ...] = (1, False, [valid], {"value": valid}, 0.5)
    return Field(
        refused={WRONG_TYPE: types, WRONG_FORM: wrong, UNPRINTABLE: unprintable(valid)},
        longest=valid,
    )


def unprintable(valid: str) -> tuple[str, ...]:
    """Text with NUL, a lone surrogate, and control characters of each block."""
    marks = ("\0", "\ud800", "\udfff", "\x07", "\x1b", "\x7f", "\x85", "\x9f")
    return tuple(f"{valid[:-1]}{mark}{valid[-1]}" for mark in marks)


FLAG = Field(refused={WRONG_TYPE: ("true", 0, 1, "", [], {})}, longest=True)


def whole(valid: int, *wrong: Any) -> Field:
    types: tuple[Any, ...] = (str(valid), True, [valid], {}, valid + 0.5)
    return Field(refused={WRONG_TYPE: types, WRONG_FORM: wrong}, longest=valid)


MONEY = Field(
    refused={
        WRONG_TYPE: (True, [1], {"amount": 1}),
        WRONG_FORM: ("ten", "1,50", "", "0x10", "1_0", "NaN", "Infinity", "\u0661", "1 0", "+-1"),
    }
)
MOMENT = form(
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01",
    "2026-02-30T00:00:00Z",
    "2026-01-01T25:00:00Z",
    "yesterday",
    "1767225600",
)
BIRTH = form("1990-01-31", "1990-02-30", "31.01.1990", "19900131", "1990-1-1", "1990", "x")
ID = form(
    "0190b2f0-0000-7000-8000-000000000001",
    "x",
    "",
    "0190b2f0000070008000000000000001",
    "{0190b2f0-0000-7000-8000-000000000001}",
    "0190b2f0-0000-7000-8000-00000000000g",
)
TAGS = Field(
    refused={
        TOO_LONG: ([f"tag {number}" for number in range(51)], ["x" * 101]),
        WRONG_TYPE: ("vip", {"vip": True}, 1, [1], [["vip"]], [None]),
        UNPRINTABLE: tuple([each] for each in unprintable("vip")),
        LINE_BREAK: (["v\nip"],),
    },
    longest=[f"{number:0100}" for number in range(50)],
)
EMAIL = Field(
    refused={
        TOO_LONG: (f"a{LONGEST_EMAIL}", f"{'a' * 60}@{'b.' * 97}test"),
        WRONG_TYPE: (1, True, ["a@example.test"], {"email": "a@example.test"}),
        WRONG_FORM: (
            "ada",
            "@example.test",
            "ada@",
            "a b@example.test",
            "a@b@example.test",
            "a@-x",
        ),
        UNPRINTABLE: unprintable("ada@example.test"),
        LINE_BREAK: ("ada\n@example.test",),
    },
    longest=LONGEST_EMAIL,
)
COUNTRY = form("US", "USA", "U", "U1", "1!")

CREATE = {
    "email": EMAIL,
    "firstName": text(100),
    "lastName": text(100),
    "phone": text(50, "1", "call me", "1;2", "#1"),
    "dateOfBirth": BIRTH,
    "country": text(100),
    "countryCode": COUNTRY,
    "avatarUrl": text(500),
    "customerType": form("VIP", "GOLD", "RETAIL,VIP"),
    "marketingOptIn": FLAG,
    "tags": TAGS,
    "notes": text(10_000, lines=True),
}
UPDATE = CREATE | {"status": form("INACTIVE", "DELETED", "ACTIVE,BLOCKED")}
ADDRESS_FIELDS = {
    "addressType": form("BOTH", "HOME"),
    "isDefault": FLAG,
    "label": text(50),
    "firstName": text(100),
    "lastName": text(100),
    "company": text(255),
    "addressLine1": text(255),
    "addressLine2": text(255),
    "city": text(100),
    "state": text(100),
    "postalCode": text(20),
    "country": COUNTRY,
    "phone": text(50, "1", "call me"),
}
EXPIRY = {
    "expiryMonth": whole(12, 0, 13, -1, 10**30),
    "expiryYear": whole(2100, 1999, 2101, -2030, 10**30),
    "isDefault": FLAG,
    "isActive": FLAG,
}
METHOD_FIELDS = EXPIRY | {
    "paymentGateway": text(50),
    "gatewayPaymentMethodId": text(255),
    "paymentType": form("upi", "cash"),
    "cardBrand": text(20),
    "lastFour": form("4242", "424", "42424", "abcd", "\uff14242"),
}
COMMUNICATION_FIELDS = {
    "communicationType": form("call", "fax"),
    "direction": form("inbound", "sideways"),
    "subject": text(255),
    "content": text(100_000, lines=True),
    "externalId": text(255),
}
SEGMENT_FIELDS = {
    "name": text(100),
    "description": text(1_000, lines=True),
    "isDynamic": FLAG,
    "isActive": FLAG,
    "segmentType": form("STATIC", "MANUAL"),
}
REASON_FIELDS = {"reason": text(500, "x", "too short", "         x         ", lines=True)}
ORDER_FIELDS = {
    "orderId": text(100, "o", "", "a b", "é"),
    "orderNumber": text(100),
    "totalAmount": MONEY,
    "orderDate": MOMENT,
}
REFUND_FIELDS = {
    "refundId": text(100, "r", "", "a b", "é"),
    "amount": MONEY,
    "refundedAt": MOMENT,
}
MEMBER_FIELDS = {
    "customerIds": Field(
        refused={
            WRONG_TYPE: ("x", 1, {}, True, [1], [None], [["x"]]),
            WRONG_FORM: ([], ["x"], [""]),
        }
    )
}


def below(part: str) -> Place:
    """A place under the customer's own path."""

    async def place(api: Api, customer: str) -> str:
        return customer + part

    return place


async def _customers(api: Api, customer: str) -> str:
    return "/customers"


async def _address(api: Api, customer: str) -> str:
    return f"{customer}/addresses/{(await an_address(api, customer))['id']}"


async def _method(api: Api, customer: str) -> str:
    return f"{customer}/payment-methods/{(await a_method(api, customer))['id']}"


async def _communication(api: Api, customer: str) -> str:
    return f"{customer}/communications/{(await a_communication(api, customer))['id']}"


async def _blocked(api: Api, customer: str) -> str:
    await api.post(f"{customer}/lock", REASON)
    return f"{customer}/unlock"


async def _refunds(api: Api, customer: str) -> str:
    await an_order(api, customer, "o-1", 10)
    return f"{customer}/orders/o-1/refunds"


async def _segments(api: Api, customer: str) -> str:
    return "/customers/segments"


async def _segment(api: Api, customer: str) -> str:
    return f"/customers/segments/{(await a_segment(api))['id']}"


async def _members(api: Api, customer: str) -> str:
    return await _segment(api, customer) + "/customers"


TARGETS: Final = {
    "a new customer": Target(
        method="POST", place=_customers, body=new_customer(), fields=CREATE | {"userId": ID}
    ),
    "PUT of a customer": Target(method="PUT", place=below(""), fields=UPDATE),
    "PATCH of a customer": Target(method="PATCH", place=below(""), fields=UPDATE),
    "a lock": Target(method="POST", place=below("/lock"), body=REASON, fields=REASON_FIELDS),
    "an unlock": Target(method="POST", place=_blocked, body=REASON, fields=REASON_FIELDS),
    "a new address": Target(
        method="POST", place=below("/addresses"), body=ADDRESS, fields=ADDRESS_FIELDS
    ),
    "PUT of an address": Target(method="PUT", place=_address, fields=ADDRESS_FIELDS),
    "PATCH of an address": Target(method="PATCH", place=_address, fields=ADDRESS_FIELDS),
    "a new payment method": Target(
        method="POST", place=below("/payment-methods"), body=new_method(), fields=METHOD_FIELDS
    ),
    "PATCH of a payment method": Target(method="PATCH", place=_method, fields=EXPIRY),
    "a new note": Target(
        method="POST",
        place=below("/notes"),
        body=NOTE,
        fields={"note": text(10_000, "x", "", "  ", lines=True)},
    ),
    "a new communication": Target(
        method="POST",
        place=below("/communications"),
        body=COMMUNICATION,
        fields=COMMUNICATION_FIELDS,
    ),
    "PATCH of a communication": Target(
        method="PATCH",
        place=_communication,
        fields={"status": form("delivered", "", "lost", "sent,failed")},
    ),
    "an order": Target(
        method="POST",
        place=below("/record-order"),
        body={"orderId": "o-1", "totalAmount": 1},
        fields=ORDER_FIELDS,
    ),
    "a refund": Target(
        method="POST",
        place=_refunds,
        body={"refundId": "r-1", "amount": 1},
        fields=REFUND_FIELDS,
    ),
    "a new segment": Target(
        method="POST", place=_segments, body={"name": "Big"}, fields=SEGMENT_FIELDS
    ),
    "PUT of a segment": Target(method="PUT", place=_segment, fields=SEGMENT_FIELDS),
    "new members": Target(
        method="POST", place=_members, body={"customerIds": []}, fields=MEMBER_FIELDS
    ),
    "members who leave": Target(
        method="DELETE", place=_members, body={"customerIds": []}, fields=MEMBER_FIELDS
    ),
}
