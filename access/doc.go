// Package access decides who may read what certshim serves of itself: a certificate for the listener, read anew when its
// files change; the cluster's authentication and authorization in front of a handler; and profiles, which are for
// loopback alone.
//
// It imports no other room. What it asks the API server are TokenReviews and SubjectAccessReviews.
package access
