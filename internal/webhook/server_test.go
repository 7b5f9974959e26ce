package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"fsm/api/config/v1alpha3"
)

// endpoint is a running webhook.
type endpoint struct {
	url    string
	client *http.Client
}

// serve runs the webhook until the test ends.
func serve(t testing.TB) endpoint {
	t.Helper()
	borrowed := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	t.Cleanup(borrowed.Close)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		Judges:      map[schema.GroupKind]Judge{{Group: v1alpha3.GroupName, Kind: "MeshConfig"}: MeshConfig},
		Certificate: func() (*tls.Certificate, error) { return &borrowed.TLS.Certificates[0], nil },
		Log:         slog.New(slog.DiscardHandler),
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	trust := x509.NewCertPool()
	trust.AddCert(borrowed.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}}
	t.Cleanup(transport.CloseIdleConnections)
	return endpoint{"https://" + ln.Addr().String() + Path, &http.Client{Transport: transport}}
}

// question asks about a mesh configuration.
func question(operation admissionv1.Operation, kind, object string) io.Reader {
	body, _ := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "42", Operation: operation, Kind: metav1.GroupVersionKind{Group: v1alpha3.GroupName, Version: "v1alpha3", Kind: kind},
			Namespace: "fsm-system", Object: kruntime.RawExtension{Raw: []byte(object)},
		},
	})
	return bytes.NewReader(body)
}

func meshConfig(name, spec string) string {
	return `{"metadata":{"name":"` + name + `"},"spec":` + spec + `}`
}

// good are the fields that a schema would have filled in.
const good = `"certificate":{"serviceCertValidityDuration":"1h"},"observability":{"tracing":{"sampledFraction":"1"}}`

// TestAnswers: what would not be taken over is refused and named, what is not known
// is warned about, and what there is no judge for passes.
func TestAnswers(t *testing.T) {
	e := serve(t)
	for _, test := range []struct {
		name      string
		operation admissionv1.Operation
		kind      string
		object    string
		allowed   bool
		says      string
	}{
		{"good", admissionv1.Create, "MeshConfig", meshConfig("fsm-mesh-config", "{"+good+"}"), true, ""},
		{"unknown field", admissionv1.Update, "MeshConfig", meshConfig("fsm-mesh-config", `{"traffic":{"useHTTPSIngress":true},`+good+"}"), true,
			"spec.traffic.useHTTPSIngress is not known"},
		{"mistake", admissionv1.Update, "MeshConfig", meshConfig("fsm-mesh-config", `{"certificate":{"serviceCertValidityDuration":"1s"},"observability":{"tracing":{"sampledFraction":"1"}}}`), false,
			`spec.certificate.serviceCertValidityDuration: Invalid value: "1s": want a duration`},
		{"several mistakes", admissionv1.Update, "MeshConfig", meshConfig("fsm-mesh-config", `{}`), false, "spec.observability.tracing.sampledFraction"},
		{"another name", admissionv1.Create, "MeshConfig", meshConfig("mine", "{}"), true, "only the MeshConfig with the name fsm-mesh-config counts"},
		{"no object", admissionv1.Create, "MeshConfig", `"text"`, false, "read MeshConfig"},
		{"deletion", admissionv1.Delete, "MeshConfig", "null", true, ""},
		{"last update before deletion", admissionv1.Update, "MeshConfig", `{"metadata":{"name":"fsm-mesh-config","deletionTimestamp":"2026-01-01T00:00:00Z"},"spec":{}}`, true, ""},
		{"another kind", admissionv1.Create, "Other", "{}", true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			res, err := e.client.Post(e.url, "application/json", question(test.operation, test.kind, test.object))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			var review admissionv1.AdmissionReview
			if err := json.NewDecoder(res.Body).Decode(&review); err != nil || review.Response == nil {
				t.Fatalf("got %d, %+v, %v", res.StatusCode, review, err)
			}
			said := strings.Join(review.Response.Warnings, "\n")
			if !test.allowed && review.Response.Result != nil {
				said = review.Response.Result.Message
			}
			if review.Response.Allowed != test.allowed || review.Response.UID != "42" || review.APIVersion != "admission.k8s.io/v1" ||
				!strings.Contains(said, test.says) || test.says == "" && said != "" {
				t.Errorf("got %+v, want %q", review.Response, test.says)
			}
		})
	}
}

// TestNoQuestions: what is no question is refused by its form.
func TestNoQuestions(t *testing.T) {
	e := serve(t)
	for _, test := range []struct {
		name, method string
		body         io.Reader
		length       int64
		want         int
	}{
		{"GET", "GET", nil, 0, http.StatusMethodNotAllowed},
		{"empty", "POST", http.NoBody, 0, http.StatusBadRequest},
		{"garbage", "POST", strings.NewReader("hello"), 5, http.StatusBadRequest},
		{"no request", "POST", strings.NewReader("{}"), 2, http.StatusBadRequest},
		{"length unknown", "POST", io.MultiReader(strings.NewReader("{}")), -1, http.StatusLengthRequired},
		{"too long", "POST", io.LimitReader(zeros{}, maxBody+1), maxBody + 1, http.StatusRequestEntityTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), test.method, e.url, test.body)
			if err != nil {
				t.Fatal(err)
			}
			request.ContentLength = test.length
			res, err := e.client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != test.want {
				t.Errorf("got %d, want %d", res.StatusCode, test.want)
			}
		})
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// TestMemory: many large bodies at a time cost no more memory than a few, whether
// their length is told or not (CVE-2026-24514 was that of another controller).
func TestMemory(t *testing.T) {
	const most = 32 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // what is kept anyway, by other tests, leaves room for much waste
	for _, test := range []struct {
		name         string
		bodies       int
		size, length int64
	}{
		{"too long", 300, 10 << 20, 10 << 20},
		{"length not told", 300, 10 << 20, -1},
		{"just small enough", 100, maxBody, maxBody},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &Server{Log: slog.New(slog.DiscardHandler)}
			server := httptest.NewServer(s.handler()) // without TLS, whose cost is not what is asked for
			defer server.Close()
			before := obtained()
			var wg sync.WaitGroup
			turns := make(chan struct{}, 50) // their memory counts as well
			for range test.bodies {
				turns <- struct{}{}
				wg.Go(func() {
					defer func() { <-turns }()
					request, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+Path, io.LimitReader(zeros{}, test.size))
					if err != nil {
						t.Error(err)
						return
					}
					request.ContentLength = test.length
					if res, err := server.Client().Do(request); err == nil { // else it was closed early
						_ = res.Body.Close()
					}
				})
			}
			wg.Wait()
			if grown := obtained() - before; grown > most {
				t.Errorf("the process grew by %d MiB", grown>>20)
			}
		})
	}
}

// obtained is the memory that was ever obtained from the system.
func obtained() int64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.Sys)
}
