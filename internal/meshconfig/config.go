package meshconfig

import (
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"fsm/api/config/v1alpha3"
	"fsm/internal/ir"
)

// Config is what a control plane does.
type Config struct {
	// LogLevel of the control plane.
	LogLevel slog.Level
	// Gateways says that they are served.
	Gateways bool
	// Proxies are those of Gateways.
	Proxies Proxies
	// LeafLifetime of the certificates that the built-in authority signs.
	LeafLifetime time.Duration
	ServiceLB    ServiceLB
	Ingress      Ingress
	// IngressCertificate is for ingresses of any make; the zero value is none.
	IngressCertificate ClientCertificate
}

// Proxies is how the proxies of Gateways are run.
type Proxies struct {
	Image      string
	PullPolicy corev1.PullPolicy
	// LogLevel of proxies whose Gateways say none.
	LogLevel slog.Level
	// Collector is the URL that takes their traces by OTLP; empty for none. SampledRatio
	// is the share of the traces that begin in a proxy which it takes.
	Collector    string
	SampledRatio float64
}

// Ingress is the proxy of objects of kind Ingress.
type Ingress struct {
	Enabled bool
	// Namespaced says that namespaces may have proxies of their own.
	Namespaced bool
	// Service is the name of the one that leads to it.
	Service  string
	Type     corev1.ServiceType
	Replicas int32
	LogLevel slog.Level
	// HTTP is the port without TLS, and TLS the one with it.
	HTTP, TLS IngressPort
	// Passthrough says that TLS is not ended here, and PassthroughPort at which port of
	// Services it is.
	Passthrough     bool
	PassthroughPort uint16
}

// IngressPort is a port of the proxy.
type IngressPort struct {
	Enabled bool
	// Port of the Service, and Bind that of the pods.
	Port, Bind uint16
	// NodePort of the Service; 0 lets the cluster choose.
	NodePort int32
}

// ServiceLB is the load balancer for Services of clusters that have none.
type ServiceLB struct {
	Enabled bool
	Image   string
}

// Bounds of the life of a certificate. Below them renewals would be what proxies do
// most, and above them a stolen key would be good for longer than anybody remembers.
const (
	minLifetime = 10 * time.Minute
	maxLifetime = 365 * 24 * time.Hour
)

// With is what a mesh configuration makes of the Config that the control plane was
// installed with. It must not be used if there are mistakes.
func (c Config) With(spec *v1alpha3.MeshConfigSpec) (Config, field.ErrorList) {
	path := field.NewPath("spec")
	c.LogLevel = Level(spec.Observability.FSMLogLevel)
	c.Gateways = spec.GatewayAPI.Enabled
	c.Proxies.LogLevel = min(Level(spec.GatewayAPI.LogLevel), Level(spec.GatewayAPI.FGWLogLevel))
	c.Proxies.Image = image(c.Proxies.Image, spec.Image)
	if p := spec.Image.PullPolicy; p != "" {
		c.Proxies.PullPolicy = corev1.PullPolicy(p)
	}
	c.ServiceLB = ServiceLB{Enabled: spec.ServiceLB.Enabled, Image: spec.ServiceLB.Image}
	if c.ServiceLB.Image == "" {
		c.ServiceLB.Image = c.Proxies.Image
	}
	mistakes := c.tracing(&spec.Observability.Tracing, path.Child("observability", "tracing"))
	mistakes = append(mistakes, c.lifetime(&spec.Certificate, path.Child("certificate"))...)
	mistakes = append(mistakes, c.ingressCertificate(spec.Certificate.IngressGateway, path.Child("certificate", "ingressGateway"))...)
	return c, append(mistakes, c.ingress(&spec.Ingress, path.Child("ingress"))...)
}

