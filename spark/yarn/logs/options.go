package logs

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store"
)

// Defaults of Options.
const (
	DefaultTimeout  = 10 * time.Second
	DefaultMaxReply = 8 << 20
	// DefaultPatience is longer than the ResourceManager's own (10 min,
	// yarn.log-aggregation-status.time-out.ms).
	DefaultPatience = 15 * time.Minute
)

// ResourceManager is what a Reader asks an rm.Client.
type ResourceManager interface {
	Application(ctx context.Context, id string) (rm.Application, error)
	Attempts(ctx context.Context, id string) ([]rm.Attempt, error)
}

var _ ResourceManager = (*rm.Client)(nil)

// Options of a Reader.
type Options struct {
	// ResourceManager says which container the master is, and where. Required.
	ResourceManager ResourceManager
	// HistoryAddress of the MapReduce job history server, "http://host:19888", or ""
	// where there is none. It serves the aggregated logs of all applications.
	HistoryAddress string
	// Folders with the aggregated logs, for when the history server does not answer;
	// none to go without. They are read in format TFile only.
	Folders []Folder
	// OldLayout looks also where Hadoop before 3.3 put the files.
	OldLayout bool
	// User whose applications they are, if the ResourceManager has forgotten them.
	User string
	// HTTP makes the requests with the cluster's other ones; nil makes clients of the
	// Reader's own, which ask as User (user.name).
	HTTP *hadoop.HTTP
	// Timeout is how long a server may keep silent, before its answer and within it;
	// 0 is DefaultTimeout. How long a whole call may take is up to its context.
	Timeout time.Duration
	// MaxReply bounds a reply that is no log, in bytes; 0 is DefaultMaxReply. A
	// container takes 1 kB in a list.
	MaxReply int64
	// Patience is for how long after an application's end its logs are still
	// expected, where the ResourceManager does not say what became of them; 0 is
	// DefaultPatience.
	Patience time.Duration
}

// Folder is where NodeManagers put aggregated logs; hadoop.Configuration knows it.
type Folder struct {
	Store store.Store
	// Dir is a path in Store.
	Dir string
	// Suffix of the name, below the directory of each user.
	Suffix string
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxReply == 0 {
		o.MaxReply = DefaultMaxReply
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	if o.HTTP == nil {
		o.HTTP = hadoop.NewHTTP(hadoop.HTTPOptions{User: o.User})
	}
	o.HistoryAddress = strings.TrimRight(o.HistoryAddress, "/")
	return o
}

func (o Options) validate() error {
	var problems []string
	if o.ResourceManager == nil {
		problems = append(problems, "resourceManager: is needed")
	}
	if o.HistoryAddress != "" {
		u, err := url.Parse(o.HistoryAddress)
		switch {
		case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
			problems = append(problems, fmt.Sprintf("historyAddress: %q is none like http://host:19888", job.Head(o.HistoryAddress, 100)))
		case u.User != nil, u.RawQuery != "", u.Fragment != "":
			problems = append(problems, fmt.Sprintf("historyAddress: %s://%s has more than scheme, host and path", u.Scheme, u.Host))
		}
	}
	for i, f := range o.Folders {
		if f.Store == nil {
			problems = append(problems, fmt.Sprintf("folders[%d].store: is needed", i))
		}
		if !path.IsAbs(f.Dir) || path.Clean(f.Dir) != f.Dir {
			problems = append(problems, fmt.Sprintf("folders[%d].dir: %q is no absolute path without . and ..", i, job.Head(f.Dir, 100)))
		}
		if !isName(f.Suffix) {
			problems = append(problems, fmt.Sprintf("folders[%d].suffix: %q is no name of a directory", i, job.Head(f.Suffix, 100)))
		}
	}
	if o.Timeout < 0 || o.MaxReply < 0 || o.Patience < 0 {
		problems = append(problems, "timeout, maxReply, patience: must not be negative")
	}
	if strings.ContainsFunc(o.User, isControl) {
		problems = append(problems, "user: has a control character")
	}
	if len(problems) > 0 {
		return job.Invalid("the options for reading YARN's logs are wrong", problems)
	}
	return nil
}

// maxName is the longest file name that file systems take, in bytes.
const maxName = 255

// isName reports whether s can be the name of one file or directory.
func isName(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) <= maxName && !strings.Contains(s, "/") && !strings.ContainsFunc(s, isControl)
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
