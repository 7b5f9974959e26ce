package operator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"fsm/api/config/v1alpha3"
	"fsm/internal/identity"
	"fsm/internal/meshconfig"
	"fsm/internal/provision"
	"fsm/internal/resource"
)

// issuer keeps the certificate that ingresses show to backends where the mesh
// configuration says. Proxies get it from there, like any other that is referred to.
type issuer struct {
	c     *controlPlane
	woken chan struct{}
	// seen is what was done last, and the Secret as it was read then.
	seen issued
	// placed are the places where there may be a Secret of ours.
	placed map[types.NamespacedName]bool
}

// issued is what came of a certificate that is wanted, and when to look again unless
// something changes.
type issued struct {
	wanted meshconfig.ClientCertificate
	read   *corev1.Secret
	due    time.Time
	err    error
}

// issuerAnnotation tells whose a Secret is: several meshes may run in a cluster.
const issuerAnnotation = "flomesh.io/issued-for"

// glance is how often the clock is looked at while waiting. Timers stand still while a
// machine is suspended.
const glance = 10 * time.Minute

// newIssuer makes one that knows where the installation has it write.
func newIssuer(c *controlPlane) *issuer {
	i := &issuer{c: c, woken: make(chan struct{}, 1), placed: map[types.NamespacedName]bool{}}
	if c.IngressCertificate.Name != "" {
		i.placed[c.IngressCertificate] = true // by another replica, or before a restart
	}
	return i
}

func (i *issuer) wake() {
	select {
	case i.woken <- struct{}{}:
	default:
	}
}

// run keeps the certificate, until the context ends.
func (i *issuer) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var said string
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-i.woken:
		}
		err := i.pass(ctx)
		if ctx.Err() != nil {
			return
		}
		timer.Reset(min(time.Until(i.seen.due), glance))
		if err == nil {
			said = ""
			continue
		}
		if text := err.Error(); text != said { // once for each kind of trouble
			said = text
			i.c.Log.Error("certificate of the ingress not as it should be", "error", err, "retry", retry)
			i.complain(ctx, text)
		}
	}
}

// complain makes an event of what is wrong.
func (i *issuer) complain(ctx context.Context, why string) {
	object := i.c.meshConfig()
	if object == nil {
		return
	}
	if err := i.c.event(ctx, referenceTo(object), "CertificateNotIssued", why); err != nil && ctx.Err() == nil {
		i.c.Log.Error("event not written", "error", err)
	}
}

// pass makes what is there what should be.
func (i *issuer) pass(ctx context.Context) error {
	wanted := i.c.configured().IngressCertificate
	read, _ := resource.Get[*corev1.Secret](i.c.source.Set(), wanted.Secret.Namespace, wanted.Secret.Name)
	if i.seen.wanted == wanted && i.seen.read == read && time.Now().Before(i.seen.due) {
		return i.seen.err
	}
	var failures []error
	due := time.Now().Add(glance)
	if wanted.Secret.Name != "" {
		var err error
		due, err = i.issue(ctx, wanted)
		failures = append(failures, err)
	}
	for name := range i.placed {
		if name != wanted.Secret {
			failures = append(failures, i.withdraw(ctx, name))
		}
	}
	err := errors.Join(failures...)
	if soonest := time.Now().Add(retry); err != nil || due.Before(soonest) {
		due = soonest
	}
	i.seen = issued{wanted, read, due, err}
	return err
}

