"""The mails that the test API shows."""

from tests.support.api_steps import a_customer
from tests.support.memory_service import MemoryService


async def sent_mail(service: MemoryService) -> dict[str, str]:
    """Sends a verification mail to a new customer of the tenant; returns it."""
    customer = await a_customer(service.api)
    answer = await service.api.post(f"/customers/{customer['id']}/send-verification")
    assert answer.status == 200
    [newest, *_] = (await service.call("GET", f"/mails?tenant_id={service.tenant}"))["mails"]
    assert (newest["customerId"], newest["recipient"]) == (customer["id"], customer["email"])
    return dict(newest)


async def test_a_mail_is_kept_and_its_token_works(service: MemoryService) -> None:
    mail = await sent_mail(service)
    assert mail["subject"] == "Verify your e-mail address"
    assert mail["link"].endswith(f"/verify-email?token={mail['token']}")
    answer = await service.api.post("/customers/verify-email", {"token": mail["token"]})
    assert answer.body["customer"]["emailVerified"] is True


async def test_mails_are_listed_newest_first_by_tenant(service: MemoryService) -> None:
    other = service.of_tenant("other")
    mails = [await sent_mail(one) for one in (service, other, service)]
    assert (await service.call("GET", "/mails"))["mails"] == mails[::-1]
    listed = (await service.call("GET", f"/mails?tenant_id={service.tenant}"))["mails"]
    assert listed == [mails[2], mails[0]]


async def test_a_reset_forgets_mails(service: MemoryService) -> None:
    other = service.of_tenant("other")
    remaining = [await sent_mail(one) for one in (service, other)][1]
    await service.call("POST", f"/reset?tenant_id={service.tenant}")
    assert (await service.call("GET", "/mails"))["mails"] == [remaining]
    await service.call("POST", "/reset")
    assert (await service.call("GET", "/mails"))["mails"] == []


async def test_a_restored_snapshot_has_the_verifications(service: MemoryService) -> None:
    mail = await sent_mail(service)
    snapshot = await service.call("GET", "/snapshot")
    await service.api.post("/customers/verify-email", {"token": mail["token"]})
    await service.call("PUT", "/snapshot", snapshot)
    answer = await service.api.post("/customers/verify-email", {"token": mail["token"]})
    assert answer.status == 200


async def test_the_call_log_does_not_show_tokens(service: MemoryService) -> None:
    mail = await sent_mail(service)
    await service.api.post("/customers/verify-email", {"token": mail["token"]})
    [call] = (await service.call("GET", "/requests?operation=verifyEmail"))["requests"]
    assert (call["body"], call["status"]) == ({"token": "***"}, 200)
    assert mail["token"] not in str(await service.call("GET", "/snapshot"))
