package deliver_test

import (
	"fmt"
	"testing"

	"fsm/internal/deliver"
	"fsm/internal/identity/identitytest"
	"fsm/internal/ir"
)

// BenchmarkEdit measures how long an edit of one route in a large table takes from
// the mesh to the proxy, and how many bytes it is.
func BenchmarkEdit(b *testing.B) {
	for _, routes := range []int{100, 5000} {
		b.Run(fmt.Sprintf("routes=%d", routes), func(b *testing.B) {
			c := start(b, identitytest.Open(b, &identitytest.Store{}, 0), "", deliver.ServerConfig{Beat: deliver.Beat})
			p := c.connect(b, gatewayID, nil)
			var many []string
			for i := range routes {
				many = append(many, fmt.Sprint("/route-", i))
			}
			m := mesh(many...)
			c.Publish(m)
			<-p.applied
			before := c.written.Load()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				list := append([]*ir.Route(nil), m.Tables["t"].Routes...)
				list[routes/2] = route(fmt.Sprint("/edited-", i))
				next := *m
				next.Tables = map[ir.TableName]*ir.RouteTable{"t": {Name: "t", Routes: list}}
				m = &next
				b.StartTimer()
				c.Publish(m)
				<-p.applied
			}
			b.ReportMetric(float64(c.written.Load()-before)/float64(b.N), "bytes/op")
		})
	}
}
