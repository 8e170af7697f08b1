"""Parameters of query strings: finds the texts of a parameter, and reads them through its gate."""

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeAlias

from attrs import frozen

from customers.core.errors import InvalidValue, Problem
from customers.core.model.problems import Problems
from customers.core.model.values import Gate
from customers.entrypoints.http.gates import CountGate

# The texts of a query string by the snake_case names of the parameters.
Texts: TypeAlias = Mapping[str, Sequence[str]]
# The most items of a list in a query. A longer list is refused, and only its first item is read.
MAX_ITEMS = 100


@frozen(kw_only=True)
class Parameter:
    """One parameter. `name` is in snake_case, and `description` is for OpenAPI.

    With `keeps_empty`, an empty parameter has the empty text as its value, and not the default.
    """

    name: str
    gate: Gate
    default: Any = None
    description: str = ""
    is_list: bool = False
    is_required: bool = False
    keeps_empty: bool = False

    def texts(self, params: Texts, problems: Problems) -> list[str]:
        """The texts of the parameter that are not blank: the items of a list, else at most one.

        Adds a problem if a parameter that is not a list has several.
        """
        values = params.get(self.name, ())
        if self.is_list:
            return [item for value in values for item in value.split(",") if item.strip()]
        filled = values if self.keeps_empty else [value for value in values if value.strip()]
        if len(filled) > 1:
            self.refuse("INVALID_VALUE", "must be given once", problems)
        return [value for value in filled[:1] if value.strip()]

    def read(self, params: Texts, problems: Problems) -> Any:
        """The value; without one the default, or an empty list. Adds a problem if it is invalid."""
        texts = self.texts(params, problems)
        if self.is_list:
            if not texts and any(value.strip() for value in params.get(self.name, ())):
                self.refuse("INVALID_VALUE", "must have a value, not only commas", problems)
            texts = self._counted(texts, problems)
            # An invalid item remains in the list, so that no cursor matches these filters.
            return tuple(self.convert(text, text, problems) for text in texts)
        if texts:
            return self.convert(texts[0], self.default, problems)
        return "" if self.keeps_empty and self.name in params else self.default

    def _counted(self, texts: list[str], problems: Problems) -> list[str]:
        """The items of a list; only the first item, and a problem, if there are too many."""
        if len(texts) <= MAX_ITEMS:
            return texts
        self.refuse("MAX_LENGTH", f"must have at most {MAX_ITEMS} items", problems)
        return texts[:1]

    def convert(self, text: str, fallback: Any, problems: Problems) -> Any:
        """The value of one text; the fallback, and a problem, if the gate refuses the text."""
        try:
            return self.gate.read(text)
        except InvalidValue as error:
            self.refuse(error.code, error.message, problems)
            return fallback

    def refuse(self, code: str, message: str, problems: Problems) -> None:
        problems.extend([Problem(field=self.name, message=message, code=code)])


@frozen
class PageSize:
    """The parameters `page_size` and `limit`, which must agree if both are given."""

    page_size: Parameter
    limit: Parameter
    max_size: int
    default: int

    @classmethod
    def of(cls, *, default: int, max_size: int) -> Self:
        """A default above the maximum stands for all items."""
        text = f"Items per page; values above {max_size:,} are treated as {max_size:,}."
        shown = default if default <= max_size else None
        if shown is None:
            text += " Without it and `cursor`, all items are listed."
        page_size, limit = (
            Parameter(name=name, gate=CountGate(), default=shown, description=description)
            for name, description in (("page_size", text), ("limit", "Same as `page_size`."))
        )
        return cls(page_size, limit, max_size, default)

    def read(self, params: Texts, problems: Problems) -> int:
        own = Problems()
        names = [(name, name.texts(params, own)) for name in (self.page_size, self.limit)]
        sizes = {name.convert(texts[0], self.default, own) for name, texts in names if texts}
        if len(sizes) > 1 and not own:
            self.limit.refuse("INVALID_VALUE", "must agree with page_size", own)
        problems.extend(own)
        return min(*sizes, self.max_size) if sizes else self.default
