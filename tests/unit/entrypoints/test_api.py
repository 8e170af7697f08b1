"""The contract of the REST interface, on the memory storage."""

from collections.abc import AsyncIterator

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.core.ports.storage import Storage
from tests.contract.api import (
    addresses,
    assignments,
    bad_input,
    bodies,
    change_previews,
    combined_problems,
    customer_states,
    customers,
    details,
    details_of_parts,
    erasure,
    errors,
    exactness,
    explained_time,
    explanations,
    fuzz,
    golden_rules,
    ground_rules,
    journal,
    ledger,
    lists,
    members,
    membership_changes,
    orders,
    payment_methods,
    previews,
    probes,
    replays,
    segment_kinds,
    segments,
    tenants,
    values,
    walks,
)
from tests.support.api_client import Api, serving
from tests.support.builders import USD


@pytest.fixture
def storage() -> Storage:
    return MemoryStorage(currency=USD)


@pytest.fixture
async def api(storage: Storage, tenant: str) -> AsyncIterator[Api]:
    async with serving(storage, tenant=tenant) as api:
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


class TestAssignment(assignments.AssignmentContract): ...


class TestBadInput(bad_input.BadInputContract): ...


class TestProtocol(bodies.ProtocolContract): ...


class TestBody(bodies.BodyContract): ...


class TestChangePreview(change_previews.ChangePreviewContract): ...


class TestChanges(membership_changes.ChangesContract): ...


class TestDelete(customer_states.DeleteContract): ...


class TestLock(customer_states.LockContract): ...


class TestCreate(customers.CreateContract): ...


class TestRead(customers.ReadContract): ...


class TestUpdate(customers.UpdateContract): ...


class TestInput(details.InputContract): ...


class TestVersion(details.VersionContract): ...


class TestBlocked(details.BlockedContract): ...


class TestPlace(details.PlaceContract): ...


class TestAddressDetail(details_of_parts.AddressDetailContract): ...


class TestToken(details_of_parts.TokenContract): ...


class TestSegmentDetail(details_of_parts.SegmentDetailContract): ...


class TestLedgerDetail(details_of_parts.LedgerDetailContract): ...


class TestErasure(erasure.ErasureContract): ...


class TestErrorForm(errors.ErrorFormContract): ...


class TestErrorStatus(errors.ErrorStatusContract): ...


class TestExactMembers(exactness.ExactMembersContract): ...


class TestExactTime(exactness.ExactTimeContract): ...


class TestExplainedTime(explained_time.ExplainedTimeContract): ...


class TestExplanation(explanations.ExplanationContract): ...


class TestFuzz(fuzz.FuzzContract): ...


class TestGoldenRules(golden_rules.GoldenRulesContract): ...


class TestPath(ground_rules.PathContract): ...


class TestHeader(ground_rules.HeaderContract): ...


class TestAnswer(ground_rules.AnswerContract): ...


class TestNote(journal.NoteContract): ...


class TestCommunication(journal.CommunicationContract): ...


class TestCommunicationStatus(journal.CommunicationStatusContract): ...


class TestStretch(journal.StretchContract): ...


class TestRefund(ledger.RefundContract): ...


class TestCancel(ledger.CancelContract): ...


class TestLedger(ledger.LedgerContract): ...


class TestFilter(lists.FilterContract): ...


class TestPage(lists.PageContract): ...


class TestManualMembers(members.ManualMembersContract): ...


class TestDynamicMembers(members.DynamicMembersContract): ...


class TestMemberList(members.MemberListContract): ...


class TestRecord(orders.RecordContract): ...


class TestPaymentMethod(payment_methods.PaymentMethodContract): ...


class TestDefaultMethod(payment_methods.DefaultMethodContract): ...


class TestCardNumber(payment_methods.CardNumberContract): ...


class TestPreview(previews.PreviewContract): ...


class TestPreviewRefusal(previews.PreviewRefusalContract): ...


class TestProbe(probes.ProbeContract): ...


class TestAway(probes.AwayContract): ...


class TestReplay(replays.ReplayContract): ...


class TestSegmentKind(segment_kinds.SegmentKindContract): ...


class TestSegment(segments.SegmentContract): ...


class TestTenant(tenants.TenantContract): ...


class TestIsolation(tenants.IsolationContract): ...


class TestText(values.TextContract): ...


class TestMoney(values.MoneyContract): ...


class TestMoment(values.MomentContract): ...


class TestId(values.IdContract): ...


class TestCursor(walks.CursorContract): ...


class TestLink(walks.LinkContract): ...


class TestTogether(combined_problems.TogetherContract): ...
