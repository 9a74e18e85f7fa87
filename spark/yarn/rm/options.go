package rm

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
)

// Defaults of Options.
const (
	DefaultTimeout  = 10 * time.Second
	DefaultMaxReply = 32 << 20
)

// Options of a Client.
type Options struct {
	// Addresses of the ResourceManagers' web services, one each: "http://rm1:8088",
	// or a gateway's URL with the path in front of /ws/v1. At least one.
	Addresses []string
	// User that calls are made as (user.name), on a cluster without Kerberos, by
	// clients of the Client's own; "" where HTTP says who calls.
	User string
	// HTTP makes the requests with the cluster's other ones; nil makes clients of the
	// Client's own.
	HTTP *hadoop.HTTP
	// Timeout of one request to one address, reply included; 0 is DefaultTimeout.
	Timeout time.Duration
	// MaxReply bounds a reply, in bytes; 0 is DefaultMaxReply. One application takes
	// 0.4 to 4 kB in a list.
	MaxReply int64
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxReply == 0 {
		o.MaxReply = DefaultMaxReply
	}
	if o.HTTP == nil {
		o.HTTP = hadoop.NewHTTP(hadoop.HTTPOptions{User: o.User})
	}
	return o
}

func (o Options) validate() error {
	var problems []string
	if len(o.Addresses) == 0 {
		problems = append(problems, "addresses: at least one is needed")
	}
	for _, address := range o.Addresses {
		u, err := url.Parse(address)
		switch {
		case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
			problems = append(problems, fmt.Sprintf("addresses: %q is none like http://host:8088", job.Head(address, 100)))
		case u.User != nil, u.RawQuery != "", u.Fragment != "":
			problems = append(problems, fmt.Sprintf("addresses: %s://%s has more than scheme, host and path", u.Scheme, u.Host))
		}
	}
	if o.Timeout < 0 {
		problems = append(problems, "timeout: must not be negative")
	}
	if o.MaxReply < 0 {
		problems = append(problems, "maxReply: must not be negative")
	}
	if strings.ContainsFunc(o.User, isControl) {
		problems = append(problems, "user: has a control character")
	}
	if len(problems) > 0 {
		return job.Invalid("the ResourceManager's options are wrong", problems)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
