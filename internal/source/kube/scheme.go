package kube

import (
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/config/v1alpha3"
	"fsm/api/gateway/v1alpha1"
	istiov1 "fsm/api/istio/v1"
	multicluster "fsm/api/multicluster/v1alpha1"
	policyv1alpha1 "fsm/api/policy/v1alpha1"
	"fsm/internal/resource"
)

// newScheme knows the Go types of all kinds. Older versions of a kind are read into
// the type of its newest one, as package resource has it.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, discoveryv1.AddToScheme, networkingv1.AddToScheme, gatewayv1.Install,
		v1alpha1.AddToScheme, v1alpha3.AddToScheme, multicluster.AddToScheme, istiov1.AddToScheme, policyv1alpha1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("make scheme: %w", err)
		}
	}
	for _, kind := range resource.Kinds() {
		newest := schema.GroupVersion{Group: kind.Group, Version: kind.Versions[0]}
		list, err := scheme.New(newest.WithKind(kind.Name + "List"))
		if err != nil {
			return nil, fmt.Errorf("make scheme: %w", err)
		}
		for _, version := range kind.Versions[1:] {
			older := schema.GroupVersion{Group: kind.Group, Version: version}
			scheme.AddKnownTypeWithName(older.WithKind(kind.Name), kind.New())
			scheme.AddKnownTypeWithName(older.WithKind(kind.Name+"List"), list)
			metav1.AddToGroupVersion(scheme, older)
		}
	}
	return scheme, nil
}

// server is the API server as its clients see it. All of them share connections.
type server struct {
	config *rest.Config
	http   *http.Client
	codecs serializer.CodecFactory
}

func newServer(config *rest.Config) (*server, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	// Hundreds of watches begin at once when the process starts. The API server
	// knows best how many it can serve, and shares its time out fairly.
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make client of API server: %w", err)
	}
	return &server{config: config, http: client, codecs: serializer.NewCodecFactory(scheme)}, nil
}

// client returns a client of one version of a group.
func (s *server) client(gv schema.GroupVersion) (*rest.RESTClient, error) {
	config := rest.CopyConfig(s.config)
	config.GroupVersion = &gv
	config.APIPath = "/apis"
	config.NegotiatedSerializer = s.codecs.WithoutConversion()
	if gv.Group == corev1.GroupName {
		config.APIPath = "/api"
	}
	if builtIn(gv.Group) {
		config.ContentType = runtime.ContentTypeProtobuf
		config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	}
	client, err := rest.RESTClientForConfigAndClient(config, s.http)
	if err != nil {
		return nil, fmt.Errorf("make client of %s: %w", gv, err)
	}
	return client, nil
}

// builtIn tells the groups that every cluster serves, and serves as protobuf.
func builtIn(group string) bool {
	return group == corev1.GroupName || group == discoveryv1.GroupName || group == networkingv1.GroupName
}
