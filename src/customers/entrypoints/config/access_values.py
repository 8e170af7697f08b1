"""The types of the access settings; their parsers raise errors as in `setting_parsers`."""

import json
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Self

import yaml
from attrs import frozen

from customers.core.errors import InvalidValue
from customers.core.model.permissions import NO_PERMISSIONS, Permissions, permissions_named
from customers.core.model.principal import EVERY_TENANT, Tenants
from customers.core.model.roles import BUILT_IN_ROLES, Roles, SubjectRoles
from customers.core.model.tenant import TenantGate
from customers.entrypoints.config.quoting import may_be_secret, quoted

_MODES = ("gateway", "jwt")
_MAPPED = IPv6Network("::ffff:0:0/96")
# What PyYAML raises, beside errors of its own, for such as 2020-13-45, !!int "" and !!bool x.
_UNREADABLE = (
    yaml.YAMLError,
    ValueError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RecursionError,
)
_MAX_ROLES_BYTES = 1024 * 1024


@frozen
class AuthModes:
    """How callers are authenticated: by a gateway, by tokens or both; without names not at all."""

    names: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        names = tuple(part.strip().lower() for part in text.split(","))
        if names == ("none",):
            return cls()
        if not set(names) <= set(_MODES):
            raise ValueError("is not a way to authenticate: use none, gateway, jwt, or gateway,jwt")
        return cls(tuple(name for name in _MODES if name in names))

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def __bool__(self) -> bool:
        return bool(self.names)

    def __str__(self) -> str:
        return ",".join(self.names) or "none"


@frozen
class Networks:
    """Ranges of IP addresses. A range of IPv4 addresses that are mapped to IPv6 is one of IPv4,
    since the addresses of callers are compared as such.
    """

    ranges: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            return cls(tuple(_network(part.strip()) for part in text.split(",")))
        except ValueError:
            raise ValueError(
                "is not a list of address ranges, such as 10.0.0.0/8,192.168.1.1/32"
            ) from None

    def __str__(self) -> str:
        return ",".join(map(str, self.ranges))


def _network(text: str) -> IPv4Network | IPv6Network:
    """The network of a text. Raises ValueError."""
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        address = int(network.network_address) - int(_MAPPED.network_address)
        return IPv4Network((address, network.prefixlen - _MAPPED.prefixlen))
    return network


@frozen
class PermissionNames:
    """Permissions by their names."""

    names: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        if text == str(cls()):
            return cls()
        names = tuple(filter(None, (part.strip() for part in text.split(","))))
        try:
            _permissions(names)
        except ValueError:
            if may_be_secret(text):
                raise ValueError("is not a list of permissions") from None
            raise
        return cls(names)

    @property
    def permissions(self) -> Permissions:
        return _permissions(self.names)

    def __str__(self) -> str:
        return ",".join(self.names) or "none"


@frozen
class Names:
    """Names that are separated by commas; `none` stands for no name at all."""

    names: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        if text == str(cls()):
            return cls()
        return cls(tuple(filter(None, (part.strip() for part in text.split(",")))))

    def __str__(self) -> str:
        return ",".join(self.names) or "none"


@frozen
class RolesFile:
    """A file with roles, and the subjects that have them."""

    path: Path
    roles: Roles

    @classmethod
    def parse(cls, text: str) -> Self:
        path = Path(text)
        try:
            content = path.read_bytes()[: _MAX_ROLES_BYTES + 1]
        except (OSError, ValueError):
            raise ValueError("is not an existing file") from None
        if len(content) > _MAX_ROLES_BYTES:
            raise ValueError("is too large for a file of roles")
        return cls(path, _roles(_document(content)))

    def __str__(self) -> str:
        return str(self.path)


class _Repetition(yaml.YAMLError):
    """A mapping has a name twice; the message completes a sentence that starts with the file."""


class _Loader(yaml.SafeLoader):
    """A safe loader that raises _Repetition, where PyYAML would let the last of two values win."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        names: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in names:
                line = key.start_mark.line + 1
                raise _Repetition(f"gives {quoted(key.value)} twice: again in line {line}")
            names.add(key.value)
        return node


def _document(content: bytes) -> object:
    """The value of a YAML file. Raises ValueError."""
    try:
        return yaml.load(content, _Loader)  # noqa: S506 - a safe loader
    except _Repetition as error:
        raise ValueError(str(error)) from None
    except _UNREADABLE:
        raise ValueError("is not a YAML file that can be read") from None


def _roles(document: object) -> Roles:
    sections = _mapping(document, "the file", ("roles", "subjects"))
    roles = BUILT_IN_ROLES
    if "roles" in sections:
        roles = {
            name: _permissions_of(name, names)
            for name, names in _named(sections["roles"], "roles").items()
        }
    subjects = {
        name: _subject(name, entry, roles.keys())
        for name, entry in _named(sections.get("subjects"), "subjects").items()
    }
    return Roles(permissions=roles, subjects=subjects)


def _permissions_of(role: str, value: object) -> Permissions:
    names = _texts(value, f"roles.{role}")
    try:
        return _permissions(names)
    except ValueError as error:
        raise ValueError(f"has a role {json.dumps(role)} that {error}") from None


def _subject(subject: str, entry: object, known_roles: Any) -> SubjectRoles:
    place = f"subjects.{subject}"
    values = _mapping(entry, place, ("roles", "tenants"))
    roles = _texts(values.get("roles", []), f"{place}.roles")
    if unknown := set(roles) - set(known_roles):
        raise ValueError(f"gives {place} the unknown role {min(unknown)}")
    tenants = _texts(values.get("tenants", []), f"{place}.tenants")
    return SubjectRoles(roles=roles, tenants=_tenants(tenants, place))


def _tenants(names: tuple[str, ...], place: str) -> Tenants:
    """The tenants of the names. Raises ValueError for one that cannot be the id of a tenant."""
    ids = [name for name in names if name != "*"]
    for name in ids:
        try:
            TenantGate().read(name)
        except InvalidValue as error:
            raise ValueError(
                f"gives {place} the tenant {quoted(name)}, which {error.message}"
            ) from None
    return Tenants(ids=frozenset(ids)) if len(ids) == len(names) else EVERY_TENANT


def _named(value: object, place: str) -> dict[str, Any]:
    """A mapping whose names are not blank."""
    values = _mapping(value, place)
    if not all(map(str.strip, values)):
        raise ValueError(f"is not a file of roles: {place} has an empty name")
    return values


def _mapping(value: object, place: str, keys: tuple[str, ...] = ()) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"is not a file of roles: {place} must map names to values")
    if keys and (unknown := value.keys() - set(keys)):
        raise ValueError(f"is not a file of roles: {place} has the unknown key {min(unknown)}")
    return value


def _texts(value: object, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"is not a file of roles: {place} must be a list of texts")
    return tuple(value)


def _permissions(names: tuple[str, ...]) -> Permissions:
    """The permissions of the names. Raises ValueError for an unknown one."""
    permissions = NO_PERMISSIONS
    for name in names:
        try:
            permissions |= permissions_named(name)
        except InvalidValue as error:
            raise ValueError(f"names {json.dumps(name)}, which {error.message}") from None
    return permissions
