package access

import (
	"context"
	"errors"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
)

// reviews is the Reviewer that asks the API server.
type reviews struct {
	tokens authenticationclient.TokenReviewInterface
	access authorizationclient.SubjectAccessReviewInterface
}

// NewReviewer connects nothing yet.
func NewReviewer(base *rest.Config, userAgent string) (Reviewer, error) {
	config := rest.CopyConfig(base)
	config.UserAgent, config.QPS = userAgent, -1
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("can't build the HTTP client: %w", err)
	}
	tokens, err1 := authenticationclient.NewForConfigAndClient(config, client)
	access, err2 := authorizationclient.NewForConfigAndClient(config, client)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return reviews{tokens.TokenReviews(), access.SubjectAccessReviews()}, nil
}

// WhoIs implements [Reviewer].
func (r reviews) WhoIs(ctx context.Context, token string) (*User, error) {
	review, err := r.tokens.Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	if !review.Status.Authenticated {
		return nil, nil
	}
	user := &User{
		Name: review.Status.User.Username, UID: review.Status.User.UID, Groups: review.Status.User.Groups, Extra: map[string][]string{},
	}
	for key, values := range review.Status.User.Extra {
		user.Extra[key] = values
	}
	return user, nil
}

// May implements [Reviewer].
func (r reviews) May(ctx context.Context, user User, verb, path string) (bool, error) {
	extra := map[string]authorizationv1.ExtraValue{}
	for key, values := range user.Extra {
		extra[key] = values
	}
	review, err := r.access.Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Name, UID: user.UID, Groups: user.Groups, Extra: extra,
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: path, Verb: verb},
	}}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}
