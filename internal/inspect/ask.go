package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Ports on the loopback interface of pods.
const (
	// ProxyPort is that of the admin interface of proxies.
	ProxyPort = 15000
	// ControllerPort is where controllers tell what they know.
	ControllerPort = 9092
)

// Cluster is one to look at.
type Cluster struct {
	config *rest.Config
	client kubernetes.Interface
}

// New makes the clients for a cluster.
func New(config *rest.Config) (*Cluster, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make Kubernetes client: %w", err)
	}
	return &Cluster{config: config, client: client}, nil
}

// Pod is one to ask, by a port of its loopback interface.
type Pod struct {
	Namespace, Name string
	Port            uint16
}

func (p Pod) String() string { return "pod " + p.Namespace + "/" + p.Name }

// Answer is what a pod says. It is to be closed.
type Answer struct {
	io.ReadCloser
	// Status is that of HTTP.
	Status int
}

// maxAnswer is what is read at most of what is decoded or kept.
const maxAnswer = 256 << 20

// Get asks a pod for a path, which may have a query.
func (c *Cluster) Get(ctx context.Context, p Pod, path string) (*Answer, error) {
	target := c.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(p.Namespace).Name(p.Name).SubResource("portforward").URL()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial(ctx, c.config, target, strconv.Itoa(int(p.Port)))
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/"+strings.TrimPrefix(path, "/"), nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", p, path, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", p, path, c.reason(ctx, p, err))
	}
	return &Answer{ReadCloser: response.Body, Status: response.StatusCode}, nil
}

// text is an answer as a whole; other statuses than 200 are errors.
func (c *Cluster) text(ctx context.Context, p Pod, path string) ([]byte, error) {
	a, err := c.Get(ctx, p, path)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	text, err := io.ReadAll(io.LimitReader(a, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", p, path, err)
	}
	if a.Status != http.StatusOK {
		return nil, fmt.Errorf("ask %s for %s: status %d: %s", p, path, a.Status, strings.TrimSpace(string(text)))
	}
	return text, nil
}

// reason is why a pod could not be asked: that it does not exist or does not run says
// more than how the attempt ended.
func (c *Cluster) reason(ctx context.Context, p Pod, err error) error {
	if said, ok := errors.AsType[refusal](err); ok {
		err = said
	} else if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the URL is nobody's
	}
	pod, getErr := c.client.CoreV1().Pods(p.Namespace).Get(ctx, p.Name, metav1.GetOptions{})
	if getErr != nil {
		return getErr
	}
	if trouble := Obstacle(pod); trouble != "" {
		return errors.New(trouble)
	}
	return err
}
