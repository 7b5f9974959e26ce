package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"fsm/internal/operator"
	"fsm/internal/provision"
	"fsm/internal/translate/gatewayapi"
)

// options are what flags say.
type options struct {
	kubeconfig, namespace, pod, address string
	trustDomain, controllerName         string
	listen, repo, debug                 string
	health, metrics                     string
	webhook, registration               string
	url, image, pullPolicy              string
	secretNamespaces                    []string
	ingressCertificate                  string
	serviceLB                           bool
	level                               slog.LevelVar
}

func (o *options) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "how to reach the API server; the pod's service account if not given")
	f.StringVar(&o.namespace, "namespace", o.namespace, "namespace that the controller runs in")
	f.StringVar(&o.pod, "pod", o.pod, "name that tells replicas apart; the host name if not given")
	f.StringVar(&o.address, "address", o.address, "IP address at which other replicas reach this one; there are none if it is empty")
	f.StringVar(&o.trustDomain, "trust-domain", "cluster.local", "trust domain of proxies")
	f.StringVar(&o.controllerName, "controller-name", "flomesh.io/gateway-controller", "controllerName of the GatewayClasses to serve")
	f.StringVar(&o.listen, "listen", ":15010", "address to deliver to proxies on")
	f.StringVar(&o.repo, "repo", ":6060", "address that answers whether the controller is there; empty for none")
	f.StringVar(&o.debug, "debug", "127.0.0.1:9092", "address that answers what this replica knows, for 'fsm status'; empty for none")
	f.StringVar(&o.health, "health", ":15021", "address that answers whether the controller is alive, and ready; empty for none")
	f.StringVar(&o.metrics, "metrics", ":9091", "address that answers with metrics; empty for none")
	f.StringVar(&o.webhook, "webhook", "", "address that answers the API server's questions about objects; none if not given")
	f.StringVar(&o.registration, "webhook-registration", "fsm-validator", "ValidatingWebhookConfiguration to complete for --webhook")
	f.StringVar(&o.url, "url", "", "URL at which proxies reach the controller; https://fsm-controller.NAMESPACE:15010 if not given")
	f.StringVar(&o.image, "proxy-image", "flomesh/fsm-proxy", "image of proxies")
	f.StringVar(&o.pullPolicy, "proxy-pull-policy", string(corev1.PullIfNotPresent), "when to pull it")
	f.StringSliceVar(&o.secretNamespaces, "secret-namespaces", nil, "the only namespaces whose Secrets are read; all if not given")
	f.StringVar(&o.ingressCertificate, "ingress-certificate", "", "Secret, as NAMESPACE/NAME, that the controller may write the certificate of ingresses to; none if not given")
	f.BoolVar(&o.serviceLB, "service-lb", false, "serve Services of type LoadBalancer on nodes, until the mesh configuration says otherwise")
	f.TextVar(&o.level, "log-level", new(slog.LevelVar), "debug, info, warn or error, until the mesh configuration says another")
}

func (o *options) run(ctx context.Context) error {
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: &o.level}))
	config, err := o.config()
	if err != nil {
		return err
	}
	if o.namespace == "" {
		return errors.New("--namespace, or POD_NAMESPACE, is missing")
	}
	if o.pod == "" {
		if o.pod, err = os.Hostname(); err != nil {
			return fmt.Errorf("name this replica: %w; give --pod", err)
		}
	}
	certificate, err := secretName(o.ingressCertificate)
	if err != nil {
		return err
	}
	if o.url == "" {
		o.url = "https://" + operator.Name + "." + o.namespace + ":15010"
	}
	ln, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listen for proxies: %w", err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.repo != "" {
		if err := serveRepo(ctx, &wg, o.repo, log); err != nil {
			return err
		}
	}
	listeners, err := o.listeners()
	if err != nil {
		return err
	}
	if o.address != "" {
		if _, port, err := net.SplitHostPort(ln.Addr().String()); err == nil {
			o.address = net.JoinHostPort(o.address, port)
		}
	}
	return operator.Run(ctx, operator.Options{
		Config: config, ControllerName: o.controllerName, Namespace: o.namespace, Pod: o.pod, Address: o.address, TrustDomain: o.trustDomain,
		Proxies: provision.Settings{
			Image: o.image, PullPolicy: corev1.PullPolicy(o.pullPolicy), Controller: o.url, TrustMap: "fsm-trust", Audience: operator.Name,
		},
		Webhook: operator.Webhook{Listener: listeners["--webhook"], Registration: o.registration},
		Debug:   listeners["--debug"], Health: listeners["--health"], Metrics: listeners["--metrics"],
		Features: gatewayapi.Features(), SecretNamespaces: o.secretNamespaces, IngressCertificate: certificate, ServiceLB: o.serviceLB, LogLevel: &o.level, Log: log,
	}, ln)
}

// secretName reads NAMESPACE/NAME; empty is none.
func secretName(text string) (types.NamespacedName, error) {
	namespace, name, ok := strings.Cut(text, "/")
	if text != "" && (!ok || namespace == "" || name == "" || strings.Contains(name, "/")) {
		return types.NamespacedName{}, fmt.Errorf("read --ingress-certificate %q: want NAMESPACE/NAME", text)
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}

// listeners are those of the interfaces that there need not be, by flag.
func (o *options) listeners() (map[string]net.Listener, error) {
	all := map[string]net.Listener{}
	for flag, address := range map[string]string{"--debug": o.debug, "--health": o.health, "--metrics": o.metrics, "--webhook": o.webhook} {
		ln, err := listen(flag, address)
		if err != nil {
			return nil, err
		}
		all[flag] = ln
	}
	return all, nil
}

// listen listens on what a flag says; nil for none.
func listen(flag, address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", flag, err)
	}
	return ln, nil
}

func (o *options) config() (*rest.Config, error) {
	if o.kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("reach the API server as a pod: %w; give --kubeconfig outside of a cluster", err)
		}
		return config, nil
	}
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read --kubeconfig: %w", err)
	}
	return config, nil
}
