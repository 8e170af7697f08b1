"""Takes and restores snapshots of the state, resets the state, and loads the seed file."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from attrs import define, evolve, field, frozen

from customers.core.errors import Conflict, Invalid, InvalidValue, Problem
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.moments import Moment
from customers.core.model.values import Flag, WholeNumberGate
from customers.entrypoints.testapi.call_log import CallLog
from customers.entrypoints.testapi.faults import Faults
from customers.entrypoints.testapi.ports import ControlledService
from customers.entrypoints.testapi.states import States
from customers.entrypoints.testapi.yaml_files import read_yaml

VERSION = 2
# The last twelve hexadecimal digits of a sequential id are the count.
_MAX_COUNT = 2**48
_MAX_PROBLEMS = 5

Counts = Mapping[str, Mapping[str, int]]


class BadSeedFile(Exception):
    """The seed file cannot be read, or is not a valid snapshot or list of states."""


@frozen
class _AnyGate:
    def read(self, raw: object) -> object:
        return raw


@frozen
class _VersionGate:
    def read(self, raw: object) -> int:
        version = WholeNumberGate(0, _MAX_COUNT).read(raw)
        if version != VERSION:
            message = f"must be {VERSION}: take a new snapshot with this version of the service"
            raise InvalidValue("INVALID_VALUE", message)
        return version


@frozen
class _CountsGate:
    """How many ids were generated, by tenant and kind."""

    def read(self, raw: object) -> Counts:
        if not isinstance(raw, dict) or not all(isinstance(kinds, dict) for kinds in raw.values()):
            raise InvalidValue("INVALID_TYPE", "must be an object of objects")
        gate = WholeNumberGate(0, _MAX_COUNT)
        return {
            tenant_id: {kind: gate.read(count) for kind, count in kinds.items()}
            for tenant_id, kinds in raw.items()
        }


@frozen(kw_only=True)
class _ClockDetails:
    now: Moment
    stands: Flag = True


@frozen(kw_only=True)
class _SnapshotDetails:
    version: Annotated[int, _VersionGate()]
    clock: Annotated[Any, _AnyGate()]
    ids: Annotated[Counts, _CountsGate()] = field(factory=dict)
    tenants: Annotated[Any, _AnyGate()]


@define
class StateControl:
    _service: ControlledService
    _states: States
    _faults: Faults
    _call_log: CallLog
    _seed_file: Path | None
    _seed: Mapping[str, Any] | None = field(default=None, init=False)

    async def load_seed_file(self) -> None:
        """Sets the state that the seed file describes, if there is one. Raises BadSeedFile."""
        if self._seed_file is None:
            return
        try:
            self._seed = _read_seed(self._seed_file)
            await self._apply_seed()
        except (OSError, ValueError, Conflict) as error:
            raise BadSeedFile(f"--seed-file {self._seed_file}: {error}") from error
        except Invalid as error:
            problems = error.problems[:_MAX_PROBLEMS]
            message = "; ".join(f"{problem.pointer}: {problem.message}" for problem in problems)
            raise BadSeedFile(f"--seed-file {self._seed_file}: {message}") from error

    def snapshot(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "clock": {"now": self._service.clock.now(), "stands": self._service.clock.is_frozen},
            "ids": self._service.ids.counts(),
            "tenants": self._service.controllable_storage.dump(),
        }

    async def restore(self, body: Mapping[str, Any]) -> None:
        """Replaces the data, clock and id counts with those of a snapshot.

        Raises Invalid, with a pointer to each bad place, and then changes nothing.
        """
        details = self._service.decoder.decode(_SnapshotDetails, body, allowed=frozenset())
        clock = self._read_clock(details.clock)
        await self._service.controllable_storage.restore(details.tenants, JsonPointer(("tenants",)))
        self._service.ids.count_from(details.ids)
        if clock.stands:
            self._service.clock.freeze(clock.now)
        else:
            self._service.clock.run_from(clock.now)

    async def reset(self, tenant_id: str) -> None:
        """Deletes everything of a tenant; without one, resets all to the state at the start."""
        self._faults.remove_of(tenant_id)
        self._call_log.clear(tenant_id)
        self._service.mails.clear(tenant_id)
        if tenant_id:
            await self._service.controllable_storage.forget(tenant_id)
            counts = self._service.ids.counts()
            self._service.ids.count_from({id: counts[id] for id in counts if id != tenant_id})
            return
        await self._service.controllable_storage.forget()
        self._service.ids.count_from({})
        self._service.clock.reset()
        await self._apply_seed()

    async def _apply_seed(self) -> None:
        if self._seed is None:
            return
        if "states" not in self._seed:
            await self.restore(self._seed)
            return
        for index, state in enumerate(_states_of(self._seed)):
            params = dict(state.get("params") or {})
            tenant_id = str(params.pop("tenantId", state.get("tenantId")) or "")
            if not tenant_id:
                pointer = f"/states/{index}/params/tenantId"
                raise Invalid.at(pointer, "TENANT_REQUIRED", "name the tenant")
            await self._states.set_up(str(state.get("state")), tenant_id, params)

    def _read_clock(self, raw: Any) -> _ClockDetails:
        if not isinstance(raw, dict):
            raise Invalid.at("/clock", "INVALID_TYPE", "must be an object")
        try:
            return self._service.decoder.decode(_ClockDetails, raw, allowed=frozenset())
        except Invalid as error:
            raise Invalid([_below_clock(problem) for problem in error.problems]) from error


def _read_seed(path: Path) -> Mapping[str, Any]:
    """A snapshot or a list of states. Raises OSError, and ValueError for anything else."""
    text, is_json = path.read_text("utf-8"), path.suffix == ".json"
    seed = json.loads(text, parse_float=Decimal) if is_json else read_yaml(text)
    if not isinstance(seed, dict) or not seed.keys() & {"states", "tenants"}:
        raise ValueError("the file is neither a snapshot nor a list of states")
    return seed


def _states_of(seed: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    states = seed["states"]
    if not isinstance(states, list) or not all(isinstance(state, dict) for state in states):
        raise Invalid.at("/states", "INVALID_TYPE", "must be a list of states")
    return states


def _below_clock(problem: Problem) -> Problem:
    return evolve(problem, pointer=f"/clock{problem.pointer or ''}")
