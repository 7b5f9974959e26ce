package behavior

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"fsm/internal/proxy/proxytest"
)

// cmdCA makes an authority, with its certificate in NAME.crt: "ca NAME".
func cmdCA(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ca NAME")
	}
	s, name := stateOf(ts), args[0]
	a := proxytest.NewAuthority(s.tb, name)
	s.authorities[name] = a
	ts.Check(os.WriteFile(ts.MkAbs(name+".crt"), []byte(a.PEM), 0o644))
}

// cmdCert makes a certificate, in NAME.crt and NAME.key: "cert [-ca CA] [-cn CN]
// [-dns NAME]... [-uri URI]... NAME". Without -dns and -uri it has only the CN,
// as the certificates of the pages have; the CN is NAME if not said otherwise.
func cmdCert(ts *testscript.TestScript, neg bool, args []string) {
	s, f := stateOf(ts), newFlags(ts)
	ca, cn := f.String("ca", "ca", "authority"), f.String("cn", "", "common name")
	dns, uris := f.list("dns", "subject alternative name"), f.list("uri", "subject alternative name")
	names := f.parse(args)
	if neg || len(names) != 1 {
		ts.Fatalf("usage: cert [-ca CA] [-cn CN] [-dns NAME]... [-uri URI]... NAME")
	}
	a := s.authorities[*ca]
	if a == nil {
		ts.Fatalf("there is no authority %s", *ca)
	}
	cert, key := a.Issue(proxytest.Names{CommonName: cmp.Or(*cn, names[0]), DNS: *dns, URIs: *uris})
	ts.Check(os.WriteFile(ts.MkAbs(names[0]+".crt"), []byte(cert), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs(names[0]+".key"), []byte(key), 0o600))
}

// cmdSecret puts a certificate and its key, CERT.crt and CERT.key, into a Secret
// in the watched directory: "secret [-ns NAMESPACE] [-trust CA] NAME [CERT]". With
// -trust the certificate of an authority is in it too, under the key ca.crt.
func cmdSecret(ts *testscript.TestScript, neg bool, args []string) {
	s, f := stateOf(ts), newFlags(ts)
	namespace, trust := f.String("ns", "default", "namespace"), f.String("trust", "", "authority")
	names := f.parse(args)
	if neg || len(names) != 2 && (len(names) != 1 || *trust == "") {
		ts.Fatalf("usage: secret [-ns NAMESPACE] [-trust CA] NAME [CERT]")
	}
	text := fmt.Appendf(nil, "apiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: %s}\ndata: {}\n", names[0], *namespace)
	if len(names) == 2 {
		text = secretManifest(*namespace, names[0], ts.ReadFile(names[1]+".crt"), ts.ReadFile(names[1]+".key"))
	}
	if *trust != "" {
		text = fmt.Appendf(text, "stringData:\n  ca.crt: %q\n", ts.ReadFile(*trust+".crt"))
	}
	ts.Check(s.write(filepath.Join("secrets", *namespace+"-"+names[0]+".yaml"), text))
	ts.Check(s.settle())
}

func secretManifest(namespace, name, cert, key string) []byte {
	return fmt.Appendf(nil, "apiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: %s}\ntype: kubernetes.io/tls\ndata:\n  tls.crt: %s\n  tls.key: %s\n",
		name, namespace, encode(cert), encode(key))
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// cmdConfigMap puts the certificate of an authority, CA.crt, into a ConfigMap in
// the watched directory, under the key ca.crt: "configmap [-ns NAMESPACE] NAME
// CA".
func cmdConfigMap(ts *testscript.TestScript, neg bool, args []string) {
	s, f := stateOf(ts), newFlags(ts)
	namespace := f.String("ns", "default", "namespace")
	names := f.parse(args)
	if neg || len(names) != 2 {
		ts.Fatalf("usage: configmap [-ns NAMESPACE] NAME CA")
	}
	text := configMapManifest(*namespace, names[0], ts.ReadFile(names[1]+".crt"))
	ts.Check(s.write(filepath.Join("configmaps", *namespace+"-"+names[0]+".yaml"), text))
	ts.Check(s.settle())
}

func configMapManifest(namespace, name, authority string) []byte {
	indented := strings.ReplaceAll(strings.TrimSpace(authority), "\n", "\n    ")
	return fmt.Appendf(nil, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: %s}\ndata:\n  ca.crt: |\n    %s\n",
		name, namespace, indented)
}
