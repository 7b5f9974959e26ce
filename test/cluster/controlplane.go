package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// services is the range of cluster IPs. The API server has its first one.
const services, apiServerIP = "10.96.0.0/16", "10.96.0.1"

// apiServerNames are those in the API server's certificate.
func (c *Cluster) apiServerNames() []string {
	names := []string{
		"127.0.0.1", "localhost", apiServerIP,
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	}
	if c.hasNodes() {
		names = append(names, c.options.Address.String())
	}
	return names
}

// startEtcd does not wait: the API server does, and tries again until it answers.
func (c *Cluster) startEtcd() (err error) {
	client, peer := "http://127.0.0.1:"+strconv.Itoa(c.etcdPort), "http://127.0.0.1:"+strconv.Itoa(c.peerPort)
	c.etcd, err = c.run("etcd",
		"--name=test", "--data-dir="+filepath.Join(c.options.Dir, "etcd"),
		"--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=test="+peer)
	return err
}

// StartAPIServer starts the API server, which [Start] has already done once, and
// waits until it is ready. It keeps its address.
func (c *Cluster) StartAPIServer(ctx context.Context) (err error) {
	a := c.authority
	args := []string{
		"--etcd-servers=http://127.0.0.1:" + strconv.Itoa(c.etcdPort), "--secure-port=" + strconv.Itoa(c.apiPort),
		"--service-cluster-ip-range=" + services, "--allow-privileged", "--client-ca-file=" + a.path("ca.crt"),
		"--tls-cert-file=" + a.path("apiserver.crt"), "--tls-private-key-file=" + a.path("apiserver.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + a.path("sa.key"), "--service-account-signing-key-file=" + a.path("sa.key"),
		"--profiling=false",
	}
	if c.hasNodes() {
		args = append(args, c.withNodes()...)
	} else {
		args = append(args, onLoopback()...)
	}
	if c.apiServer, err = c.run("kube-apiserver", args...); err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(c.Admin())
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	return wait(ctx, c.apiServer, func(ctx context.Context) bool {
		return healthy(ctx, client, c.url()+"/readyz")
	})
}

// onLoopback are the API server's flags in a cluster without nodes.
func onLoopback() []string {
	return []string{
		"--bind-address=127.0.0.1", "--authorization-mode=RBAC",
		// Nobody reaches the API server by its Service, and loopback cannot be one
		// of a Service's endpoints.
		"--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
		// Without the controller manager there are no service accounts to be had.
		"--disable-admission-plugins=ServiceAccount",
		// There is no kube-proxy: the API server itself finds the endpoints of the
		// Services of webhooks.
		"--enable-aggregator-routing=true",
	}
}

func healthy(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// KillAPIServer ends the API server at once. What was stored stays.
func (c *Cluster) KillAPIServer() { c.apiServer.kill() }

func (c *Cluster) startControllerManager() (err error) {
	config, a := filepath.Join(c.options.Dir, "controller-manager.kubeconfig"), c.authority
	if err := c.WriteKubeconfig(config, "controller-manager"); err != nil {
		return err
	}
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	c.controllerManager, err = c.run("kube-controller-manager",
		"--kubeconfig="+config, "--authentication-kubeconfig="+config, "--authorization-kubeconfig="+config,
		"--bind-address=127.0.0.1", "--secure-port="+strconv.Itoa(ports[0]), "--leader-elect=false",
		"--use-service-account-credentials", "--root-ca-file="+a.path("ca.crt"),
		"--service-account-private-key-file="+a.path("sa.key"),
		"--cluster-signing-cert-file="+a.path("ca.crt"), "--cluster-signing-key-file="+a.path("ca.key"),
		// At the default rate its controllers need five seconds to start.
		"--kube-api-qps=500", "--kube-api-burst=1000", "--profiling=false")
	return err
}

// WriteKubeconfig writes a file for kubectl and the like; the user is "admin" or
// one made by [Cluster.User].
func (c *Cluster) WriteKubeconfig(path, user string) error {
	config := c.config(user)
	file := clientcmdapi.NewConfig()
	file.Clusters["test"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthority: config.CAFile}
	file.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificate: config.CertFile, ClientKey: config.KeyFile}
	file.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: user}
	file.CurrentContext = "test"
	text, err := clientcmd.Write(*file)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
