"""JSON pointers (RFC 6901): the location of a value in a JSON document."""

from attrs import frozen


@frozen
class JsonPointer:
    """The location of a value in a JSON document: the keys and indexes that lead to it."""

    keys: tuple[str | int, ...] = ()

    def below(self, *keys: str | int) -> "JsonPointer":
        return JsonPointer(self.keys + keys)

    @property
    def pointer(self) -> str:
        """The RFC 6901 text, with question marks for unpaired surrogates."""
        return "".join(
            f"/{_encodable(key).replace('~', '~0').replace('/', '~1')}" for key in self.keys
        )

    @property
    def field(self) -> str:
        """The location in dotted form: `conditions[0].value`."""
        parts = (f"[{key}]" if isinstance(key, int) else f".{_encodable(key)}" for key in self.keys)
        return "".join(parts).removeprefix(".")


def _encodable(key: str | int) -> str:
    return str(key).encode("utf-8", "replace").decode("utf-8")
