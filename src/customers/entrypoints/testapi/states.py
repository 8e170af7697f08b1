"""Provider states: named situations, each defined by a file in `states/`, set up on request.

A file names its state, the parameters with their defaults, and the steps that set it up; `$name` in
a step stands for the value of a parameter. The steps are in `state_steps`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from importlib.resources import files
from typing import Any

from attrs import define, evolve, field, frozen

from customers.core.errors import Invalid, InvalidValue, Problem
from customers.entrypoints.testapi.state_steps import StateSteps, Values
from customers.entrypoints.testapi.yaml_files import read_yaml

Params = Mapping[str, Any]


@frozen(kw_only=True)
class StateDefinition:
    """A state as its file defines it.

    If the name contains `N`, a number in its place sets the parameter `number_param`. A state that
    does not need a tenant is set up for all tenants if none is named.
    """

    state: str
    description: str
    steps: Sequence[Mapping[str, Params]]
    params: Params = field(factory=dict)
    number_param: str | None = None
    needs_tenant: bool = True

    def params_in_name(self, name: str) -> Params | None:
        """The parameters that `name` contains; None if it is the name of another state."""
        if _name_key(name) == _name_key(self.state):
            return {}
        if self.number_param is None:
            return None
        pattern = re.escape(_name_key(self.state)).replace(r"\ n\ ", r"\ ([0-9]{1,4})\ ")
        match = re.fullmatch(pattern, _name_key(name))
        return {self.number_param: int(match[1])} if match else None

    def step_calls(self, params: Params) -> Iterator[tuple[str, Params]]:
        """Each step's name and arguments."""
        values = {f"${name}": value for name, value in {**self.params, **params}.items()}
        for step in self.steps:
            for name, arguments in step.items():
                yield name, {key: _substitute(value, values) for key, value in arguments.items()}


@define(slots=False)
class States:
    _steps: StateSteps
    _fault_ids: dict[tuple[str, str], list[str]] = field(
        factory=partial(defaultdict, list), init=False
    )

    @cached_property
    def definitions(self) -> Sequence[StateDefinition]:
        """All states, sorted by name."""
        folder = files("customers.entrypoints.testapi").joinpath("states")
        contents = (file.read_text("utf-8") for file in folder.iterdir())
        definitions = [StateDefinition(**read_yaml(content)) for content in contents]
        return sorted(definitions, key=lambda definition: definition.state)

    async def set_up(self, name: str, tenant_id: str, params: Params) -> Values:
        """Sets up a state in a tenant, and returns its values, such as the customer's id.

        Raises Invalid for an unknown state or a bad parameter, with pointers into the body.
        """
        definition, params_in_name = self._find(name)
        if unknown := [param for param in params if param not in definition.params]:
            raise Invalid([_unknown_param(param, definition) for param in unknown])
        values = await self._run(definition, tenant_id, {**params_in_name, **params})
        if "faultId" in values:
            self._fault_ids[definition.state, tenant_id].append(values["faultId"])
        return values

    async def _run(self, definition: StateDefinition, tenant_id: str, params: Params) -> Values:
        steps, values = self._steps.by_name(), Values()
        try:
            for step, arguments in definition.step_calls(params):
                values |= await steps[step](tenant_id, arguments, values)
        except Invalid as error:
            raise Invalid([_below_params(problem) for problem in error.problems]) from error
        return values

    def needs_tenant(self, name: str) -> bool:
        """Whether a state must be set up in one tenant. Raises Invalid for an unknown state."""
        return self._find(name)[0].needs_tenant

    def take_fault_ids(self, name: str, tenant_id: str) -> Sequence[str]:
        """Removes and returns the ids of the faults that setting up the state has added."""
        definition, _ = self._find(name)
        return self._fault_ids.pop((definition.state, tenant_id), [])

    def _find(self, name: str) -> tuple[StateDefinition, Params]:
        for definition in self.definitions:
            if (params_in_name := definition.params_in_name(name)) is not None:
                return definition, params_in_name
        names = ", ".join(definition.state for definition in self.definitions)
        raise Invalid.at("/state", "INVALID_VALUE", f"unknown state: use one of {names}")


def _name_key(name: str) -> str:
    """The form in which names of states are compared."""
    return " ".join(name.casefold().split())


def _substitute(value: Any, values: Params) -> Any:
    return values.get(value, value) if isinstance(value, str) else value


def _unknown_param(name: str, definition: StateDefinition) -> Problem:
    names = ", ".join(["tenantId", *definition.params])
    unknown = InvalidValue("UNKNOWN_FIELD", f"unknown parameter of this state: use one of {names}")
    return unknown.at(name, f"/params/{name}")


def _below_params(problem: Problem) -> Problem:
    return evolve(problem, pointer=f"/params{problem.pointer or ''}")
