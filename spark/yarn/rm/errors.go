package rm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
)

// ErrSubmissionDisabled is in the chain of the unauthorized error when the cluster
// takes no applications over REST (yarn.webapp.enable-rest-app-submissions).
var ErrSubmissionDisabled = errors.New("the cluster takes no applications over REST")

// unreachable says why no reply came. The URL, which http puts in front, is
// left out: the address stands in the error already.
func unreachable(err error, timeout time.Duration) error {
	var timedOut net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timedOut) && timedOut.Timeout() {
		return job.Errorf(job.CodeUnavailable, "did not answer within %s", timeout)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	// A transport may refuse by itself, for example without a Kerberos ticket.
	if job.CodeOf(err) != job.CodeInternal {
		return err
	}
	return job.Errorf(job.CodeUnavailable, "did not answer: %s", hadoop.OneLine(err.Error()))
}

func standby(location string) error {
	if location != "" {
		return job.Errorf(job.CodeUnavailable, "is a standby; it says the active one is %s", location)
	}
	return job.Errorf(job.CodeUnavailable, "is a standby and knows of no active one")
}

// refusal makes an error of a reply that is no success.
func refusal(q request, resp *http.Response, body []byte) error {
	message, fromHadoop := hadoop.Words(body)
	what := fmt.Sprintf("ResourceManager, %s: %d", q, resp.StatusCode)
	if message != "" {
		what += ": " + message
	}
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return standby(hostOf(resp.Header.Get("Location")))
	case resp.StatusCode == http.StatusForbidden && strings.Contains(message, "submission via REST is disabled"):
		return job.Errorf(job.CodeUnauthorized, "%s: %w", what, ErrSubmissionDisabled)
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		return job.Errorf(job.CodeUnauthorized, "%s", what)
	case resp.StatusCode == http.StatusNotFound && (fromHadoop || strings.HasPrefix(q.path, "/")):
		return job.Errorf(job.CodeNotFound, "%s", what)
	case resp.StatusCode == http.StatusBadRequest && fromHadoop:
		return job.Errorf(job.CodeInvalid, "%s", what)
	case message != "":
		return job.Errorf(job.CodeUnavailable, "answered %d: %s", resp.StatusCode, message)
	}
	return job.Errorf(job.CodeUnavailable, "answered %d without saying why", resp.StatusCode)
}

func hostOf(location string) string {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" {
		return ""
	}
	return hadoop.OneLine(u.Host)
}
