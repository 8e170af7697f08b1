"""The memory storage keeps every promise of the ports."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from customers.adapters.memory.storage import MemoryStorage
from customers.core.model.money import Currency
from customers.core.ports.storage import Storage
from tests.contract.addresses import AddressContract
from tests.contract.backfill import AgedContract, ContradictedContract
from tests.contract.cancellations import CancellationContract
from tests.contract.change_capture import MarkContract, WatchingContract
from tests.contract.communications import (
    CommunicationContract,
    CommunicationLockContract,
    OutsideIdContract,
)
from tests.contract.consistent_views import SnapshotContract
from tests.contract.counts import CountContract
from tests.contract.customer_locks import LockingContract
from tests.contract.customer_writes import AddingContract, SavingContract
from tests.contract.customers import CustomerReadingContract, ProfileContract
from tests.contract.erasures import ErasureContract
from tests.contract.filters import FilterContract
from tests.contract.isolation import IsolationContract
from tests.contract.lists import OrderContract, PageContract, WalkContract
from tests.contract.membership_feed import FeedContract
from tests.contract.memberships import (
    MemberFilterContract,
    StandingContract,
    StoredMemberContract,
)
from tests.contract.notes import NoteContract
from tests.contract.orders import ClaimContract, EntryContract, RefundContract
from tests.contract.payment_methods import PaymentMethodContract
from tests.contract.payment_tokens import ReleaseContract, TokenContract
from tests.contract.pending_changes import MarkedContract
from tests.contract.record_order import CountOrderAtOnceContract, CountOrderContract
from tests.contract.searches import SearchContract
from tests.contract.segment_assignments import AssignmentContract, PuttingContract
from tests.contract.segments import SegmentContract, SegmentNameContract
from tests.contract.stale_candidates import DoubtContract, OverdueContract
from tests.contract.statistics import StatisticsContract
from tests.contract.steps import StorageIn
from tests.contract.storage import StorageContract, ViewContract
from tests.contract.sweeper import LeaseContract, TenantsContract
from tests.contract.transactions import CommitContract, DoomContract
from tests.contract.values import ValueContract
from tests.support.builders import USD


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage(currency=USD)


@pytest.fixture
def storage_in() -> StorageIn:
    @asynccontextmanager
    async def make(currency: Currency) -> AsyncIterator[Storage]:
        yield MemoryStorage(currency=currency)

    return make


class TestCustomerReading(CustomerReadingContract): ...


class TestProfiles(ProfileContract): ...


class TestAdding(AddingContract): ...


class TestSaving(SavingContract): ...


class TestLocking(LockingContract): ...


class TestOrder(OrderContract): ...


class TestPages(PageContract): ...


class TestWalks(WalkContract): ...


class TestSearches(SearchContract): ...


class TestFilters(FilterContract): ...


class TestCounts(CountContract): ...


class TestAddresses(AddressContract): ...


class TestPaymentMethods(PaymentMethodContract): ...


class TestTokens(TokenContract): ...


class TestReleases(ReleaseContract): ...


class TestNotes(NoteContract): ...


class TestCommunications(CommunicationContract): ...


class TestOutsideIds(OutsideIdContract): ...


class TestCommunicationLocks(CommunicationLockContract): ...


class TestClaims(ClaimContract): ...


class TestEntries(EntryContract): ...


class TestRefunds(RefundContract): ...


class TestStatistics(StatisticsContract): ...


class TestCountOrder(CountOrderContract): ...


class TestCountOrderAtOnce(CountOrderAtOnceContract): ...


class TestSegments(SegmentContract): ...


class TestSegmentNames(SegmentNameContract): ...


class TestPutting(PuttingContract): ...


class TestAssignments(AssignmentContract): ...


class TestStoredMembers(StoredMemberContract): ...


class TestStandings(StandingContract): ...


class TestMemberFilters(MemberFilterContract): ...


class TestMarks(MarkContract): ...


class TestWatching(WatchingContract): ...


class TestMarked(MarkedContract): ...


class TestDoubts(DoubtContract): ...


class TestOverdue(OverdueContract): ...


class TestContradicted(ContradictedContract): ...


class TestAged(AgedContract): ...


class TestFeed(FeedContract): ...


class TestSnapshots(SnapshotContract): ...


class TestTenants(TenantsContract): ...


class TestLeases(LeaseContract): ...


class TestErasures(ErasureContract): ...


class TestCommits(CommitContract): ...


class TestDoom(DoomContract): ...


class TestCancellations(CancellationContract): ...


class TestViews(ViewContract): ...


class TestStorage(StorageContract): ...


class TestIsolation(IsolationContract): ...


class TestValues(ValueContract): ...
