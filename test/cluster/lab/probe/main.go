// Probe is what runs in the pods of the lab's own tests. It is one static program, so
// that its image needs nothing else. It knows no more than these tests ask.
//
//	probe serve            answers on port 8080 with its host name and who asks
//	probe get URL          fetches, with the pod's credentials from https URLs
//	probe lookup NAME      prints the addresses of a name
//	probe wait ADDRESS     waits until somebody listens there
//	probe eat              uses more and more memory
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// patience is how long an answer may take.
const patience = 5 * time.Second

func run(what string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	switch what {
	case "serve":
		return serve()
	case "get":
		return get(ctx, args[0])
	case "lookup":
		addresses, err := net.DefaultResolver.LookupHost(ctx, args[0])
		fmt.Println(strings.Join(addresses, " "))
		return err
	case "wait":
		return wait(args[0])
	case "eat":
		eat()
	}
	return fmt.Errorf("probe: what is %q?", what)
}

func serve() error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	fmt.Println("serving")
	return http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		fmt.Fprintln(w, name, host)
	}))
}

func get(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{}
	if strings.HasPrefix(url, "https:") {
		const account = "/var/run/secrets/kubernetes.io/serviceaccount/"
		token, err := os.ReadFile(account + "token")
		if err != nil {
			return err
		}
		authority, err := os.ReadFile(account + "ca.crt")
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+string(token))
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(authority)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	fmt.Println(response.StatusCode)
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

func wait(address string) error {
	for {
		connection, err := net.DialTimeout("tcp", address, patience)
		if err == nil {
			fmt.Println(address, "answers")
			return connection.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func eat() {
	var eaten [][]byte
	for {
		bite := make([]byte, 1<<20)
		for i := range bite {
			bite[i] = 1 // memory counts when it is written to
		}
		eaten = append(eaten, bite)
		if len(eaten) > 1<<10 {
			return
		}
	}
}