// ingress takes over what is said about Ingresses.
func (c *Config) ingress(spec *v1alpha3.IngressSpec, path *field.Path) field.ErrorList {
	h, t := spec.HTTP, spec.TLS
	c.Ingress = Ingress{
		Enabled: spec.Enabled, Namespaced: spec.Namespaced, Service: spec.ServiceName, Type: corev1.ServiceType(spec.Type), Replicas: spec.Replicas, LogLevel: Level(spec.LogLevel),
		HTTP:        IngressPort{h.Enabled, uint16(h.Bind), uint16(h.Listen), h.NodePort},
		TLS:         IngressPort{t.Enabled, uint16(t.Bind), uint16(t.Listen), t.NodePort},
		Passthrough: t.SSLPassthrough.Enabled, PassthroughPort: uint16(t.SSLPassthrough.UpstreamPort),
	}
	var mistakes field.ErrorList
	if !spec.Enabled {
		return nil
	}
	if !h.Enabled && !t.Enabled {
		mistakes = append(mistakes, field.Invalid(path, "no port", "want http.enabled or tls.enabled"))
	}
	for name, listen := range map[string]v1alpha3.Port{"http": h.Listen, "tls": t.Listen} {
		if ir.PodPort(uint16(listen)) != uint16(listen) {
			mistakes = append(mistakes, field.Invalid(path.Child(name, "listen"), listen, "want a port that needs no privilege, and that the proxy does not need itself"))
		}
	}
	if h.Enabled && t.Enabled {
		for name, same := range map[string]bool{"bind": h.Bind == t.Bind, "listen": h.Listen == t.Listen, "nodePort": h.NodePort == t.NodePort && h.NodePort != 0} {
			if same {
				mistakes = append(mistakes, field.Invalid(path.Child("tls", name), "same as http."+name, "want another port"))
			}
		}
	}
	if t.SSLPassthrough.Enabled && !t.Enabled {
		mistakes = append(mistakes, field.Invalid(path.Child("tls", "sslPassthrough", "enabled"), true, "want tls.enabled as well"))
	}
	slices.SortFunc(mistakes, func(a, b *field.Error) int { return strings.Compare(a.Field, b.Field) })
	return mistakes
}

// Level is the nearest that there is.
func Level(l v1alpha3.LogLevel) slog.Level {
	switch l {
	case "trace", "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error", "fatal", "panic", "disabled":
		return slog.LevelError
	}
	return slog.LevelInfo
}

// image is one of the same name, from another registry or of another version.
func image(installed string, spec v1alpha3.ImageSpec) string {
	registry, name, version := "", installed, ""
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		registry, name = name[:i+1], name[i+1:]
	}
	if i := strings.IndexAny(name, ":@"); i >= 0 { // a tag or a digest
		name, version = name[:i], name[i:]
	}
	if spec.Registry != "" {
		registry = strings.TrimSuffix(spec.Registry, "/") + "/"
	}
	if spec.Tag != "" {
		version = ":" + spec.Tag
	}
	return registry + name + version
}

// Where a collector takes OTLP over HTTP if nothing else is said (OTLP specification,
// "OTLP/HTTP Default Port"), and where Zipkin has its own protocol, which FSM 1.2
// spoke.
const (
	otlpPort   = 4318
	otlpPath   = "/v1/traces"
	zipkinPath = "/api/v2/spans"
)

func (c *Config) tracing(spec *v1alpha3.TracingSpec, path *field.Path) field.ErrorList {
	c.Proxies.Collector, c.Proxies.SampledRatio = "", 0
	ratio, err := strconv.ParseFloat(spec.SampledFraction, 64)
	if err != nil || ratio < 0 || ratio > 1 {
		return field.ErrorList{field.Invalid(path.Child("sampledFraction"), spec.SampledFraction, "want a number from 0 to 1")}
	}
	if !spec.Enable {
		return nil
	}
	var mistakes field.ErrorList
	if spec.Address == "" {
		mistakes = append(mistakes, field.Required(path.Child("address"), "tracing needs a collector"))
	}
	if strings.HasPrefix(spec.Endpoint, zipkinPath) {
		mistakes = append(mistakes, field.Invalid(path.Child("endpoint"), spec.Endpoint,
			"proxies do not speak the protocol of Zipkin; want the path for OTLP over HTTP, which is mostly "+otlpPath))
	}
	port, endpoint := v1alpha3.Port(otlpPort), spec.Endpoint
	if spec.Port != nil {
		port = *spec.Port
	}
	if endpoint == "" {
		endpoint = otlpPath
	}
	c.Proxies.Collector = "http://" + net.JoinHostPort(spec.Address, strconv.Itoa(int(port))) + endpoint
	c.Proxies.SampledRatio = ratio
	return mistakes
}

func (c *Config) lifetime(spec *v1alpha3.CertificateSpec, path *field.Path) field.ErrorList {
	d, mistakes := lifetimeOf(spec.ServiceCertValidityDuration, path.Child("serviceCertValidityDuration"))
	c.LeafLifetime = d
	return mistakes
}

// lifetimeOf is that of a certificate.
func lifetimeOf(text v1alpha3.Duration, path *field.Path) (time.Duration, field.ErrorList) {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < minLifetime || d > maxLifetime {
		return 0, field.ErrorList{field.Invalid(path, text, `want a duration from "10m" to "8760h"`)}
	}
	return d, nil
}
