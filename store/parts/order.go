package parts

import (
	"cmp"
	"strings"
)

// comparePartNames orders names as Spark numbers its parts:
//
//	part-<task>[-<write id>[_<bucket>]][.c<file of the task>].<extensions>
//
// The numbers grow past the digits they are padded to, so they are compared as
// numbers. Hadoop's older "part-m-<task>" and "part-r-<task>" count as parts.
func comparePartNames(a, b string) int {
	pa, pb := splitPartName(a), splitPartName(b)
	return cmp.Or(
		compareBool(pa.part, pb.part),
		compareDigits(pa.task, pb.task),
		strings.Compare(pa.write, pb.write),
		compareDigits(pa.file, pb.file),
		strings.Compare(a, b),
	)
}

type partName struct {
	part        bool
	task, write string
	file        string
}

func splitPartName(name string) partName {
	rest, ok := strings.CutPrefix(name, "part-")
	if !ok {
		return partName{}
	}
	for _, kind := range []string{"m-", "r-"} {
		if after, ok := strings.CutPrefix(rest, kind); ok {
			rest = after
			break
		}
	}
	task, rest := cutDigits(rest)
	if task == "" {
		return partName{}
	}
	p := partName{part: true, task: task, write: rest}
	if write, counter, ok := strings.Cut(rest, ".c"); ok {
		if file, _ := cutDigits(counter); file != "" {
			p.write, p.file = write, file
		}
	}
	return p
}

func cutDigits(s string) (digits, rest string) {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[:n], s[n:]
}

// compareDigits compares numbers of any length; none is less than zero.
func compareDigits(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(len(a), len(b))
	}
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// compareBool puts true first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}
