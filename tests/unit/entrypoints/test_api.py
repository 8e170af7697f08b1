"""The contract of the REST interface, on the memory storage."""

from collections.abc import AsyncIterator

import pytest

from customers.adapters.memory.storage import MemoryStorage
from tests.api import Api, serving
from tests.builders import USD
from tests.contract.api import (
    addresses,
    bad_input,
    customers,
    details,
    erasure,
    errors,
    fuzz,
    ground_rules,
    journal,
    lists,
    orders,
    payment_methods,
    probes,
    segments,
    tenants,
    values,
)


@pytest.fixture
async def api(tenant: str) -> AsyncIterator[Api]:
    async with serving(MemoryStorage(currency=USD), tenant=tenant) as api:
        yield api


@pytest.fixture
async def away(tenant: str) -> AsyncIterator[Api]:
    storage = MemoryStorage(currency=USD)
    await storage.close()
    async with serving(storage, tenant=tenant) as api:
        yield api


class TestAddress(addresses.AddressContract): ...


class TestAddressLimit(addresses.AddressLimitContract): ...


class TestDefaultAddress(addresses.DefaultAddressContract): ...


class TestBadInput(bad_input.BadInputContract): ...


class TestCreate(customers.CreateContract): ...


class TestRead(customers.ReadContract): ...


class TestUpdate(customers.UpdateContract): ...


class TestDelete(customers.DeleteContract): ...


class TestLock(customers.LockContract): ...


class TestInput(details.InputContract): ...


class TestVersion(details.VersionContract): ...


class TestBlocked(details.BlockedContract): ...


class TestAddressDetail(details.AddressDetailContract): ...


class TestToken(details.TokenContract): ...


class TestSegmentDetail(details.SegmentDetailContract): ...


class TestLedgerDetail(details.LedgerDetailContract): ...


class TestPlace(details.PlaceContract): ...


class TestErasure(erasure.ErasureContract): ...


class TestErrorForm(errors.ErrorFormContract): ...


class TestErrorStatus(errors.ErrorStatusContract): ...


class TestFuzz(fuzz.FuzzContract): ...


class TestPath(ground_rules.PathContract): ...


class TestHeader(ground_rules.HeaderContract): ...


class TestProtocol(ground_rules.ProtocolContract): ...


class TestBody(ground_rules.BodyContract): ...


class TestAnswer(ground_rules.AnswerContract): ...


class TestNote(journal.NoteContract): ...


class TestCommunication(journal.CommunicationContract): ...


class TestCommunicationStatus(journal.CommunicationStatusContract): ...


class TestStretch(journal.StretchContract): ...


class TestFilter(lists.FilterContract): ...


class TestPage(lists.PageContract): ...


class TestCursor(lists.CursorContract): ...


class TestLink(lists.LinkContract): ...


class TestRecord(orders.RecordContract): ...


class TestRefund(orders.RefundContract): ...


class TestCancel(orders.CancelContract): ...


class TestLedger(orders.LedgerContract): ...


class TestPaymentMethod(payment_methods.PaymentMethodContract): ...


class TestDefaultMethod(payment_methods.DefaultMethodContract): ...


class TestCardNumber(payment_methods.CardNumberContract): ...


class TestProbe(probes.ProbeContract): ...


class TestAway(probes.AwayContract): ...


class TestSegment(segments.SegmentContract): ...


class TestManualMembers(segments.ManualMembersContract): ...


class TestDynamicMembers(segments.DynamicMembersContract): ...


class TestMemberList(segments.MemberListContract): ...


class TestTenant(tenants.TenantContract): ...


class TestIsolation(tenants.IsolationContract): ...


class TestText(values.TextContract): ...


class TestMoney(values.MoneyContract): ...


class TestMoment(values.MomentContract): ...


class TestId(values.IdContract): ...
