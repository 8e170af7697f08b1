package customers_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// service is the real customers service, in memory and with its test API.
type service struct {
	HTTP string `json:"http"`
	GRPC string `json:"grpc"`
}

var running service

// TestMain starts one service for all tests. Each test uses its own tenant, so none sees another's
// customers, faults or calls.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		found, stop, err := start()
		if err != nil {
			fmt.Fprintln(os.Stderr, "the customers service did not start:", err)
			return 1
		}
		defer stop()
		running = found
		return m.Run()
	}())
}

// start uses the service at CUSTOMERS_HTTP and CUSTOMERS_GRPC, or starts the command CUSTOMERS.
func start() (service, func(), error) {
	if address := os.Getenv("CUSTOMERS_HTTP"); address != "" {
		return service{HTTP: address, GRPC: os.Getenv("CUSTOMERS_GRPC")}, func() {}, nil
	}
	folder, err := os.MkdirTemp("", "customers")
	if err != nil {
		return service{}, nil, err
	}
	ready := filepath.Join(folder, "ready.json")
	process := exec.Command(
		cmp.Or(os.Getenv("CUSTOMERS"), "customers"), "serve", "--storage", "memory", "--test-api",
		"--port", "0", "--rpc-port", "0", "--ready-file", ready, "--log-level", "error",
	)
	process.Stdout, process.Stderr = os.Stderr, os.Stderr
	if err := process.Start(); err != nil {
		return service{}, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	stop := func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		<-ended
		_ = os.RemoveAll(folder)
	}
	found, err := waitFor(ready, ended)
	if err != nil {
		_ = process.Process.Kill()
		_ = os.RemoveAll(folder)
	}
	return found, stop, err
}

// waitFor reads the ready file, which is complete as soon as it exists.
func waitFor(ready string, ended <-chan error) (service, error) {
	tooLate := time.After(30 * time.Second)
	for {
		if written, err := os.ReadFile(ready); err == nil {
			var found service
			return found, json.Unmarshal(written, &found)
		}
		select {
		case err := <-ended:
			return service{}, fmt.Errorf("the process has exited: %w", cmp.Or(err, errors.New("exit 0")))
		case <-tooLate:
			return service{}, errors.New("no ready file within 30 seconds")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

type customer struct {
	ID          string      `json:"id"`
	TotalOrders int         `json:"totalOrders"`
	TotalSpent  json.Number `json:"totalSpent"`
}

// call is a call in the service's call log.
type call struct {
	Status any  `json:"status"`
	Lost   bool `json:"lost"`
}

func (s service) register(t *testing.T, tenant string) customer {
	t.Helper()
	var made customer
	s.post(t, "/api/v1/customers", map[string]any{
		"tenantId": tenant, "email": "ada@example.test", "firstName": "Ada", "lastName": "Lovelace",
	}, &made)
	return made
}

func (s service) customer(t *testing.T, tenant, id string) customer {
	t.Helper()
	var found customer
	s.get(t, "/api/v1/customers/"+id, url.Values{"tenant_id": {tenant}}, &found)
	return found
}

// arm adds a fault to the calls that record an order of the tenant.
func (s service) arm(t *testing.T, tenant string, fault map[string]any) {
	t.Helper()
	fault["match"] = map[string]any{"operation": "RecordOrder", "tenantId": tenant}
	s.post(t, "/__test/faults", fault, nil)
}

// heard returns the recorded calls to record an order of the tenant, oldest first. It waits until
// the service is idle: an answer may arrive before its call is in the call log.
func (s service) heard(t *testing.T, tenant string) []call {
	t.Helper()
	s.get(t, "/__test/idle", nil, nil)
	var log struct {
		Requests []call `json:"requests"`
	}
	asked := url.Values{"tenant_id": {tenant}, "operation": {"RecordOrder"}}
	s.get(t, "/__test/requests", asked, &log)
	return log.Requests
}

func (s service) get(t *testing.T, path string, query url.Values, into any) {
	t.Helper()
	answer, err := http.Get(s.HTTP + path + "?" + query.Encode())
	read(t, answer, err, into)
}

func (s service) post(t *testing.T, path string, body, into any) {
	t.Helper()
	written, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(s.HTTP+path, "application/json", bytes.NewReader(written))
	read(t, answer, err, into)
}

func read(t *testing.T, answer *http.Response, err error, into any) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	written, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		t.Fatalf("%s: %s %s", answer.Request.URL, answer.Status, written)
	}
	if into != nil {
		if err := json.Unmarshal(written, into); err != nil {
			t.Fatal(err)
		}
	}
}
