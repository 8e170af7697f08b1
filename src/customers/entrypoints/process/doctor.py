"""The doctor's round: every difference it finds is a line, and the number of them the last one."""

import sys

import click

from customers.core.services.doctor import Difference, Doctor
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container, database


async def differences(settings: Settings, tenant_id: str | None) -> None:
    """Prints what is wrong with the segments of a tenant (None: of all); exits with 1 if any is."""
    async with database(settings) as dsn:
        container = Container(settings=settings, dsn=dsn)
        await container.storage().open()
        try:
            await container.storage().check()
            found = await _examined(container.doctor(), tenant_id)
        finally:
            await container.storage().close()
    sys.exit(1 if found else 0)


async def _examined(doctor: Doctor, tenant_id: str | None) -> int:
    found = 0
    tenants = await doctor.tenants() if tenant_id is None else [tenant_id]
    for each in tenants:
        async for difference in doctor.segments(each):
            found += 1
            click.echo(_line(each, difference))
    click.echo(f"{_so_many(len(tenants), 'tenant')} checked, {_so_many(found, 'difference')}")
    return found


def _line(tenant_id: str, difference: Difference) -> str:
    where = f"tenant {tenant_id}, segment {difference.segment_id}"
    if difference.customer_id is None:
        return f"{where}: told {difference.reported:,} members, there are {difference.expected:,}"
    member = "is told to be a member" if difference.reported else "is not told to be a member"
    truth = "is one" if difference.expected else "is none"
    return f"{where}, customer {difference.customer_id}: {member}, and {truth}"


def _so_many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
