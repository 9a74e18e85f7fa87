package doctor

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

func checkOf(group, name, needs string, finding Finding) Check {
	return Check{Group: group, Name: name, Needs: needs, Run: func(context.Context) Finding { return finding }}
}

func TestExamineRunsAllAtOnceAndKeepsTheirOrder(t *testing.T) {
	t.Parallel()
	const n = 8
	var together sync.WaitGroup
	together.Add(n)
	var checks []Check
	for i := range n {
		checks = append(checks, Check{Group: "g", Name: string(rune('a' + i)), Run: func(context.Context) Finding {
			together.Done()
			together.Wait() // ends only if all run
			return ok("%d", i)
		}})
	}
	report := Examine(t.Context(), checks, time.Minute)
	require.True(t, report.OK)
	for i, row := range report.Rows {
		require.Equal(t, Row{Group: "g", Check: string(rune('a' + i)), Finding: ok("%d", i)}, row)
	}
}

func TestExamineLeavesAHungCheckBehind(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	report := Examine(t.Context(), []Check{
		{Group: "g", Name: "deaf", Run: func(context.Context) Finding { <-never; return ok("") }},
		{Group: "g", Name: "heeds", Run: func(ctx context.Context) Finding { <-ctx.Done(); return fail("wait", "too slow") }},
		{Group: "g", Name: "after", Needs: "deaf", Run: func(context.Context) Finding { return ok("") }},
		checkOf("g", "other", "heeds", ok("")),
		checkOf("g", "fast", "", warn("m", "w")),
	}, 20*time.Millisecond)
	require.False(t, report.OK)
	require.Equal(t, StatusFail, report.Rows[0].Status)
	require.Equal(t, "no answer within 20ms", report.Rows[0].Text)
	require.Equal(t, fail("wait", "too slow"), report.Rows[1].Finding)
	require.Equal(t, StatusSkip, report.Rows[2].Status)
	require.Equal(t, StatusSkip, report.Rows[3].Status)
	require.Equal(t, warn("m", "w"), report.Rows[4].Finding)
	requireMends(t, report)
}

// requireMends: whatever is not fine says how to mend it.
func requireMends(t *testing.T, report Report) {
	t.Helper()
	for _, row := range report.Rows {
		if row.Status != StatusOK {
			require.NotEmpty(t, row.Mend, "%s, %s: %s", row.Group, row.Check, row.Text)
		}
	}
}

// No check is written that finds fault and doesn't say how to mend it.
func TestEveryFaultHasAMend(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	calls := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, isCall := n.(*ast.CallExpr)
			if !isCall {
				return true
			}
			called, isName := call.Fun.(*ast.Ident)
			if !isName || called.Name != "warn" && called.Name != "fail" {
				return true
			}
			calls++
			mend, isText := call.Args[0].(*ast.BasicLit)
			require.False(t, isText && mend.Value == `""`, "%s says no mend", set.Position(call.Pos()))
			return true
		})
	}
	require.Greater(t, calls, 50, "they are looked for under the right names")
}

func TestNeedsStayInTheirGroup(t *testing.T) {
	t.Parallel()
	report := Examine(t.Context(), []Check{
		checkOf("a", "server", "", fail("", "dead")), checkOf("a", "more", "server", ok("")), checkOf("a", "most", "more", ok("")),
		checkOf("b", "server", "", warn("", "old")), checkOf("b", "more", "server", ok("")),
	}, time.Minute)
	var got []Status
	for _, row := range report.Rows {
		got = append(got, row.Status)
	}
	require.Equal(t, []Status{StatusFail, StatusSkip, StatusSkip, StatusWarn, StatusOK}, got)
}

// What servers say is shown in a line, without tokens.
func TestFindingsAreFitForALine(t *testing.T) {
	t.Parallel()
	text := "GET http://nn/x?delegation=HSECRET&op=OPEN\r\n\tfailed " + strings.Repeat("y", 2000)
	got := Examine(t.Context(), []Check{checkOf("g", "c", "", fail("", "%s", text))}, time.Minute).Rows[0].Text
	require.NotContains(t, got, "HSECRET")
	require.NotContains(t, got, "\n")
	require.LessOrEqual(t, len(got), maxText+len("…"))
}

func TestPrint(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, Print(&out, Report{Rows: []Row{
		{"Temporal", "server", ok("there")},
		{"cluster lake", "queue", fail("set it", "none")},
		{"cluster lake", "runtime", Finding{Status: StatusSkip, Text: "not looked at"}},
		{"cluster lake", "clocks", warn("", "apart")},
	}}))
	require.Equal(t, `Temporal
  ok    server   there

cluster lake
  FAIL  queue    none
                 -> set it
  -     runtime  not looked at
  WARN  clocks   apart

1 failed, 1 to look at, 1 skipped, 1 fine
`, out.String())
	out.Reset()
	require.NoError(t, Print(&out, Report{Rows: []Row{{"g", "c", ok("fine")}}}))
	require.Contains(t, out.String(), "\n0 failed, 1 fine\n")
}

type fakeTemporal struct{ reach, namespace, attributes error }

func (f fakeTemporal) Reach(context.Context) error            { return f.reach }
func (f fakeTemporal) Namespace(context.Context) error        { return f.namespace }
func (f fakeTemporal) SearchAttributes(context.Context) error { return f.attributes }

func TestTemporal(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	for name, row := range map[string]struct {
		server fakeTemporal
		want   []Status
		mend   string
	}{
		"well":         {fakeTemporal{}, []Status{StatusOK, StatusOK, StatusOK}, ""},
		"dead":         {fakeTemporal{reach: down}, []Status{StatusFail, StatusSkip, StatusSkip}, "TEMPORAL_ADDRESS"},
		"no namespace": {fakeTemporal{namespace: job.Errorf(job.CodeNotFound, "no")}, []Status{StatusOK, StatusFail, StatusSkip}, "namespace create --namespace ns"},
		"forbidden":    {fakeTemporal{namespace: errors.New("denied")}, []Status{StatusOK, StatusFail, StatusSkip}, "TEMPORAL_NAMESPACE"},
		"attributes":   {fakeTemporal{attributes: errors.New("lacks SparkPhase")}, []Status{StatusOK, StatusOK, StatusFail}, "stoker admin init"},
	} {
		report := Examine(t.Context(), OfTemporal("host:7233", "ns", row.server), time.Minute)
		for i, want := range row.want {
			require.Equal(t, want, report.Rows[i].Status, "%s, %s", name, report.Rows[i].Check)
			if want == StatusFail {
				require.Contains(t, report.Rows[i].Mend, row.mend, name)
			}
		}
	}
}

type fakeModelManage func() error

func (f fakeModelManage) List(context.Context) error { return f() }

func TestModelManage(t *testing.T) {
	t.Parallel()
	for code, mend := range map[job.Code]string{
		job.CodeUnauthorized: "modelManage.tokenFile", job.CodeNotFound: "modelManage.baseUrl, .prefix", job.CodeUnavailable: "modelManage.baseUrl",
	} {
		report := Examine(t.Context(), OfModelManage("http://mm", fakeModelManage(func() error { return job.Errorf(code, "no") })), time.Minute)
		require.Equal(t, StatusFail, report.Rows[0].Status)
		require.Contains(t, report.Rows[0].Mend, mend)
	}
	require.True(t, Examine(t.Context(), OfModelManage("http://mm", fakeModelManage(func() error { return nil })), time.Minute).OK)
}
