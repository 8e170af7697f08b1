"""Provider states: named situations, each defined by a file in `states/`, set up on request.

A file names its state, its parameters with their defaults, and the steps that set it up; `$name`
in a step stands for a parameter's value. Which steps there are: `steps.py`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.resources import files
from typing import Any

from attrs import define, field, frozen

from customers.core.errors import Invalid, InvalidValue, Problem
from customers.entrypoints.testapi.steps import Steps, Values
from customers.entrypoints.testapi.yaml_files import read_yaml

Params = Mapping[str, Any]


@frozen(kw_only=True)
class Definition:
    """A state as its file defines it. A number in its name is that of the parameter `number`.

    One that does not need a tenant is set up for all of them when none is named.
    """

    state: str
    says: str
    steps: Sequence[Mapping[str, Params]]
    params: Params = field(factory=dict)
    number: str | None = None
    needs_tenant: bool = True

    def numbered(self, name: str) -> Params | None:
        """The parameters that a name tells; None where it is the name of another state."""
        if _folded(name) == _folded(self.state):
            return {}
        if self.number is None:
            return None
        pattern = re.escape(_folded(self.state)).replace(r"\ n\ ", r"\ ([0-9]{1,4})\ ")
        found = re.fullmatch(pattern, _folded(name))
        return {self.number: int(found[1])} if found else None

    def told(self, params: Params) -> Iterator[tuple[str, Params]]:
        """Each step's name, and what it is told."""
        values = {f"${name}": value for name, value in {**self.params, **params}.items()}
        for step in self.steps:
            for name, told in step.items():
                yield name, {key: _filled(value, values) for key, value in told.items()}


@define(slots=False)
class States:
    _steps: Steps
    _faults_set: dict[tuple[str, str], list[str]] = field(factory=dict, init=False)

    @cached_property
    def definitions(self) -> Sequence[Definition]:
        """All states there are, by name."""
        folder = files("customers.entrypoints.testapi").joinpath("states")
        told = [read_yaml(each.read_text("utf-8")) for each in folder.iterdir()]
        return sorted((Definition(**each) for each in told), key=lambda each: each.state)

    async def set_up(self, name: str, tenant_id: str, params: Params) -> Values:
        """Sets a state up in a tenant, and gives the values that belong to it.

        Raises Invalid for a state or a parameter that is not known, with pointers into the body.
        """
        definition, numbered = self._known(name)
        if unknown := [each for each in params if each not in definition.params]:
            raise Invalid([_unknown(each, definition) for each in unknown])
        steps, values = self._steps.by_name(), Values()
        try:
            for step, told in definition.told({**numbered, **params}):
                values |= await steps[step](tenant_id, told, values)
        except Invalid as error:
            raise Invalid([_below_params(each) for each in error.problems]) from error
        if "faultId" in values:
            self._faults_set.setdefault((definition.state, tenant_id), []).append(values["faultId"])
        return values

    def needs_tenant(self, name: str) -> bool:
        """Whether a state is one of a tenant; others are of all when none is named."""
        return self._known(name)[0].needs_tenant

    def faults_of(self, name: str, tenant_id: str) -> Sequence[str]:
        """The faults that setting the state up has armed; they are told once."""
        definition, _ = self._known(name)
        return self._faults_set.pop((definition.state, tenant_id), [])

    def _known(self, name: str) -> tuple[Definition, Params]:
        for definition in self.definitions:
            if (numbered := definition.numbered(name)) is not None:
                return definition, numbered
        known = ", ".join(each.state for each in self.definitions)
        refused = InvalidValue("INVALID_VALUE", f"is no state that is known: take one of {known}")
        raise Invalid([refused.at("state", "/state")])


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _filled(value: Any, values: Params) -> Any:
    return values.get(value, value) if isinstance(value, str) else value


def _unknown(name: str, definition: Definition) -> Problem:
    known = ", ".join(["tenantId", *definition.params])
    message = f"is no parameter of this state: take {known}"
    return Problem(field=name, pointer=f"/params/{name}", message=message, code="UNKNOWN_FIELD")


def _below_params(problem: Problem) -> Problem:
    return Problem(
        field=problem.field,
        pointer=f"/params{problem.pointer or ''}",
        message=problem.message,
        code=problem.code,
    )
