"""The command `customers doctor segments`: prints each difference, then how many there are."""

import sys

import click

from customers.core.services.doctor import Difference, Doctor
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container, database


async def check_segments(settings: Settings, tenant_id: str | None) -> None:
    """Checks the segments of a tenant (None: of all); exits with 1 if there is a difference."""
    async with database(settings) as dsn:
        container = Container(settings=settings, dsn=dsn)
        await container.storage().open()
        try:
            await container.storage().check()
            differences = await _print_differences(container.doctor(), tenant_id)
        finally:
            await container.storage().close()
    sys.exit(1 if differences else 0)


async def _print_differences(doctor: Doctor, tenant_id: str | None) -> int:
    count = 0
    tenant_ids = await doctor.tenants() if tenant_id is None else [tenant_id]
    for checked_id in tenant_ids:
        async for difference in doctor.segments(checked_id):
            count += 1
            click.echo(_line(checked_id, difference))
    click.echo(f"{_counted(len(tenant_ids), 'tenant')} checked, {_counted(count, 'difference')}")
    return count


def _line(tenant_id: str, difference: Difference) -> str:
    subject = f"tenant {tenant_id}, segment {difference.segment_id}"
    if difference.customer_id is None:
        return f"{subject}: reports {difference.reported:,} members, has {difference.expected:,}"
    reported = "reported as a member" if difference.reported else "not reported as a member"
    expected = "is one" if difference.expected else "is not one"
    return f"{subject}, customer {difference.customer_id}: {reported}, but {expected}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
