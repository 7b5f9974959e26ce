package operator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"fsm/internal/deliver"
	"fsm/internal/identity"
)

// Names of what the authority keeps in the cluster.
const (
	authoritySecret = "fsm-ca-bundle"
	certificateKey  = "ca.crt"
	privateKey      = "ca.key"
	othersKey       = "others.crt"
)

// secretStore keeps the material of the certificate authority in a Secret.
type secretStore struct {
	client    kubernetes.Interface
	namespace string
}

// Load implements identity.Store.
func (s *secretStore) Load(ctx context.Context) (identity.Material, error) {
	secret, err := s.client.CoreV1().Secrets(s.namespace).Get(ctx, authoritySecret, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return identity.Material{}, fmt.Errorf("secret %s/%s: %w", s.namespace, authoritySecret, fs.ErrNotExist)
	}
	if err != nil {
		return identity.Material{}, fmt.Errorf("read Secret %s/%s: %w", s.namespace, authoritySecret, err)
	}
	return identity.Material{
		Certificate: secret.Data[certificateKey], Key: secret.Data[privateKey], Others: secret.Data[othersKey],
	}, nil
}

// Create implements identity.Store.
func (s *secretStore) Create(ctx context.Context, m identity.Material) error {
	_, err := s.client.CoreV1().Secrets(s.namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: authoritySecret},
		Data:       map[string][]byte{certificateKey: m.Certificate, privateKey: m.Key, othersKey: m.Others},
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("secret %s/%s: %w", s.namespace, authoritySecret, fs.ErrExist)
	}
	if err != nil {
		return fmt.Errorf("create Secret %s/%s: %w", s.namespace, authoritySecret, err)
	}
	return nil
}

// authenticate finds out which proxy a token belongs to. The token says
// which service account it is, and the service account whose: nothing that the
// proxy says counts.
func (c *controlPlane) authenticate(ctx context.Context, token string) (identity.ID, error) {
	review, err := c.client.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{c.Proxies.Audience}},
	}, metav1.CreateOptions{})
	if err != nil {
		return identity.ID{}, fmt.Errorf("review token: %w", err)
	}
	s := review.Status
	if !s.Authenticated || !slices.Contains(s.Audiences, c.Proxies.Audience) {
		return identity.ID{}, fmt.Errorf("%w: %s", deliver.ErrToken, s.Error)
	}
	rest, ok := strings.CutPrefix(s.User.Username, "system:serviceaccount:")
	namespace, account, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 {
		return identity.ID{}, fmt.Errorf("%w: %s is no service account", deliver.ErrToken, s.User.Username)
	}
	return c.bearer(ctx, namespace, account)
}

// bearer is whose proxies have a service account: those of the Gateway that owns it, or
// those of Ingresses.
func (c *controlPlane) bearer(ctx context.Context, namespace, account string) (identity.ID, error) {
	sa, err := c.client.CoreV1().ServiceAccounts(namespace).Get(ctx, account, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return identity.ID{}, fmt.Errorf("%w: service account %s/%s does not exist", deliver.ErrToken, namespace, account)
	}
	if err != nil {
		return identity.ID{}, fmt.Errorf("read service account %s/%s: %w", namespace, account, err)
	}
	owner := metav1.GetControllerOf(sa)
	if owner != nil && owner.Kind == "Gateway" && c.isGateway(namespace, owner) {
		return identity.ID{TrustDomain: c.TrustDomain, Role: identity.Gateway, Namespace: namespace, Name: owner.Name}, nil
	}
	if owner != nil {
		if id, ok := c.ingressOf(namespace, account, owner.UID); ok {
			return id, nil
		}
	}
	return identity.ID{}, errors.Join(deliver.ErrToken, fmt.Errorf("service account %s/%s belongs to no Gateway, and serves no Ingresses", namespace, account))
}
