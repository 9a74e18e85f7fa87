package simulator

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
)

// bearerToken is the token the API asks for; empty for none.
type bearerToken struct {
	mu    sync.RWMutex
	value string
}

func (t *bearerToken) set(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.value = value
}

// admits reports whether a request carries the token, if one is asked for.
func (t *bearerToken) admits(r *http.Request) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.value == "" {
		return true
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare([]byte(given), []byte(t.value)) == 1
}
