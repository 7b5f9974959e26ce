package install_test

import (
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"fsm/api/config/v1alpha3"
	"fsm/internal/operator"
)

// certificateNamespaces are one for which the chart gives a right, and another.
const certificateNamespaces = `
apiVersion: v1
kind: Namespace
metadata: {name: edge}
---
apiVersion: v1
kind: Namespace
metadata: {name: beyond}
`

// TestIngressCertificateRights: the certificate of ingresses can be written to the Secret
// that the chart names, to no other, and without the right to read others. Where the mesh
// configuration names another an event says what to do.
func TestIngressCertificateRights(t *testing.T) {
	l := newLab(t)
	l.Check(l.Apply(l.Ctx, certificateNamespaces))
	t.Cleanup(func() { l.delete(certificateNamespaces) })
	const value = "fsm.certificateProvider.ingressGateway.secret."
	l.Check(l.install(l.options("fsm-system", "fsm.fsmController.replicaCount=0", value+"name=client", value+"namespace=edge")))
	if mc := l.certificateWanted(); mc != nil {
		t.Errorf("without names the mesh configuration asks for %v", mc)
	}
	mine := map[string]bool{"get": true, "list": true, "watch": true, "update": true, "delete": true, "patch": false}
	for verb, may := range mine {
		if got := l.may(verb, "secrets", "edge", "client"); got != may {
			t.Errorf("%s its Secret: %v", verb, got)
		}
		for _, other := range []struct{ namespace, name string }{{"edge", "other"}, {"edge", ""}, {"beyond", "client"}, {"", ""}} {
			if l.may(verb, "secrets", other.namespace, other.name) {
				t.Errorf("may %s Secret %s/%s", verb, other.namespace, other.name)
			}
		}
	}
	if !l.may("create", "secrets", "edge", "") || l.may("create", "secrets", "beyond", "") {
		t.Error("may create Secrets elsewhere, or not where it is to")
	}

	l.operateWith("fsm-system", denials{t, "beyond/client"}, func(o *operator.Options) {
		o.IngressCertificate, o.SecretNamespaces = types.NamespacedName{Namespace: "edge", Name: "client"}, []string{"fsm-system"}
	})
	there := func(want bool) func() error {
		return func() error {
			_, err := l.Kube.CoreV1().Secrets("edge").Get(l.Ctx, "client", metav1.GetOptions{})
			if apierrors.IsNotFound(err) != want {
				return nil
			}
			return fmt.Errorf("got %w", err)
		}
	}
	l.wantCertificate(`{"secret":{"name":"client","namespace":"edge"},"subjectAltNames":["ingress.example"]}`)
	l.Eventually("certificate", there(true))
	l.wantCertificate(`{"secret":{"namespace":"beyond"}}`)
	l.Eventually("event that says what to do", func() error {
		events, err := l.Kube.CoreV1().Events("fsm-system").List(l.Ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, e := range events.Items {
			if e.Reason == "CertificateNotIssued" && strings.Contains(e.Message, "fsm upgrade --set="+value+"namespace=beyond,"+value+"name=client") {
				return nil
			}
		}
		return fmt.Errorf("%d events", len(events.Items))
	})
	l.Eventually("certificate of before is gone", there(false))
	l.wantCertificate(`{"secret":{"namespace":"edge"}}`)
	l.Eventually("certificate again", there(true))
	l.wantCertificate("null")
	l.Eventually("certificate is gone", there(false))
}

// certificateWanted is what the mesh configuration asks for.
func (l *lab) certificateWanted() map[string]any {
	l.T.Helper()
	o, err := l.dynamic().Resource(meshConfigResource()).Namespace("fsm-system").Get(l.Ctx, v1alpha3.Name, metav1.GetOptions{})
	l.Check(err)
	wanted, _, err := unstructured.NestedMap(o.Object, "spec", "certificate", "ingressGateway")
	l.Check(err)
	return wanted
}

func meshConfigResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: v1alpha3.GroupName, Version: "v1alpha3", Resource: "meshconfigs"}
}

// wantCertificate patches the mesh configuration, as users do.
func (l *lab) wantCertificate(patch string) {
	l.T.Helper()
	_, err := l.dynamic().Resource(meshConfigResource()).Namespace("fsm-system").Patch(l.Ctx, v1alpha3.Name, types.MergePatchType,
		[]byte(`{"spec":{"certificate":{"ingressGateway":`+patch+`}}}`), metav1.PatchOptions{})
	l.Check(err)
}
