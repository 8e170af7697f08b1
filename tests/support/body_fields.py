"""The fields of request bodies of the REST interface, with bad values by kind of problem."""

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

TOO_LONG: Final = "too long"
WRONG_TYPE: Final = "of the wrong type"
WRONG_FORM: Final = "of the wrong form"
UNPRINTABLE: Final = "with a character that cannot be stored"
LINE_BREAK: Final = "with a line break where none may be"
KINDS: Final = (TOO_LONG, WRONG_TYPE, WRONG_FORM, UNPRINTABLE, LINE_BREAK)
LONGEST_EMAIL: Final = f"{'a' * 64}@{'b' * 61}.{'c' * 61}.{'d' * 60}.test"


@frozen(kw_only=True)
class Field:
    """Bad values of a field by kind of problem, and the longest valid value."""

    refused: Mapping[str, tuple[Any, ...]]
    longest: Any = None


def text(limit: int, fill: str = "x", *wrong: Any, lines: bool = False) -> Field:
    """A field of at most `limit` characters; values repeat `fill`. `lines` allows line breaks."""
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
    """A field of text in a certain format."""
    types: tuple[Any, ...] = (1, False, [valid], {"value": valid}, 0.5)
    return Field(
        refused={WRONG_TYPE: types, WRONG_FORM: wrong, UNPRINTABLE: unprintable(valid)},
        longest=valid,
    )


def unprintable(valid: str) -> tuple[str, ...]:
    """Texts with NUL, an unpaired surrogate, or another control character."""
    characters = ("\0", "\ud800", "\udfff", "\x07", "\x1b", "\x7f", "\x85", "\x9f")
    return tuple(f"{valid[:-1]}{character}{valid[-1]}" for character in characters)


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
        UNPRINTABLE: tuple([text] for text in unprintable("vip")),
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
REFUND_FIELDS = {"refundId": text(100, "r", "", "a b", "é"), "amount": MONEY, "refundedAt": MOMENT}
MEMBER_FIELDS = {
    "customerIds": Field(
        refused={
            WRONG_TYPE: ("x", 1, {}, True, [1], [None], [["x"]]),
            WRONG_FORM: ([], ["x"], [""]),
        }
    )
}