// issue puts a certificate where it is wanted, unless a good one is there. It returns
// when to do so again.
func (i *issuer) issue(ctx context.Context, wanted meshconfig.ClientCertificate) (due time.Time, err error) {
	secrets, name, ca, client := i.c.client.CoreV1().Secrets(wanted.Secret.Namespace), wanted.Secret, i.c.ca, wanted.Client()
	there, err := secrets.Get(ctx, name.Name, metav1.GetOptions{})
	absent := apierrors.IsNotFound(err)
	switch {
	case absent:
		there = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}, Type: corev1.SecretTypeTLS}
	case err != nil:
		return time.Time{}, i.failed("read", name, err)
	case !i.owns(there):
		return time.Time{}, fmt.Errorf("secret %s is there already, and was made by somebody else: "+
			"delete it, or name another in spec.certificate.ingressGateway.secret", name)
	default:
		due = ca.ClientDue(there.Data[corev1.TLSCertKey], there.Data[corev1.TLSPrivateKeyKey], client)
		i.placed[name] = true
		if time.Now().Before(due) && bytes.Equal(there.Data[certificateKey], ca.Bundle()) {
			return due, nil
		}
	}
	if err := i.fill(there, client); err != nil {
		return time.Time{}, fmt.Errorf("certificate for Secret %s: %w", name, err)
	}
	if absent {
		_, err = secrets.Create(ctx, there, metav1.CreateOptions{FieldManager: Name})
	} else {
		_, err = secrets.Update(ctx, there, metav1.UpdateOptions{FieldManager: Name})
	}
	switch {
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return time.Now(), nil // somebody was faster; look again
	case err != nil:
		return time.Time{}, i.failed("write", name, err)
	}
	i.placed[name] = true
	due = ca.ClientDue(there.Data[corev1.TLSCertKey], there.Data[corev1.TLSPrivateKeyKey], client)
	i.c.Log.Info("certificate of the ingress issued", "secret", name.String(), "names", client.Names, "renewal", due)
	return due, nil
}

// fill puts a new certificate into a Secret.
func (i *issuer) fill(s *corev1.Secret, client identity.Client) error {
	chain, key, err := i.c.ca.IssueClient(client)
	if err != nil {
		return err
	}
	metav1.SetMetaDataLabel(&s.ObjectMeta, provision.ManagedByLabel, provision.ManagedBy)
	metav1.SetMetaDataAnnotation(&s.ObjectMeta, issuerAnnotation, i.issuer())
	s.Data = map[string][]byte{certificateKey: i.c.ca.Bundle(), corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key}
	return nil
}

// issuer is what Secrets of this mesh are known by.
func (i *issuer) issuer() string { return i.c.Namespace + "/" + v1alpha3.Name }

// owns tells whether a Secret is one that was issued for this mesh.
func (i *issuer) owns(s *corev1.Secret) bool {
	return s.Labels[provision.ManagedByLabel] == provision.ManagedBy && s.Annotations[issuerAnnotation] == i.issuer()
}

// withdraw deletes a Secret that is not wanted any longer.
func (i *issuer) withdraw(ctx context.Context, name types.NamespacedName) error {
	secrets := i.c.client.CoreV1().Secrets(name.Namespace)
	there, err := secrets.Get(ctx, name.Name, metav1.GetOptions{})
	if err == nil && i.owns(there) {
		err = secrets.Delete(ctx, name.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &there.UID}})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return i.failed("delete", name, err)
	}
	delete(i.placed, name)
	return nil
}

// failed says what to do about it: which Secret may be written is a matter of the
// installation.
func (i *issuer) failed(what string, name types.NamespacedName, err error) error {
	if apierrors.IsForbidden(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		const value = "fsm.certificateProvider.ingressGateway.secret"
		return fmt.Errorf("no right to %s Secret %s; give it with: fsm upgrade --set=%s.namespace=%s,%s.name=%s: %w",
			what, name, value, name.Namespace, value, name.Name, err)
	}
	return fmt.Errorf("%s Secret %s: %w", what, name, err)
}

// referred is the Secret that proxies get the certificate from, under the mesh
// configuration of a set if that can be taken over.
func (c *controlPlane) referred(set *resource.Set) []resource.Key {
	now := c.configured().Config
	if object, ok := resource.Get[*v1alpha3.MeshConfig](set, c.Namespace, v1alpha3.Name); ok {
		if next, mistakes := c.configuration.installed.With(&object.Spec); len(mistakes) == 0 {
			now = next
		}
	}
	if name := now.IngressCertificate.Secret; name.Name != "" {
		return []resource.Key{{Kind: "Secret", Namespace: name.Namespace, Name: name.Name}}
	}
	return nil
}
