package webhdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"github.com/stoker-spark/stoker/hadoop"
)

// listBatches lists a directory in parts, which a server bounds (dfs.ls.limit,
// 1000 entries).
func (s *Store) listBatches(ctx context.Context, dir string) ([]fileStatus, error) {
	var all []fileStatus
	seen := map[string]bool{}
	for after := ""; ; {
		var reply struct {
			DirectoryListing *struct {
				PartialListing   *struct{ FileStatuses *fileStatuses } `json:"partialListing"`
				RemainingEntries *int                                  `json:"remainingEntries"`
			}
		}
		params := url.Values{}
		if after != "" {
			params.Set("startAfter", after)
		}
		err := s.ask(ctx, request{method: get, op: "LISTSTATUS_BATCH", path: dir, params: params, repeatable: true}, &reply)
		if err != nil {
			return nil, err
		}
		l := reply.DirectoryListing
		if l == nil || l.PartialListing == nil || l.RemainingEntries == nil {
			return nil, errors.New("the reply is no directory listing")
		}
		entries, err := l.PartialListing.FileStatuses.check()
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if seen[e.PathSuffix] {
				return nil, fmt.Errorf("the listing holds %.200q twice", e.PathSuffix)
			}
			seen[e.PathSuffix] = true
			after = e.PathSuffix
		}
		all = append(all, entries...)
		if *l.RemainingEntries <= 0 {
			return all, nil
		}
		if len(entries) == 0 {
			return nil, errors.New("the listing goes on but has no more entries")
		}
	}
}

// listWhole is for servers before Hadoop 2.9.
func (s *Store) listWhole(ctx context.Context, dir string) ([]fileStatus, error) {
	var reply struct{ FileStatuses *fileStatuses }
	if err := s.ask(ctx, request{method: get, op: "LISTSTATUS", path: dir, repeatable: true}, &reply); err != nil {
		return nil, err
	}
	return reply.FileStatuses.check()
}

// unknownOperation reports whether a server does not know an operation's name.
func unknownOperation(err error) bool {
	var e *hadoop.Exception
	return errors.As(err, &e) && (e.Name() == "UnsupportedOperationException" ||
		e.Name() == "IllegalArgumentException" && strings.Contains(e.Message, `"op"`))
}

type fileStatuses struct{ FileStatus *[]fileStatus }

// check refuses what is no name: it would become part of a path.
func (l *fileStatuses) check() ([]fileStatus, error) {
	if l == nil || l.FileStatus == nil {
		return nil, errors.New("the reply is no directory listing")
	}
	entries := *l.FileStatus
	for i := range entries {
		e := &entries[i]
		if err := e.check(); err != nil {
			return nil, err
		}
		switch {
		case e.PathSuffix == "" && len(entries) == 1 && e.Type != typeDirectory:
			return nil, fmt.Errorf("%w: it is a file", fs.ErrNotExist)
		case e.PathSuffix == "" || e.PathSuffix == "." || e.PathSuffix == ".." || strings.ContainsAny(e.PathSuffix, "/\x00"):
			return nil, fmt.Errorf("the listing holds %.200q, which is no name", e.PathSuffix)
		}
	}
	return entries, nil
}
