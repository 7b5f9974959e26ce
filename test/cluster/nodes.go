package cluster

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
)

// DNS is the address of the name server, which is among the cluster IPs.
const DNS = "10.96.0.10"

// LoadBalancers is the range of addresses that Services of type LoadBalancer get.
const LoadBalancers = "172.30.200.0/24"

// withNodes are the API server's flags in a cluster with nodes.
func (c *Cluster) withNodes() []string {
	a := c.authority
	return []string{
		"--bind-address=0.0.0.0", "--advertise-address=" + c.options.Address.String(),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--kubelet-client-certificate=" + a.path("kubelet-client.crt"), "--kubelet-client-key=" + a.path("kubelet-client.key"),
		"--kubelet-certificate-authority=" + a.path("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		// Extension API servers are pods: the API server has routes to those, and no
		// kube-proxy for their Services.
		"--enable-aggregator-routing=true",
		"--requestheader-client-ca-file=" + a.path("ca.crt"), "--requestheader-allowed-names=front-proxy",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + a.path("front-proxy.crt"), "--proxy-client-key-file=" + a.path("front-proxy.key"),
	}
}

// nodeCredentials writes the certificates of all that a cluster with nodes has
// besides, except for those of the nodes themselves.
func (c *Cluster) nodeCredentials() error {
	a := c.authority
	err := errors.Join(
		a.client("kubelet-client", "kubelet-client", "system:masters"),
		a.client("front-proxy", "front-proxy"),
		a.client("scheduler", "system:kube-scheduler"),
		a.client("kube-proxy", "system:kube-proxy"),
	)
	if err != nil {
		return err
	}
	return c.WriteKubeconfig(c.KubeProxyConfig(), "kube-proxy")
}

func (c *Cluster) startScheduler() error {
	programs, err := NodePrograms().Built()
	if err != nil {
		return err
	}
	config := filepath.Join(c.options.Dir, "scheduler.kubeconfig")
	if err := c.WriteKubeconfig(config, "scheduler"); err != nil {
		return err
	}
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	c.scheduler, err = c.runFrom(programs, "kube-scheduler",
		"--kubeconfig="+config, "--authentication-kubeconfig="+config, "--authorization-kubeconfig="+config,
		"--bind-address=127.0.0.1", "--secure-port="+strconv.Itoa(ports[0]), "--leader-elect=false", "--profiling=false")
	return err
}

// KubeProxyConfig is the kubeconfig of kube-proxy, the same one for all nodes.
func (c *Cluster) KubeProxyConfig() string {
	return filepath.Join(c.options.Dir, "kube-proxy.kubeconfig")
}

// NodeCredentials are the files that a kubelet identifies itself with.
type NodeCredentials struct {
	// Kubeconfig leads the kubelet to the API server.
	Kubeconfig string
	// Authority has signed whoever may talk to the kubelet; Certificate and Key are
	// what it shows those.
	Authority, Certificate, Key string
}

// Node makes the credentials of a node.
func (c *Cluster) Node(name, address string) (NodeCredentials, error) {
	a, user, serving := c.authority, "system:node:"+name, name+"-serving"
	if err := errors.Join(a.client(user, user, "system:nodes"), a.server(serving, name, address)); err != nil {
		return NodeCredentials{}, fmt.Errorf("credentials of %s: %w", name, err)
	}
	n := NodeCredentials{
		Kubeconfig: filepath.Join(c.options.Dir, name+".kubeconfig"),
		Authority:  a.path("ca.crt"), Certificate: a.path(serving + ".crt"), Key: a.path(serving + ".key"),
	}
	return n, c.WriteKubeconfig(n.Kubeconfig, user)
}
