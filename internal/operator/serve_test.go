package operator_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/operator"
)

// local listens on a port of this machine.
func (l *lab) local() net.Listener {
	l.T.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	l.Check(err)
	return ln
}

// ask reports what an interface answers.
func (l *lab) ask(ln net.Listener, path string) (status int, text string) {
	l.T.Helper()
	q, err := http.NewRequestWithContext(l.Ctx, http.MethodGet, "http://"+ln.Addr().String()+path, nil)
	l.Check(err)
	res, err := http.DefaultClient.Do(q)
	l.Check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	l.Check(err)
	return res.StatusCode, string(body)
}

// TestReadiness: a control plane that cannot read the cluster is alive and not ready;
// once it has read it is ready, whether it leads or not.
func TestReadiness(t *testing.T) {
	l := newLab(t)
	l.namespace("readiness")
	answers := make(chan struct{})
	release := sync.OnceFunc(func() { close(answers) })
	t.Cleanup(release) // or it would not end
	l.requested = func(q *http.Request) {
		select {
		case <-answers:
		case <-q.Context().Done():
		}
	}
	health := map[string]net.Listener{"one": l.local(), "two": l.local()}
	l.set = func(o *operator.Options) { o.Health = health[o.Pod] }
	for pod := range health {
		l.operateAs(pod, l.local())
	}
	for pod, ln := range health {
		if status, _ := l.ask(ln, "/healthz"); status != http.StatusOK {
			t.Errorf("%s: alive is %d", pod, status)
		}
		if status, text := l.ask(ln, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "being read") {
			t.Errorf("%s: ready is %d %s", pod, status, text)
		}
		if status, _ := l.ask(ln, "/metrics"); status != http.StatusNotFound {
			t.Errorf("%s: metrics are %d where only health is asked for", pod, status)
		}
	}
	release()
	for pod, ln := range health {
		l.Eventually(pod+" is ready", func() error {
			if status, text := l.ask(ln, "/readyz"); status != http.StatusOK {
				return fmt.Errorf("%d %s", status, text)
			}
			return nil
		})
	}
}

// TestMetrics: figures say what the control plane does.
func TestMetrics(t *testing.T) {
	l := newLab(t)
	l.namespace("figures")
	metrics := l.local()
	debug := l.local()
	l.set = func(o *operator.Options) { o.Metrics, o.Debug = metrics, debug }
	controller := l.listen()
	l.Put(strings.ReplaceAll(gatewayWith("figures", "gw", ""), "8080", l.FreePort()))
	l.assign("figures", "fsm-gateway-figures", "", "192.0.2.7")
	l.says("figures", "gw", metav1.Condition{Type: "Programmed", Status: "Unknown", Reason: "Pending", Message: "no proxy"})
	l.proxy(controller, "figures", "fsm-gateway-figures", "gw")
	l.says("figures", "gw", metav1.Condition{Type: "Programmed", Status: "True", Reason: "Programmed"})
	for _, series := range []string{
		`fsm_controller_leader 1`, `fsm_controller_proxies{state="SYNCED"} 1`, `fsm_controller_proxies{state="REJECTED"} 0`,
		`fsm_controller_objects{kind="Gateway"} [1-9]`, `fsm_controller_updates_total [1-9]`, `fsm_controller_answers_total{result="acknowledged"} [1-9]`,
		`fsm_controller_answers_total{result="rejected"} 0`, `fsm_controller_delivered_bytes_total [1-9]`,
		`fsm_controller_certificates_total{result="issued"} 1`, `fsm_controller_certificate_expiry_timestamp_seconds [1-9]`,
		`fsm_controller_proxy_certificate_expiry_timestamp_seconds [1-9]`, `fsm_controller_status_writes_total{kind="Gateway",result="written"} [1-9]`,
		`fsm_controller_translation_duration_seconds_count [1-9]`, `process_resident_memory_bytes `, `go_goroutines `,
	} {
		l.Eventually(series, func() error {
			_, text := l.ask(metrics, "/metrics")
			if !regexp.MustCompile(`(?m)^` + strings.NewReplacer("{", `\{`, "}", `\}`).Replace(series)).MatchString(text) {
				return fmt.Errorf("not among:\n%s", text)
			}
			return nil
		})
	}
	if _, text := l.ask(debug, "/metrics"); !strings.Contains(text, "fsm_controller_leader 1") {
		t.Errorf("the debug interface has\n%s", text)
	}
}
