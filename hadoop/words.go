package hadoop

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

// maxWords bounds what a server's words add to an error, in bytes.
const maxWords = 400

// javaClass is what Java puts before the message of a wrapped exception.
var javaClass = regexp.MustCompile(`^(?:(?:[a-z][a-z0-9]*\.)+[A-Za-z0-9_$]*(?:Exception|Error): )+`)

// Words returns what the body of a refusal says in one line, without the Java classes
// before it; "" if that is nothing for people, such as a page of HTML or JSON that is
// cut off. exception: it came as Hadoop's servers put exceptions into JSON.
func Words(body []byte) (words string, exception bool) {
	var remote struct {
		RemoteException struct {
			Exception any `json:"exception"`
			Message   any `json:"message"`
		} `json:"RemoteException"`
	}
	body = bytes.TrimSpace(body)
	if err := json.Unmarshal(body, &remote); err == nil {
		if message, _ := remote.RemoteException.Message.(string); message != "" {
			return OneLine(javaClass.ReplaceAllString(message, "")), true
		}
		class, _ := remote.RemoteException.Exception.(string)
		return OneLine(class), class != ""
	}
	if bytes.ContainsAny(body, "<{") {
		return "", false
	}
	return OneLine(javaClass.ReplaceAllString(string(body), "")), false
}

// OneLine makes a server's words fit for a message: at most 400 bytes in one line,
// without secrets.
func OneLine(s string) string {
	s = Redact(job.Head(s, 4*maxWords))
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return job.Head(strings.Join(strings.Fields(s), " "), maxWords)
}
