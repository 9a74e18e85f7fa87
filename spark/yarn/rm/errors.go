package rm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// ErrSubmissionDisabled is in the chain of the unauthorized error when the cluster
// takes no applications over REST (yarn.webapp.enable-rest-app-submissions).
var ErrSubmissionDisabled = errors.New("the cluster takes no applications over REST")

// maxMessage bounds what a server's words add to an error, in bytes.
const maxMessage = 400

// javaClass is what Java puts before the message of a wrapped exception.
var javaClass = regexp.MustCompile(`^(?:[a-z][a-z0-9]*\.)+[A-Za-z0-9_$]*(?:Exception|Error): `)

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
	return job.Errorf(job.CodeUnavailable, "did not answer: %s", oneLine(err.Error()))
}

func standby(location string) error {
	if location != "" {
		return job.Errorf(job.CodeUnavailable, "is a standby; it says the active one is %s", location)
	}
	return job.Errorf(job.CodeUnavailable, "is a standby and knows of no active one")
}

// refusal makes an error of a reply that is no success.
func refusal(q request, resp *http.Response, body []byte) error {
	message, fromHadoop := explanation(body)
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

// explanation returns a server's own words in one line, "" if they are none for
// people, and whether they come in Hadoop's form.
func explanation(body []byte) (message string, fromHadoop bool) {
	var remote struct {
		RemoteException struct {
			Exception text `json:"exception"`
			Message   text `json:"message"`
		} `json:"RemoteException"`
	}
	body = bytes.TrimSpace(body)
	if err := json.Unmarshal(body, &remote); err == nil {
		e := remote.RemoteException
		if e.Exception == "" && e.Message == "" {
			return "", false
		}
		if e.Message == "" {
			return oneLine(string(e.Exception)), true
		}
		message := string(e.Message)
		for {
			shorter := javaClass.ReplaceAllString(message, "")
			if shorter == message {
				return oneLine(message), true
			}
			message = shorter
		}
	}
	// Some refusals are plain text; pages of HTML and cut-off JSON are nobody's words.
	if bytes.ContainsAny(body, "<{") {
		return "", false
	}
	return oneLine(string(body)), false
}

func hostOf(location string) string {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" {
		return ""
	}
	return oneLine(u.Host)
}

// oneLine makes a server's words fit for a message.
func oneLine(s string) string {
	s = job.Head(s, 4*maxMessage)
	s = strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s)
	return job.Head(strings.Join(strings.Fields(s), " "), maxMessage)
}
