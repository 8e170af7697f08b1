package customers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pact-foundation/pact-go/v2/consumer"
	"github.com/pact-foundation/pact-go/v2/log"
	"github.com/pact-foundation/pact-go/v2/matchers"
	"github.com/pact-foundation/pact-go/v2/models"

	customers "example.com/orders-rest"
)

const (
	tenant    = "orders-service"
	anID      = "01890a5d-ac96-774b-bcce-b302099a8057"
	fresh     = "build/pacts"
	committed = "../pacts"
)

var order = customers.Order{
	ID: "o-1001", Total: "12.50", PlacedAt: time.Date(2025, time.December, 24, 12, 0, 0, 0, time.UTC),
}

// TestPact writes the pact of what the orders service needs from the customers service. It plays
// each exchange with a mock server that Pact starts, and compares the pact with the committed file.
// With UPDATE_PACT in the environment it replaces the file.
func TestPact(t *testing.T) {
	if err := os.RemoveAll(fresh); err != nil {
		t.Fatal(err)
	}
	t.Run("an order of a customer counts", anOrderCounts)
	t.Run("an order of nobody is refused", anOrderOfNobodyIsRefused)
	t.Run("the committed pact says what the orders service needs", compare)
}

func anOrderCounts(t *testing.T) {
	path := "/api/v1/customers/%s/record-order"
	err := pact(t).AddInteraction().
		GivenWithParameter(state("a customer exists")).
		UponReceiving("the first order of a customer").
		WithRequestPathMatcher(
			"POST",
			matchers.FromProviderState(fmt.Sprintf(path, "${customerId}"), fmt.Sprintf(path, anID)),
			asked,
		).
		WillRespondWith(200, func(answer *consumer.V4ResponseBuilder) {
			answer.Header("Content-Type", isJSON).JSONBody(map[string]any{
				"duplicate": false,
				"customer":  map[string]any{"totalOrders": 1, "totalSpent": 12.5},
			})
		}).
		ExecuteTest(t, func(service consumer.MockServerConfig) error {
			told, err := client(service).RecordOrder(t.Context(), anID, order)
			if told.Customer.TotalOrders != 1 || told.Customer.TotalSpent != "12.5" {
				t.Errorf("the answer is %+v", told)
			}
			return err
		})
	if err != nil {
		t.Error(err)
	}
}

func anOrderOfNobodyIsRefused(t *testing.T) {
	err := pact(t).AddInteraction().
		GivenWithParameter(state("no customers")).
		UponReceiving("an order of nobody").
		WithRequest("POST", "/api/v1/customers/"+anID+"/record-order", asked).
		WillRespondWith(404, func(answer *consumer.V4ResponseBuilder) {
			answer.Header("Content-Type", isJSON).JSONBody(map[string]any{"code": "CUSTOMER_NOT_FOUND"})
		}).
		ExecuteTest(t, func(service consumer.MockServerConfig) error {
			_, err := client(service).RecordOrder(t.Context(), anID, order)
			if !errors.Is(err, customers.ErrUnknownCustomer) {
				t.Errorf("the error is %v", err)
			}
			return nil
		})
	if err != nil {
		t.Error(err)
	}
}

func compare(t *testing.T) {
	const file = "orders-service-customers-service.json"
	made := withoutVersions(t, filepath.Join(fresh, file))
	if os.Getenv("UPDATE_PACT") != "" {
		if err := os.WriteFile(filepath.Join(committed, file), made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if known, err := os.ReadFile(filepath.Join(committed, file)); !bytes.Equal(known, made) {
		t.Errorf("the committed pact differs (%v): run UPDATE_PACT=yes examples/run go-rest", err)
	}
}

var isJSON = matchers.Term("application/json; charset=utf-8", "^application/json")

func asked(request *consumer.V4RequestBuilder) {
	request.Header("X-Tenant-ID", matchers.S(tenant)).JSONBody(order)
}

func state(name string) models.ProviderState {
	return models.ProviderState{Name: name, Parameters: map[string]any{"tenantId": tenant}}
}

func pact(t *testing.T) *consumer.V4HTTPMockProvider {
	t.Helper()
	_ = log.SetLogLevel("ERROR")
	made, err := consumer.NewV4Pact(consumer.MockHTTPProviderConfig{
		Consumer: "orders-service", Provider: "customers-service", PactDir: fresh, Host: "127.0.0.1",
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func client(service consumer.MockServerConfig) customers.Client {
	return customers.Client{
		URL: fmt.Sprintf("http://%s:%d", service.Host, service.Port), Tenant: tenant,
	}
}

// withoutVersions drops the versions of Pact, which would change the file although the orders
// service needs the same.
func withoutVersions(t *testing.T, file string) []byte {
	t.Helper()
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var pact map[string]any
	if err := json.Unmarshal(written, &pact); err != nil {
		t.Fatal(err)
	}
	metadata := pact["metadata"].(map[string]any)
	pact["metadata"] = map[string]any{"pactSpecification": metadata["pactSpecification"]}
	var kept bytes.Buffer
	encoder := json.NewEncoder(&kept)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(pact); err != nil {
		t.Fatal(err)
	}
	return kept.Bytes()
}
