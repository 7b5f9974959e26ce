package process

import "github.com/spf13/pflag"

// Bind makes flags for the options.
func (o *Options) Bind(f *pflag.FlagSet) {
	f.StringVar(&o.Admin, "admin", o.Admin, "address of the admin interface; empty for none")
	f.StringVar(&o.Health, "health", o.Health, "address that answers whether the proxy is ready, and nothing else; empty for none")
	f.BoolVar(&o.Profiling, "profiling", o.Profiling, "serve /debug/pprof on the admin interface")
	f.StringVar(&o.AccessLog, "access-log", o.AccessLog, `access log: "off", "-" for standard output, or a file to append to`)
	f.StringSliceVar(&o.AccessLogFields, "access-log-fields", nil, "members of the access log lines; the usual ones if not given")
	f.BoolVar(&o.RouteMetrics, "route-metrics", o.RouteMetrics, "count per route")
	f.BoolVar(&o.BackendMetrics, "backend-metrics", o.BackendMetrics, "count per backend")
	f.IntVar(&o.MaxSeries, "max-series", o.MaxSeries, "routes, and backends, with figures of their own; the rest share one")
	f.DurationVar(&o.DrainNotice, "drain-notice", o.DrainNotice, "how long to go on as before after SIGTERM, while not ready")
	f.DurationVar(&o.DrainTimeout, "drain-timeout", o.DrainTimeout, "when to end after SIGTERM, whatever is still in progress")
	f.StringVar(&o.OTLP, "otlp-endpoint", o.OTLP, "URL of a collector that takes traces by OTLP over HTTP; none if not given")
	f.Float64Var(&o.TraceRatio, "trace-ratio", o.TraceRatio, "share of the traces that begin here which are recorded")
	f.StringVar(&o.DNS, "dns", o.DNS, "name server for backends, ADDRESS[:PORT]; the system's resolver if not given")
}
