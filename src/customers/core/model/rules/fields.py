"""The fields that rules can use, the kinds of fields, and the operators of each kind.

Operands are in `operands`, the meaning of operators in `matches`.
"""

from enum import Enum, StrEnum, auto


class Kind(Enum):
    TEXT = auto()
    CHOICE = auto()
    NUMBER = auto()
    AGE = auto()
    MOMENT = auto()
    DATE = auto()
    FLAG = auto()
    SET = auto()


class Field(StrEnum):
    """A field of a customer that rules can use, by its snake_case name."""

    EMAIL = "email"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    PHONE = "phone"
    COUNTRY = "country"
    COUNTRY_CODE = "country_code"
    NOTES = "notes"
    STATUS = "status"
    CUSTOMER_TYPE = "customer_type"
    TOTAL_ORDERS = "total_orders"
    TOTAL_SPENT = "total_spent"
    AVERAGE_ORDER_VALUE = "average_order_value"
    LIFETIME_VALUE = "lifetime_value"
    DAYS_SINCE_CREATED = "days_since_created"
    DAYS_SINCE_FIRST_ORDER = "days_since_first_order"
    DAYS_SINCE_LAST_ORDER = "days_since_last_order"
    CREATED_AT = "created_at"
    FIRST_ORDER_DATE = "first_order_date"
    LAST_ORDER_DATE = "last_order_date"
    DATE_OF_BIRTH = "date_of_birth"
    MARKETING_OPT_IN = "marketing_opt_in"
    EMAIL_VERIFIED = "email_verified"
    HAS_ACCOUNT = "has_account"
    TAGS = "tags"

    @property
    def kind(self) -> Kind:
        return _KINDS[self]


class Operator(StrEnum):
    """A test of a field, with or without an operand, by its snake_case name."""

    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"
    IN = "in"
    NOT_IN = "not_in"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    BEFORE = "before"
    AFTER = "after"
    WITHIN_LAST_DAYS = "within_last_days"
    MORE_THAN_DAYS_AGO = "more_than_days_ago"
    HAS_ANY = "has_any"
    HAS_ALL = "has_all"
    HAS_NONE = "has_none"
    IS_TRUE = "is_true"
    IS_FALSE = "is_false"
    IS_EMPTY = "is_empty"
    IS_NOT_EMPTY = "is_not_empty"


# A missing value satisfies these operators and no others, as documented for callers.
HOLD_WHEN_MISSING = frozenset(
    {Operator.NEQ, Operator.NOT_IN, Operator.NOT_CONTAINS, Operator.HAS_NONE, Operator.IS_EMPTY}
)


def operators_of(kind: Kind) -> tuple[Operator, ...]:
    return _OPERATORS[kind]


def field_named(name: str) -> Field | None:
    """The field with that name, ignoring case and underscores; None for an unknown name."""
    return _FIELD_NAMES.get(_normalized(name))


def operator_named(name: str) -> Operator | None:
    """The operator with that name or legacy name, ignoring case and underscores, or None."""
    return _OPERATOR_NAMES.get(_normalized(name))


def _normalized(name: str) -> str:
    return name.strip().replace("_", "").lower()


def _operators(names: str) -> tuple[Operator, ...]:
    return tuple(map(Operator, names.split()))


_NUMBERS = "eq neq gt gte lt lte between in not_in"
_EMPTINESS = "is_empty is_not_empty"
_OPERATORS = {
    Kind.TEXT: _operators(
        f"eq neq contains not_contains starts_with ends_with in not_in {_EMPTINESS}"
    ),
    Kind.CHOICE: _operators("eq neq in not_in"),
    Kind.NUMBER: _operators(_NUMBERS),
    Kind.AGE: _operators(f"{_NUMBERS} {_EMPTINESS}"),
    Kind.MOMENT: _operators(
        f"before after between within_last_days more_than_days_ago {_EMPTINESS}"
    ),
    Kind.DATE: _operators(f"before after between {_EMPTINESS}"),
    Kind.FLAG: _operators("eq neq is_true is_false"),
    Kind.SET: _operators(f"contains not_contains has_any has_all has_none {_EMPTINESS}"),
}
_FIELDS = {
    Kind.TEXT: "email first_name last_name phone country country_code notes",
    Kind.CHOICE: "status customer_type",
    Kind.NUMBER: "total_orders total_spent average_order_value lifetime_value",
    Kind.AGE: "days_since_created days_since_first_order days_since_last_order",
    Kind.MOMENT: "created_at first_order_date last_order_date",
    Kind.DATE: "date_of_birth",
    Kind.FLAG: "marketing_opt_in email_verified has_account",
    Kind.SET: "tags",
}
_KINDS = {Field(name): kind for kind, names in _FIELDS.items() for name in names.split()}
# Legacy names that differ by more than case and underscores.
_ALIASES = {
    "equals": Operator.EQ,
    "notequals": Operator.NEQ,
    "greaterthan": Operator.GT,
    "greaterthanorequal": Operator.GTE,
    "lessthan": Operator.LT,
    "lessthanorequal": Operator.LTE,
    "isnull": Operator.IS_EMPTY,
}
_FIELD_NAMES = {_normalized(field): field for field in Field}
_OPERATOR_NAMES = {_normalized(operator): operator for operator in Operator} | _ALIASES
