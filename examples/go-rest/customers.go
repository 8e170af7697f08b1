// Package customers records orders in the customers service over REST.
//
// The example in ../go does the same over gRPC, with the retries that both need. This one shows how
// a team writes a pact of what it needs from the service.
package customers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// ErrUnknownCustomer: the customer does not exist in this tenant, or was deleted.
var ErrUnknownCustomer = errors.New("the customer is unknown")

// Order is a placed order. Its id never changes.
type Order struct {
	ID string `json:"orderId"`
	// Total is exact, such as "12.50"; sums in binary floating point are not.
	Total    json.Number `json:"totalAmount"`
	PlacedAt time.Time   `json:"orderDate"`
}

// Recorded is the result of recording an order, with the statistics of the customer.
type Recorded struct {
	// Duplicate is true if an earlier call recorded the order.
	Duplicate bool `json:"duplicate"`
	Customer  struct {
		TotalOrders int         `json:"totalOrders"`
		TotalSpent  json.Number `json:"totalSpent"`
	} `json:"customer"`
}

// Client calls the service at URL for one tenant.
type Client struct {
	URL    string
	Tenant string
}

// RecordOrder returns when the order is recorded. It is safe to send it again.
func (c Client) RecordOrder(ctx context.Context, customer string, order Order) (Recorded, error) {
	answer, err := c.post(ctx, "/api/v1/customers/"+url.PathEscape(customer)+"/record-order", order)
	if err != nil {
		return Recorded{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	switch answer.StatusCode {
	case http.StatusOK:
		var told Recorded
		return told, json.NewDecoder(answer.Body).Decode(&told)
	case http.StatusNotFound:
		return Recorded{}, fmt.Errorf("%w: %s", ErrUnknownCustomer, customer)
	default:
		return Recorded{}, fmt.Errorf("order %s: %s", order.ID, answer.Status)
	}
}

func (c Client) post(ctx context.Context, path string, body any) (*http.Response, error) {
	written, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(
		ctx, http.MethodPost, c.URL+path, bytes.NewReader(written),
	)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Tenant-ID", c.Tenant)
	return http.DefaultClient.Do(request)
}
