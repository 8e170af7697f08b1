"""JSON pointers (RFC 6901): where a value stands in a JSON document."""

from attrs import frozen


@frozen
class JsonPointer:
    """A place in a JSON value, by the keys and positions that lead to it."""

    keys: tuple[str | int, ...] = ()

    def below(self, *keys: str | int) -> "JsonPointer":
        return JsonPointer(self.keys + keys)

    @property
    def pointer(self) -> str:
        """RFC 6901. Half a surrogate pair, which cannot be shown, becomes a question mark."""
        return "".join(f"/{_shown(key).replace('~', '~0').replace('/', '~1')}" for key in self.keys)

    @property
    def field(self) -> str:
        """For people: `conditions[0].value`."""
        named = (f"[{key}]" if isinstance(key, int) else f".{_shown(key)}" for key in self.keys)
        return "".join(named).removeprefix(".")


def _shown(key: str | int) -> str:
    return str(key).encode("utf-8", "replace").decode("utf-8")
