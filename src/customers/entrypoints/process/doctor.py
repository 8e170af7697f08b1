"""The command `customers doctor segments`: prints failed builds and membership differences."""

import sys

from customers.core.services.doctor import Doctor, MembershipDifference
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container.database import database
from customers.entrypoints.observability.output import Output
from customers.entrypoints.process.opened_parts import opened_parts


async def check_segments(settings: Settings, tenant_id: str | None, output: Output) -> None:
    """Checks the segments of a tenant (None: of all); exits with 1 if there is a difference."""
    async with database(settings) as dsn, opened_parts(settings, dsn) as parts:
        differences = await _print_differences(parts.doctor(), tenant_id, output)
    sys.exit(1 if differences else 0)


async def _print_differences(doctor: Doctor, tenant_id: str | None, output: Output) -> int:
    count = 0
    tenant_ids = await doctor.tenants() if tenant_id is None else [tenant_id]
    for checked_id in tenant_ids:
        for segment_id, error in (await doctor.failed_builds(checked_id)).items():
            output.info(f"tenant {checked_id}, segment {segment_id}: its build failed: {error}")
        async for difference in doctor.segments(checked_id):
            count += 1
            output.info(_line(checked_id, difference))
    checked, tenants = len(tenant_ids), _counted(len(tenant_ids), "tenant")
    differences = _counted(count, "difference")
    output.info(f"{tenants} checked, {differences}", tenants=checked, differences=count)
    return count


def _line(tenant_id: str, difference: MembershipDifference) -> str:
    subject = f"tenant {tenant_id}, segment {difference.segment_id}"
    if difference.customer_id is None:
        return f"{subject}: reports {difference.reported:,} members, has {difference.expected:,}"
    reported = "reported as a member" if difference.reported else "not reported as a member"
    expected = "is one" if difference.expected else "is not one"
    return f"{subject}, customer {difference.customer_id}: {reported}, but {expected}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
