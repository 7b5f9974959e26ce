package core

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/memo"
)

// Reference names a backend the way a user wrote it, with defaults filled in.
type Reference struct {
	From            Referrer
	Group, Kind     string
	Namespace, Name string
	Port            int32
	// UDP prefers, of two Service ports with the same number, the one for UDP. The
	// protocol of a Service port is otherwise not looked at: forwarding is decided
	// by the listener.
	UDP bool
}

func (ref Reference) key() resource.Key {
	return resource.Key{Group: ref.Group, Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name}
}

// Destination is a reference that resolved.
type Destination struct {
	Address
	// Backend is the name that a backend at this address has when nothing that
	// varies, such as a client certificate, is added.
	Backend ir.BackendName
	Origin  ir.Origin
	// Service is the Service that the reference names; policies attach to it. It is
	// empty for a DNS name.
	Service types.NamespacedName
	// Import, in place of Service, is a ServiceImport.
	Import types.NamespacedName
	// ServicePort is the number that the reference names.
	ServicePort uint16
	// PortName and AppProtocol are those of the Service port.
	PortName    string
	AppProtocol string
}

// Address is where the endpoints of a destination are found.
type Address struct {
	Endpoints ir.EndpointsName
	Port      uint16
	// Slices is the Service whose EndpointSlices count, and SlicePort the name of
	// the port in them.
	Slices    types.NamespacedName
	SlicePort string
	// Host, in place of Slices, is a DNS name.
	Host string
}

// RefError is a reference that does not resolve.
type RefError struct {
	// Reason is that of a route's ResolvedRefs condition.
	Reason gatewayv1.RouteConditionReason
	// Reply is the reason of the replies to requests that would have gone there.
	Reply   string
	Message string
}

func (e *RefError) Error() string { return e.Message }

// resolution is what a reference means, as a value that can be compared.
type resolution struct {
	destination Destination
	failed      bool
	err         RefError
}

// Resolve finds out what a reference means.
func (s *Source) Resolve(r *memo.Recorder, ref Reference) (Destination, *RefError) {
	found := s.references.Read(r, ref)
	if found.failed {
		return Destination{}, &found.err
	}
	return found.destination, nil
}

func (s *Source) resolve(r *memo.Recorder, ref Reference) resolution {
	d, err := s.lookUp(r, ref)
	if err != nil {
		return resolution{failed: true, err: *err}
	}
	return resolution{destination: d}
}

func (s *Source) lookUp(r *memo.Recorder, ref Reference) (Destination, *RefError) {
	imported := ref.Group == ImportGroup && ref.Kind == "ServiceImport"
	if !imported && (ref.Group != corev1.GroupName || ref.Kind != "Service") {
		return Destination{}, &RefError{
			Reason: gatewayv1.RouteReasonInvalidKind, Reply: ReasonBackendInvalidKind,
			Message: fmt.Sprintf("kind %s is not supported as a backend; use Service", cmp.Or(ref.Group, "core")+"/"+ref.Kind),
		}
	}
	if !s.Permits(r, ref.From, ref.key()) {
		// Said whether the Service exists or not, so that nobody can probe for it.
		return Destination{}, &RefError{
			Reason: gatewayv1.RouteReasonRefNotPermitted, Reply: ReasonBackendNotPermitted,
			Message: fmt.Sprintf("no ReferenceGrant in namespace %q allows a %s of namespace %q to refer to %s %q",
				ref.Namespace, ref.From.Kind, ref.From.Namespace, ref.Kind, ref.Name),
		}
	}
	if ref.Port < 1 || ref.Port > 65535 {
		return Destination{}, notFound("port %d of %s %s is not a port", ref.Port, ref.Kind, ref.display())
	}
	if imported {
		return resolveImport(ref), nil
	}
	service := Get[*corev1.Service](s, r, types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name})
	switch {
	case service != nil:
		return s.resolveService(ref, service)
	case strings.Contains(ref.Name, ".") && ref.From.Namespace == ref.Namespace:
		// A Service's name has no dots, so this can only be meant as a DNS name.
		return s.resolveHost(ref)
	default:
		return Destination{}, notFound("Service %s does not exist", ref.display())
	}
}

func (ref Reference) display() string { return ref.Namespace + "/" + ref.Name }

func notFound(format string, args ...any) *RefError {
	return &RefError{
		Reason: gatewayv1.RouteReasonBackendNotFound, Reply: ReasonBackendNotFound,
		Message: fmt.Sprintf(format, args...),
	}
}

