package logs

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

// list is what a server has of one or more containers: one element for each node
// file of each container, in the order in which the servers send their frames.
//
//	3.3, 3.4  {"containerLogsInfo": {…}} of one, {"containerLogsInfo": [{…}, …]} of several,
//	          or the key once for each; fileSize is a string
//	3.5       {"containerLogsInfoes": {"containerLogsInfo": {…} or [{…}, …]}}; fileSize is a number
//	both      {"containerLogInfo": [{"fileName": "stdout", "fileSize": 15}, …] or one without the array,
//	           "logAggregationType": "AGGREGATED", "containerId": "container_…", "nodeId": "localhost_8041"}
type list []listed

type listed struct {
	Container string   `json:"containerId"`
	Type      string   `json:"logAggregationType"`
	Files     many[md] `json:"containerLogInfo"`
}

// md is a file's name and size.
type md struct {
	Name string `json:"fileName"`
	Size size   `json:"fileSize"`
}

// many is an array, one element without the array, or any number of either under
// the same key.
type many[T any] []T

func (m *many[T]) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0 || bytes.Equal(data, []byte("null")) || bytes.Equal(data, []byte(`""`)):
		return nil
	case data[0] == '[':
		var some []T
		if err := json.Unmarshal(data, &some); err != nil {
			return err
		}
		*m = append(*m, some...)
		return nil
	}
	var one T
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*m = append(*m, one)
	return nil
}

// size is a number or a string of one; -1 is one that nobody can read.
type size int64

func (s *size) UnmarshalJSON(data []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(data), `" `), 10, 64)
	if err != nil || n < 0 {
		n = -1
	}
	*s = size(n)
	return nil
}

// parseList reads a list. Anything else is an error.
func parseList(body []byte) (list, error) {
	var got struct {
		Plain   elements `json:"containerLogsInfo"`
		Wrapped *struct {
			Plain elements `json:"containerLogsInfo"`
		} `json:"containerLogsInfoes"`
	}
	if err := json.Unmarshal(body, &got); err != nil || !got.Plain.there && got.Wrapped == nil {
		return nil, job.Errorf(job.CodeUnavailable, "sent something other than a list of logs")
	}
	out := list(got.Plain.all)
	if got.Wrapped != nil {
		out = append(out, got.Wrapped.Plain.all...)
	}
	return out, nil
}

// elements of a list that may be empty, but must be there.
type elements struct {
	there bool
	all   many[listed]
}

func (e *elements) UnmarshalJSON(data []byte) error {
	e.there = true
	return e.all.UnmarshalJSON(data)
}

// of returns the sizes of a stream's parts in one kind of copy of a container's
// files. Without any, absent is true if the container's other files are known.
func (l list) of(container, kind, stream string) (parts []int64, err error) {
	known := false
	absent := &absentError{}
	for _, element := range l {
		if element.Container != container || element.Type != kind {
			continue
		}
		known = true
		for _, file := range element.Files {
			if file.Name == stream {
				if file.Size < 0 {
					return nil, job.Errorf(job.CodeUnavailable, "sent a list without sizes")
				}
				parts = append(parts, int64(file.Size))
			} else if len(absent.streams) < maxStreams {
				absent.streams = append(absent.streams, file.Name)
			}
		}
	}
	switch {
	case len(parts) > 0:
		return parts, nil
	case known:
		return nil, absent
	}
	return nil, errUnknown
}

// maxStreams bounds how many other streams an error names.
const maxStreams = 50
