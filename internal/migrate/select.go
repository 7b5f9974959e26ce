package migrate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/resource"
	"fsm/internal/translate/ingress"
)

// nginxClass is the class of ingress-nginx, and nginxController the controller of its
// classes, whatever their names.
const (
	nginxClass      = "nginx"
	nginxController = "k8s.io/ingress-nginx"
)

const classAnnotation = "kubernetes.io/ingress.class"

// classes are those of the Ingresses to convert.
type classes struct {
	names []string
	// unnamed takes Ingresses without a class.
	unnamed bool
}

// classesOf finds the classes of ingress-nginx, or takes the given ones.
func classesOf(set *resource.Set, wanted []string) classes {
	c := classes{names: wanted}
	if len(wanted) == 0 {
		c.names, c.unnamed = []string{nginxClass}, true
	}
	for _, class := range resource.List[*networkingv1.IngressClass](set) {
		if len(wanted) == 0 && class.Spec.Controller == nginxController {
			c.names = append(c.names, class.Name)
		}
	}
	for _, class := range resource.List[*networkingv1.IngressClass](set) {
		if class.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true" {
			c.unnamed = slices.Contains(c.names, class.Name)
			break
		}
	}
	return c
}

// take tells whether an Ingress is to be converted.
func (c classes) take(o *networkingv1.Ingress) bool {
	class := classOf(o)
	return class == "" && c.unnamed || slices.Contains(c.names, class)
}

func classOf(o *networkingv1.Ingress) string {
	if name, ok := o.Annotations[classAnnotation]; ok {
		return name
	}
	if o.Spec.IngressClassName != nil {
		return *o.Spec.IngressClassName
	}
	return ""
}

// canonical is an Ingress under the name by which the front-end knows its class: the
// classes of FSM keep theirs, all others mean ingress-nginx.
func canonical(o *networkingv1.Ingress) *networkingv1.Ingress {
	class := classOf(o)
	if !slices.Contains(ingress.BuiltinClasses(), class) {
		class = nginxClass
	}
	o = o.DeepCopy()
	delete(o.Annotations, classAnnotation)
	o.Spec.IngressClassName = &class
	return o
}

// selection collects the objects to translate.
type selection struct {
	set     *resource.Set
	result  *Result
	objects []resource.Object
	// ingresses are those to convert.
	ingresses []*networkingv1.Ingress
	services  map[string]*corev1.Service // stand-ins by namespace/name
	secrets   map[string]bool
	pair      map[string][]byte
}

// selectFrom takes the Ingresses and what they refer to out of a set. Policies of the
// Gateway API stay out of it, since what they do is not the Ingresses' doing.
func selectFrom(set *resource.Set, wanted []string, result *Result) (*selection, error) {
	s := &selection{set: set, result: result, services: map[string]*corev1.Service{}, secrets: map[string]bool{}}
	var err error
	if s.pair, err = pair(); err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	keep[*corev1.Service](s)
	keep[*corev1.Secret](s)
	keep[*corev1.ConfigMap](s)
	keep[*gatewayv1.ReferenceGrant](s)
	names := classesOf(set, wanted)
	for _, o := range resource.List[*networkingv1.Ingress](set) {
		if !names.take(o) {
			result.add(Lost, resource.KeyOf(o), "class %q is not among those to convert", classOf(o))
			continue
		}
		o = canonical(o)
		s.ingresses = append(s.ingresses, o)
		s.objects = append(s.objects, o)
		s.complete(o)
	}
	return s, nil
}

func keep[T resource.Object](s *selection) {
	for _, o := range resource.List[T](s.set) {
		s.objects = append(s.objects, o)
	}
}

// complete adds stand-ins for what an Ingress refers to and was not read, so that a
// file with Ingresses alone can be converted.
func (s *selection) complete(o *networkingv1.Ingress) {
	key := resource.KeyOf(o)
	if b := o.Spec.DefaultBackend; b != nil {
		s.service(key, b)
	}
	for _, rule := range o.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for i := range rule.HTTP.Paths {
			s.service(key, &rule.HTTP.Paths[i].Backend)
		}
	}
	for _, t := range o.Spec.TLS {
		if t.SecretName == "" {
			continue
		}
		if s.secret(key, o.Namespace, t.SecretName) && len(t.Hosts) == 0 {
			s.result.add(Lost, key, "spec.tls: Secret %s was not read, so the names in its certificate are not known", t.SecretName)
		}
	}
	refs := ingress.ReferencesOf(o)
	for _, name := range refs.Secrets {
		s.secret(key, name.Namespace, name.Name)
	}
	if _, ok := resource.Get[*corev1.ConfigMap](s.set, refs.Headers.Namespace, refs.Headers.Name); !ok && refs.Headers.Name != "" {
		s.result.add(Lost, key, "ConfigMap %s was not read, so the headers in it are not known", refs.Headers)
		s.objects = append(s.objects, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: refs.Headers.Namespace, Name: refs.Headers.Name}})
	}
}

// service stands in for a Service. The number of a named port cannot be guessed, so
// that the route of such a backend says that it does not resolve.
func (s *selection) service(owner resource.Key, b *networkingv1.IngressBackend) {
	if b.Service == nil {
		return
	}
	name, number := b.Service.Name, b.Service.Port.Number
	if _, ok := resource.Get[*corev1.Service](s.set, owner.Namespace, name); ok || number == 0 {
		return
	}
	id := owner.Namespace + "/" + name
	if s.services[id] == nil {
		s.services[id] = &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: owner.Namespace, Name: name}}
		s.objects = append(s.objects, s.services[id])
	}
	ports := &s.services[id].Spec.Ports
	if !slices.ContainsFunc(*ports, func(p corev1.ServicePort) bool { return p.Port == number }) {
		*ports = append(*ports, corev1.ServicePort{Name: fmt.Sprintf("port-%d", number), Port: number, Protocol: corev1.ProtocolTCP})
	}
}

// secret stands in for a Secret if it was not read.
func (s *selection) secret(owner resource.Key, namespace, name string) (missing bool) {
	if _, ok := resource.Get[*corev1.Secret](s.set, namespace, name); ok {
		return false
	}
	s.result.add(Assumed, owner, "Secret %s/%s was not read; it is taken to be usable", namespace, name)
	id := namespace + "/" + name
	if !s.secrets[id] {
		s.objects = append(s.objects, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: s.pair})
	}
	s.secrets[id] = true
	return true
}

// pair is a certificate for no name, which nobody will see.
func pair() (map[string][]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	return map[string][]byte{
		corev1.TLSCertKey: chain, "ca.crt": chain,
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}, nil
}
