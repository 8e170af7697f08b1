"""Makes instances of frozen attrs classes in a third of the time that their `__init__` takes.

The `__init__` of a frozen class sets each attribute through `object.__setattr__`, which is slow.
Here the attributes are assigned to a draft, an instance of a mutable class with the same slots,
whose `__class__` then becomes the frozen one; Python allows this for two classes with the same
slots.
"""

from typing import Any

from attrs import Attribute, fields


def draft_of(model: type[Any]) -> type[Any] | None:
    """The class of drafts; when all fields of one are assigned, its `__class__` becomes `model`.

    None unless the model has slots for its fields, no slot for weak references, and an `__init__`
    that only sets the fields.
    """
    names, slots = {field.name for field in _fields(model)}, vars(model).get("__slots__", ())
    if not _only_sets_fields(model) or "__weakref__" in slots or not names.issubset(slots):
        return None
    return type(f"{model.__name__}Draft", (), {"__slots__": slots})


def _only_sets_fields(model: type[Any]) -> bool:
    has_hook = hasattr(model, "__attrs_pre_init__") or hasattr(model, "__attrs_post_init__")
    return not has_hook and all(map(_is_plain, _fields(model)))


def _is_plain(field: "Attribute[Any]") -> bool:
    return field.init and field.validator is None and field.converter is None


def _fields(model: type[Any]) -> Any:
    return fields(model)