func (s *Source) resolveHost(ref Reference) (Destination, *RefError) {
	host := canonicalHost(ref.Name)
	if why := s.dns.refuse(host); why != "" {
		return Destination{}, forbidden(why)
	}
	address := hostAddress(host, uint16(ref.Port))
	return Destination{
		Address: address,
		Backend: ir.BackendName(address.Endpoints),
		Origin:  hostOrigin(host),
	}, nil
}

func forbidden(why string) *RefError {
	return &RefError{Reason: gatewayv1.RouteReasonRefNotPermitted, Reply: ReasonBackendForbidden, Message: why}
}

func hostAddress(host string, port uint16) Address {
	name := "dns/" + host + ":" + strconv.Itoa(int(port))
	return Address{Endpoints: ir.EndpointsName(name), Port: port, Host: host}
}

func hostOrigin(host string) ir.Origin { return ir.Origin{Kind: "DNS", Name: host} }

func (s *Source) resolveService(ref Reference, service *corev1.Service) (Destination, *RefError) {
	port := findPort(service, ref)
	external := service.Spec.Type == corev1.ServiceTypeExternalName
	if port == nil && !(external && len(service.Spec.Ports) == 0) {
		return Destination{}, notFound("Service %s has no port %d; it has %s", ref.display(), ref.Port, describePorts(service))
	}
	name := fmt.Sprintf("%s/%s/%s:%d", ir.LocalCluster, ref.Namespace, ref.Name, ref.Port)
	if port != nil && port.Protocol == corev1.ProtocolUDP {
		name += "/udp"
	}
	d := Destination{
		Backend: ir.BackendName(name),
		Origin:  ir.Origin{Kind: "Service", Namespace: ref.Namespace, Name: ref.Name, Part: "port " + strconv.Itoa(int(ref.Port))},
		Service: types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}, ServicePort: uint16(ref.Port),
	}
	if port != nil {
		d.PortName = port.Name
		if port.AppProtocol != nil {
			d.AppProtocol = *port.AppProtocol
		}
	}
	if external {
		host := canonicalHost(service.Spec.ExternalName)
		if why := s.dns.refuse(host); why != "" {
			return Destination{}, forbidden("externalName of Service " + ref.display() + ": " + why)
		}
		d.Address = hostAddress(host, externalPort(port, ref))
		return d, nil
	}
	d.Address = Address{
		Endpoints: ir.EndpointsName(name),
		Port:      uint16(ref.Port),
		Slices:    d.Service,
		SlicePort: port.Name,
	}
	return d, nil
}

// ImportGroup is the API group of ServiceImports.
const ImportGroup = "flomesh.io"

// resolveImport is a ServiceImport. Its endpoints come from other clusters, and
// until one has joined there are none.
func resolveImport(ref Reference) Destination {
	name := fmt.Sprintf("import/%s/%s:%d", ref.Namespace, ref.Name, ref.Port)
	return Destination{
		Address:     Address{Endpoints: ir.EndpointsName(name), Port: uint16(ref.Port)},
		Backend:     ir.BackendName(name),
		Origin:      ir.Origin{Kind: "ServiceImport", Namespace: ref.Namespace, Name: ref.Name, Part: "port " + strconv.Itoa(int(ref.Port))},
		Import:      types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name},
		ServicePort: uint16(ref.Port),
	}
}

// externalPort is the port to connect to. A Service of type ExternalName needs
// no ports; where it has them, the target port tells.
func externalPort(port *corev1.ServicePort, ref Reference) uint16 {
	if port != nil && port.TargetPort.Type == intstr.Int && port.TargetPort.IntVal > 0 && port.TargetPort.IntVal <= 65535 {
		return uint16(port.TargetPort.IntVal)
	}
	return uint16(ref.Port)
}

func findPort(service *corev1.Service, ref Reference) *corev1.ServicePort {
	var found *corev1.ServicePort
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		if port.Port != ref.Port {
			continue
		}
		if (port.Protocol == corev1.ProtocolUDP) == ref.UDP {
			return port
		}
		if found == nil {
			found = port
		}
	}
	return found
}

func describePorts(service *corev1.Service) string {
	if len(service.Spec.Ports) == 0 {
		return "none"
	}
	var ports []string
	for _, p := range service.Spec.Ports {
		ports = append(ports, strconv.Itoa(int(p.Port)))
	}
	return strings.Join(ports, ", ")
}

// HasPort tells whether a Service has a port of this name.
func (s *Source) HasPort(r *memo.Recorder, service types.NamespacedName, name string) bool {
	found := Get[*corev1.Service](s, r, service)
	return found != nil && slices.ContainsFunc(found.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == name })
}
