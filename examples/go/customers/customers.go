// Package customers records orders in the customers service, and retries until they are recorded.
//
// After a lost or late answer the caller cannot know whether the order was counted. The service
// counts an order once, however often it is sent, so the client sends it again with the same id.
package customers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"example.com/orders/internal/customersv1"
)

var (
	// ErrUnknownCustomer: the customer does not exist in this tenant, or was deleted.
	ErrUnknownCustomer = errors.New("the customer is unknown")
	// ErrConflict: the order was already recorded with a different amount, date or customer.
	ErrConflict = errors.New("the order was already recorded with different values")
)

// Order is a placed order. Its id never changes.
type Order struct {
	ID         string
	TenantID   string
	CustomerID string
	Total      Cents
	PlacedAt   time.Time
}

// Cents are exact; sums in binary floating point are not.
type Cents int64

// Recorded is the result of recording an order, with the statistics of the customer.
type Recorded struct {
	// Duplicate is true if an earlier call recorded the order.
	Duplicate   bool
	TotalOrders int64
	TotalSpent  Cents
}

// Patience limits the attempts of a call.
type Patience struct {
	Attempts int
	// PerAttempt is the timeout of one attempt.
	PerAttempt time.Duration
	// Pause is the wait before the second attempt; it doubles before every further one.
	Pause time.Duration
}

// Client is safe for use by several goroutines.
type Client struct {
	service  customersv1.CustomersServiceClient
	patience Patience
}

// New returns a client on a connection, which the caller closes.
func New(connection grpc.ClientConnInterface, patience Patience) *Client {
	return &Client{service: customersv1.NewCustomersServiceClient(connection), patience: patience}
}

// RecordOrder returns when the order is recorded. ErrUnknownCustomer and ErrConflict are final;
// after any other error the order may or may not be recorded, and it is safe to send it again.
func (c *Client) RecordOrder(ctx context.Context, order Order) (Recorded, error) {
	request := order.asRequest()
	pause := c.patience.Pause
	for attempt := 1; ; attempt++ {
		answer, err := c.attempt(ctx, request)
		if err == nil {
			return recorded(answer), nil
		}
		if attempt >= c.patience.Attempts || !isPassing(err) || !wait(ctx, pause) {
			return Recorded{}, fmt.Errorf("order %s, attempt %d: %w", order.ID, attempt, named(err))
		}
		pause *= 2
	}
}

func (c *Client) attempt(
	ctx context.Context, request *customersv1.RecordOrderRequest,
) (*customersv1.RecordOrderResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, c.patience.PerAttempt)
	defer cancel()
	return c.service.RecordOrder(ctx, request)
}

func (o Order) asRequest() *customersv1.RecordOrderRequest {
	return &customersv1.RecordOrderRequest{
		TenantId:   o.TenantID,
		CustomerId: o.CustomerID,
		OrderId:    o.ID,
		OrderTotal: o.Total.asMoney(),
		OrderDate:  timestamppb.New(o.PlacedAt),
	}
}

func recorded(answer *customersv1.RecordOrderResponse) Recorded {
	return Recorded{
		Duplicate:   answer.GetDuplicate(),
		TotalOrders: answer.GetStatistics().GetTotalOrders(),
		TotalSpent:  cents(answer.GetStatistics().GetTotalSpent()),
	}
}

const nanosPerCent = 10_000_000

func (c Cents) asMoney() *money.Money {
	return &money.Money{Units: int64(c / 100), Nanos: int32(c%100) * nanosPerCent}
}

func cents(amount *money.Money) Cents {
	return Cents(amount.GetUnits()*100 + int64(amount.GetNanos()/nanosPerCent))
}

// isPassing reports whether the same call may succeed later.
func isPassing(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	default:
		return false
	}
}

// wait returns false if the caller gives up before the pause ends.
func wait(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}

func named(err error) error {
	switch {
	case status.Code(err) == codes.NotFound:
		return fmt.Errorf("%w: %w", ErrUnknownCustomer, err)
	case reason(err) == "ORDER_CONFLICT":
		return fmt.Errorf("%w: %w", ErrConflict, err)
	default:
		return err
	}
}

// reason returns the service's code of a conflict.
func reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
