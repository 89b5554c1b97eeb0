package kube_test

import (
	"testing"

	"k8s.io/client-go/rest"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/kube"
)

// Every request creates a client of its user, without a call to the API server.
func BenchmarkNewClient(b *testing.B) {
	users, err := kube.NewUserClients(&rest.Config{Host: "https://127.0.0.1:1"})
	if err != nil {
		b.Fatal(err)
	}
	user, err := auth.NewUser("oidc:ann", []string{"oidc:research"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := users.Client(user); err != nil {
			b.Fatal(err)
		}
	}
}
