"""The contract of the REST interface, on the memory storage."""

import pytest

from customers.adapters.memory.storage import MemoryStorage
from tests.builders import USD
from tests.contract.api import (
    addresses,
    bad_input,
    customers,
    details,
    erasure,
    errors,
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
def storage() -> MemoryStorage:
    return MemoryStorage(currency=USD)


class TestAddress(addresses.AddressContract):
    pass


class TestAddressLimit(addresses.AddressLimitContract):
    pass


class TestDefaultAddress(addresses.DefaultAddressContract):
    pass


class TestBadInput(bad_input.BadInputContract):
    pass


class TestCreate(customers.CreateContract):
    pass


class TestRead(customers.ReadContract):
    pass


class TestUpdate(customers.UpdateContract):
    pass


class TestDelete(customers.DeleteContract):
    pass


class TestLock(customers.LockContract):
    pass


class TestInput(details.InputContract):
    pass


class TestVersion(details.VersionContract):
    pass


class TestBlocked(details.BlockedContract):
    pass


class TestAddressDetail(details.AddressDetailContract):
    pass


class TestToken(details.TokenContract):
    pass


class TestSegmentDetail(details.SegmentDetailContract):
    pass


class TestLedgerDetail(details.LedgerDetailContract):
    pass


class TestPlace(details.PlaceContract):
    pass


class TestErasure(erasure.ErasureContract):
    pass


class TestErrorForm(errors.ErrorFormContract):
    pass


class TestErrorStatus(errors.ErrorStatusContract):
    pass


class TestPath(ground_rules.PathContract):
    pass


class TestHeader(ground_rules.HeaderContract):
    pass


class TestBody(ground_rules.BodyContract):
    pass


class TestAnswer(ground_rules.AnswerContract):
    pass


class TestNote(journal.NoteContract):
    pass


class TestCommunication(journal.CommunicationContract):
    pass


class TestCommunicationStatus(journal.CommunicationStatusContract):
    pass


class TestStretch(journal.StretchContract):
    pass


class TestFilter(lists.FilterContract):
    pass


class TestPage(lists.PageContract):
    pass


class TestCursor(lists.CursorContract):
    pass


class TestLink(lists.LinkContract):
    pass


class TestRecord(orders.RecordContract):
    pass


class TestRefund(orders.RefundContract):
    pass


class TestCancel(orders.CancelContract):
    pass


class TestLedger(orders.LedgerContract):
    pass


class TestPaymentMethod(payment_methods.PaymentMethodContract):
    pass


class TestDefaultMethod(payment_methods.DefaultMethodContract):
    pass


class TestCardNumber(payment_methods.CardNumberContract):
    pass


class TestProbe(probes.ProbeContract):
    pass


class TestSegment(segments.SegmentContract):
    pass


class TestManualMembers(segments.ManualMembersContract):
    pass


class TestDynamicMembers(segments.DynamicMembersContract):
    pass


class TestMemberList(segments.MemberListContract):
    pass


class TestTenant(tenants.TenantContract):
    pass


class TestIsolation(tenants.IsolationContract):
    pass


class TestText(values.TextContract):
    pass


class TestMoney(values.MoneyContract):
    pass


class TestMoment(values.MomentContract):
    pass


class TestId(values.IdContract):
    pass
