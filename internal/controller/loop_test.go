package controller_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/controller"
	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate"
	"fsm/internal/translate/report"
)

// source changes when told to.
type source struct {
	set     *resource.Set
	changes chan struct{}
}

func (s *source) Set() *resource.Set { return s.set }

func (s *source) Run(ctx context.Context, changed func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.changes:
			changed()
		}
	}
}

// delivery remembers what meshes it was given, and when.
type delivery struct {
	begun  time.Time
	at     []time.Duration
	meshes []*ir.Mesh
}

func (d *delivery) Publish(m *ir.Mesh) {
	d.at = append(d.at, time.Since(d.begun))
	d.meshes = append(d.meshes, m)
}

// TestAnswers: the answer to a mesh is reported with what was said about that
// mesh, even when there is a newer one already; and meshes that the delivery
// skipped are forgotten.
func TestAnswers(t *testing.T) {
	s := &source{}
	d := &delivery{}
	var published []*report.Report
	reports := controller.Reports{Publish: func(r *report.Report) { published = append(published, r) }}
	l := controller.Loop{
		Sources: []controller.Source{s}, Translator: translate.New(translate.Config{}), Delivery: d, Translated: reports.Translated,
	}
	class := func(name string) resource.Object {
		return &gatewayv1.GatewayClass{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       gatewayv1.GatewayClassSpec{ControllerName: gatewayv1.GatewayController(translate.Config{}.Resolve().ControllerName)},
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		s.set = resource.NewSet([]resource.Object{class(name)})
		l.Translate()
	}
	reports.Answered(d.meshes[0], ir.Ack{})
	reports.Answered(d.meshes[2], ir.Ack{})
	reports.Answered(d.meshes[1], ir.Ack{}) // too late
	var got []string
	for _, r := range published {
		for key := range r.Classes {
			got = append(got, key.Name)
		}
	}
	if fmt.Sprint(got) != "[a c]" {
		t.Errorf("reported on %v, want [a c]", got)
	}
}

// TestLoop: a single change is acted on at once, a burst of changes once it is
// over, and a burst without end every now and then.
func TestLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{set: resource.NewSet([]resource.Object{&gatewayv1.Gateway{}}), changes: make(chan struct{})}
		d := &delivery{begun: time.Now()}
		l := controller.Loop{
			Sources: []controller.Source{s}, Translator: translate.New(translate.Config{}), Delivery: d,
			Translated: func(*ir.Mesh, *report.Report) {},
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			l.Run(ctx)
			close(done)
		}()
		time.Sleep(time.Second)
		s.changes <- struct{}{} // alone
		synctest.Wait()
		if len(d.at) != 2 || d.at[1] != time.Second {
			t.Errorf("a single change was acted on at %v", d.at)
		}
		time.Sleep(time.Second)
		for range 5 { // a burst
			s.changes <- struct{}{}
			time.Sleep(2 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(d.at) != 4 {
			t.Errorf("a burst was acted on %d times, want at its beginning and after it", len(d.at)-2)
		}
		before := len(d.at)
		for range 1000 { // five seconds without rest
			s.changes <- struct{}{}
			time.Sleep(5 * time.Millisecond)
		}
		synctest.Wait()
		if n := len(d.at) - before; n < 40 || n > 60 {
			t.Errorf("five seconds of changes were acted on %d times", n)
		}
		cancel()
		<-done
	})
}
