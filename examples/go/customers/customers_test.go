package customers_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"example.com/orders/customers"
)

const (
	unknown = "01890a5d-ac96-774b-bcce-b302099a8057"
	// slow exceeds every timeout here.
	slow = time.Minute
)

var (
	patient = customers.Patience{
		Attempts: 3, PerAttempt: 10 * time.Second, Pause: 10 * time.Millisecond,
	}
	hasty = customers.Patience{
		Attempts: 5, PerAttempt: time.Second, Pause: 10 * time.Millisecond,
	}
)

func TestAnOrderWhoseAnswerIsLostCountsOnce(t *testing.T) {
	t.Parallel()
	tenant := newTenant()
	buyer := running.register(t, tenant)
	running.arm(t, tenant, map[string]any{
		"times": 1, "abort": "after-commit", "rpcCode": "UNAVAILABLE",
	})

	told, err := connect(t, patient).RecordOrder(t.Context(), order(tenant, buyer.ID))

	if err != nil || !told.Duplicate || told.TotalOrders != 1 || told.TotalSpent != 12_50 {
		t.Errorf("the second answer is %+v, %v", told, err)
	}
	heard := running.heard(t, tenant)
	if len(heard) != 2 || !heard[0].Lost || heard[1].Lost {
		t.Errorf("the service recorded the calls %+v", heard)
	}
	after := running.customer(t, tenant, buyer.ID)
	if after.TotalOrders != 1 || after.TotalSpent != "12.50" {
		t.Errorf("the customer has %+v", after)
	}
}

func TestAnOrderIsToldAgainWhereTheServiceWasAway(t *testing.T) {
	t.Parallel()
	tenant := newTenant()
	buyer := running.register(t, tenant)
	running.arm(t, tenant, map[string]any{"times": 2, "rpcCode": "UNAVAILABLE"})

	told, err := connect(t, patient).RecordOrder(t.Context(), order(tenant, buyer.ID))

	if err != nil || told.Duplicate || told.TotalOrders != 1 {
		t.Errorf("the third answer is %+v, %v", told, err)
	}
}

func TestAnOrderIsToldAgainWhereTheAnswerIsLate(t *testing.T) {
	t.Parallel()
	tenant := newTenant()
	buyer := running.register(t, tenant)
	running.arm(t, tenant, map[string]any{"times": 1, "delayMs": slow.Milliseconds()})

	told, err := connect(t, hasty).RecordOrder(t.Context(), order(tenant, buyer.ID))

	if err != nil || told.TotalOrders != 1 {
		t.Errorf("the second answer is %+v, %v", told, err)
	}
}

func TestTheCallerCanGiveUp(t *testing.T) {
	t.Parallel()
	tenant := newTenant()
	buyer := running.register(t, tenant)
	running.arm(t, tenant, map[string]any{"delayMs": slow.Milliseconds()})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()

	_, err := connect(t, patient).RecordOrder(ctx, order(tenant, buyer.ID))

	if status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("the error is %v", err)
	}
}

func TestAnUnknownCustomerIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	tenant := newTenant()

	_, err := connect(t, patient).RecordOrder(t.Context(), order(tenant, unknown))

	if !errors.Is(err, customers.ErrUnknownCustomer) {
		t.Errorf("the error is %v", err)
	}
	if heard := running.heard(t, tenant); len(heard) != 1 || heard[0].Status != "NOT_FOUND" {
		t.Errorf("the service recorded the calls %+v", heard)
	}
}

func TestAnOrderToldWithAnotherAmountIsRefused(t *testing.T) {
	t.Parallel()
	tenant := newTenant()
	buyer := running.register(t, tenant)
	client := connect(t, patient)
	first := order(tenant, buyer.ID)
	if _, err := client.RecordOrder(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	other := first
	other.Total = 99_00

	_, err := client.RecordOrder(t.Context(), other)

	if !errors.Is(err, customers.ErrConflict) {
		t.Errorf("the error is %v", err)
	}
}

func connect(t *testing.T, patience customers.Patience) *customers.Client {
	t.Helper()
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	connection, err := grpc.NewClient(running.GRPC, plain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return customers.New(connection, patience)
}

func newTenant() string {
	return "orders-" + rand.Text()
}

func order(tenant, customer string) customers.Order {
	return customers.Order{
		ID: "o-1001", TenantID: tenant, CustomerID: customer, Total: 12_50,
		PlacedAt: time.Date(2025, time.December, 24, 12, 0, 0, 0, time.UTC),
	}
}
