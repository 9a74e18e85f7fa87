package spark

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// SecretPrefix marks the value of a conf key as a reference to a secret:
// "secret:<name>".
const SecretPrefix = "secret:"

// maxSecret bounds a secret's file, in bytes.
const maxSecret = 64 << 10

// Secrets is a directory with one file per secret, on the host of the worker
// that launches; "" has none.
type Secrets string

// Read returns a secret by its name, without the newline that editors add.
// Errors never hold its content.
func (s Secrets) Read(name string) (string, error) {
	if s == "" {
		return "", fmt.Errorf("secret %s: no directory of secrets is configured", name)
	}
	if !IsSecretName(name) {
		return "", fmt.Errorf("secret %q: not the name of one", name)
	}
	data, err := os.ReadFile(filepath.Join(string(s), name)) // a link is how Kubernetes mounts secrets
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", name, err)
	}
	if len(data) > maxSecret {
		return "", fmt.Errorf("secret %s: longer than %d bytes", name, maxSecret)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}

// IsSecretName reports whether a name is that of a secret: a file name without a directory, which cannot lead elsewhere.
func IsSecretName(name string) bool {
	return name != "" && name[0] != '.' && !strings.ContainsAny(name, "/\x00")
}
