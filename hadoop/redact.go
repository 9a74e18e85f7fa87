package hadoop

import (
	"errors"
	"net/url"
	"regexp"
)

// secrets are parameters of URLs that let whoever reads them act as their owner:
// the redirects of WebHDFS carry a delegation token that can be used. The cookie
// of a signed-in session is one as well.
var secrets = regexp.MustCompile(`(?i)([a-z0-9_.-]*(?:delegation|token|signature|hadoop\.auth))=("[^"]*"|[^&\s"'<>\\]*)`)

// Redact takes the values of secret parameters (delegation, token, signature and
// those whose names end so) out of a URL or of any text with URLs in it.
func Redact(text string) string { return secrets.ReplaceAllString(text, "$1=***") }

// RedactError returns an error that is the same to errors.Is and errors.As, but
// whose text, and that of everything errors.Unwrap reaches from it, holds no
// secret. Errors without secrets come back as they are.
func RedactError(err error) error {
	if err == nil {
		return nil
	}
	var withURL *url.Error
	if errors.As(err, &withURL) && Redact(withURL.URL) != withURL.URL {
		return &redacted{text: Redact(err.Error()), err: err}
	}
	if text := err.Error(); Redact(text) != text {
		return &redacted{text: Redact(text), err: err}
	}
	return err
}

// redacted has no Unwrap: what takes chains apart to print them would find the
// secret.
type redacted struct {
	text string
	err  error
}

func (r *redacted) Error() string        { return r.text }
func (r *redacted) Is(target error) bool { return errors.Is(r.err, target) }
func (r *redacted) As(target any) bool   { return errors.As(r.err, target) }
