"""Everything that a test may want to have back: data, clock and counted ids, as one JSON value."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from attrs import define, field, frozen

from customers.core.errors import Invalid, InvalidValue, Problem
from customers.core.model.json_pointer import JsonPointer
from customers.core.model.values import Flag, Moment, WholeNumberGate
from customers.entrypoints.json.decode import Decoder
from customers.entrypoints.testapi.call_log import Journal
from customers.entrypoints.testapi.faults import Faults
from customers.entrypoints.testapi.ports import (
    ControllableClock,
    ControllableIds,
    ControllableStorage,
)
from customers.entrypoints.testapi.states import States
from customers.entrypoints.testapi.yaml_files import read_yaml

VERSION = 2
# More than anybody counts to.
_MOST_IDS = 2**48

Counts = Mapping[str, Mapping[str, int]]


class BadSeedFile(Exception):
    """The file to begin with says nothing that can be begun with."""


@frozen
class _AnythingGate:
    def read(self, raw: object) -> object:
        return raw


@frozen
class _VersionGate:
    def read(self, raw: object) -> int:
        version = WholeNumberGate(0, _MOST_IDS).read(raw)
        if version != VERSION:
            message = f"must be {VERSION}: take a new snapshot with this version of the service"
            raise InvalidValue("INVALID_VALUE", message)
        return version


@frozen
class _CountsGate:
    """How many ids of each kind each tenant has had."""

    def read(self, raw: object) -> Counts:
        if not isinstance(raw, dict) or not all(isinstance(each, dict) for each in raw.values()):
            raise InvalidValue("INVALID_TYPE", "must be an object of objects")
        number = WholeNumberGate(0, _MOST_IDS)
        return {
            tenant_id: {kind: number.read(count) for kind, count in told.items()}
            for tenant_id, told in raw.items()
        }


@frozen(kw_only=True)
class ToldTime:
    """Where a clock is, and whether it stands there."""

    now: Moment
    stands: Flag = True


@frozen(kw_only=True)
class _SnapshotDetails:
    version: Annotated[int, _VersionGate()]
    clock: Annotated[Any, _AnythingGate()]
    ids: Annotated[Counts, _CountsGate()] = field(factory=dict)
    tenants: Annotated[Any, _AnythingGate()]


@define(kw_only=True)
class Kept:
    _storage: ControllableStorage
    _clock: ControllableClock
    _ids: ControllableIds
    _states: States
    _faults: Faults
    _journal: Journal
    _decoder: Decoder
    _seed_file: Path | None
    _begins_with: Any = field(default=None, init=False)

    async def begin(self) -> None:
        """Begins with the seed file, if there is one. Raises BadSeedFile."""
        if self._seed_file is None:
            return
        try:
            self._begins_with = _read(self._seed_file)
            await self._seed()
        except (OSError, ValueError) as error:
            raise BadSeedFile(f"--seed-file {self._seed_file}: {error}") from error
        except Invalid as error:
            told = "; ".join(f"{each.pointer}: {each.message}" for each in error.problems[:5])
            raise BadSeedFile(f"--seed-file {self._seed_file}: {told}") from error

    def snapshot(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "clock": {"now": self._clock.now(), "stands": self._clock.is_frozen},
            "ids": self._ids.counts(),
            "tenants": self._storage.dump(),
        }

    async def restore(self, body: Mapping[str, Any]) -> None:
        """Raises Invalid, with a pointer to each bad place; then nothing is changed."""
        told = self._decoder.decode(_SnapshotDetails, body, allowed=frozenset())
        time = self._time(told.clock)
        await self._storage.restore(told.tenants, JsonPointer(("tenants",)))
        self._ids.count_from(told.ids)
        if time.stands:
            self._clock.freeze(time.now)
        else:
            self._clock.run_from(time.now)

    async def reset(self, tenant_id: str) -> None:
        """Forgets all of a tenant; without one everything is as it was at the start."""
        self._faults.remove_of(tenant_id)
        self._journal.forget(tenant_id)
        if tenant_id:
            await self._storage.forget(tenant_id)
            counts = self._ids.counts()
            self._ids.count_from({each: counts[each] for each in counts if each != tenant_id})
            return
        await self._storage.forget()
        self._ids.count_from({})
        self._clock.reset()
        await self._seed()

    async def _seed(self) -> None:
        seed = self._begins_with
        if seed is None:
            return
        if "states" not in seed:
            await self.restore(seed)
            return
        for index, each in enumerate(_states_of(seed)):
            params = dict(each.get("params") or {})
            tenant_id = str(params.pop("tenantId", each.get("tenantId")) or "")
            if not tenant_id:
                refused = InvalidValue("TENANT_REQUIRED", "name the tenant")
                raise Invalid([refused.at("tenantId", f"/states/{index}/params/tenantId")])
            await self._states.set_up(str(each.get("state")), tenant_id, params)

    def _time(self, told: Any) -> ToldTime:
        try:
            if not isinstance(told, dict):
                raise Invalid([InvalidValue("INVALID_TYPE", "must be an object").at("clock", "")])
            return self._decoder.decode(ToldTime, told, allowed=frozenset())
        except Invalid as error:
            raise Invalid([_below("/clock", each) for each in error.problems]) from error


def _read(path: Path) -> Any:
    """A snapshot or states. Raises ValueError for what is neither."""
    text, is_json = path.read_text("utf-8"), path.suffix == ".json"
    told = json.loads(text, parse_float=Decimal) if is_json else read_yaml(text)
    if not isinstance(told, dict) or not told.keys() & {"states", "tenants"}:
        raise ValueError("it holds neither a snapshot nor a list of states")
    return told


def _states_of(seed: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    states = seed["states"]
    if not isinstance(states, list) or not all(isinstance(each, dict) for each in states):
        raise Invalid(
            [InvalidValue("INVALID_TYPE", "must be a list of states").at("states", "/states")]
        )
    return states


def _below(pointer: str, problem: Problem) -> Problem:
    return Problem(
        field=problem.field,
        pointer=pointer + (problem.pointer or ""),
        message=problem.message,
        code=problem.code,
    )
