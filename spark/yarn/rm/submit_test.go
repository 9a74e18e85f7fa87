package rm_test

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

func TestNewApplication(t *testing.T) {
	t.Parallel()
	c, s := answering(t, replyJSON(200, `{"application-id":"`+id2+`","maximum-resource-capability":{"memory":8192,"vCores":8,`+
		`"resourceInformations":{"resourceInformation":[{"attributes":{},"maximumAllocation":9223372036854775807,"name":"memory-mb","value":8192}]}}}`))
	got, err := c.NewApplication(t.Context())
	require.NoError(t, err)
	require.Equal(t, rm.Reserved{ID: id2, MaxMemoryMB: 8192, MaxVCores: 8}, got)
	require.Equal(t, "POST", s.seen()[0].Method)
	require.Equal(t, "/ws/v1/cluster/apps/new-application", s.seen()[0].Path)
}

func TestSubmit(t *testing.T) {
	t.Parallel()
	priority := 0
	c, s := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://rm/ws/v1/cluster/apps/"+id1)
		w.WriteHeader(http.StatusAccepted)
	})
	require.NoError(t, c.Submit(t.Context(), rm.SubmissionContext{
		ID: id1, Name: "a <b> & \"c\"", Queue: "default", Priority: &priority, MaxAttempts: 1, Type: "SPARK", Tags: []string{"t1", "t2"},
		Resource: rm.Resource{MemoryMB: 1408, VCores: 2}, NodeLabel: "x", AMNodeLabel: "y", AttemptFailuresValidity: 60000,
		LogAggregation: &rm.LogAggregation{RolledInclude: "std.*"},
		Container: rm.Container{
			LocalResources: rm.Map[rm.LocalResource]{"__conf__": {URL: "hdfs://nn/a%20b", Type: rm.TypeArchive, Visibility: rm.VisibilityPrivate, Size: 5, Timestamp: 7}},
			Environment:    rm.Map[string]{"B": "2", "A": "{{PWD}}<CPS>x"},
			Commands:       []string{"run 'two\nlines\r'"},
			Credentials:    rm.Credentials{Tokens: rm.Map[string]{"t": "abc"}},
			ACLs:           rm.Map[string]{"VIEW_APP": "alice "},
		},
	}))
	seen := s.seen()[0]
	require.Equal(t, "POST", seen.Method)
	require.Equal(t, "/ws/v1/cluster/apps", seen.Path)
	require.Equal(t, "application/xml", seen.Type)
	require.Equal(t, `<?xml version="1.0" encoding="UTF-8"?>
<application-submission-context><application-id>`+id1+`</application-id><application-name>a &lt;b&gt; &amp; &#34;c&#34;</application-name>`+
		`<queue>default</queue><priority>0</priority><am-container-spec>`+
		`<local-resources><entry><key>__conf__</key><value><resource>hdfs://nn/a%20b</resource><type>ARCHIVE</type><visibility>PRIVATE</visibility><size>5</size><timestamp>7</timestamp></value></entry></local-resources>`+
		`<environment><entry><key>A</key><value>{{PWD}}&lt;CPS&gt;x</value></entry><entry><key>B</key><value>2</value></entry></environment>`+
		`<commands><command>run &#39;two&#xA;lines&#xD;&#39;</command></commands>`+
		`<credentials><tokens><entry><key>t</key><value>abc</value></entry></tokens><secrets></secrets></credentials>`+
		`<application-acls><entry><key>VIEW_APP</key><value>alice </value></entry></application-acls></am-container-spec>`+
		`<max-app-attempts>1</max-app-attempts><resource><memory>1408</memory><vCores>2</vCores></resource><application-type>SPARK</application-type>`+
		`<keep-containers-across-application-attempts>false</keep-containers-across-application-attempts>`+
		`<application-tags><tag>t1</tag><tag>t2</tag></application-tags><app-node-label-expression>x</app-node-label-expression>`+
		`<am-container-node-label-expression>y</am-container-node-label-expression>`+
		`<log-aggregation-context><rolled-log-include-pattern>std.*</rolled-log-include-pattern></log-aggregation-context>`+
		`<attempt-failures-validity-interval>60000</attempt-failures-validity-interval></application-submission-context>`, seen.Body)
}

// Of two first requests with one id YARN refuses one; the application is there.
func TestSubmitRace(t *testing.T) {
	t.Parallel()
	c, _ := answering(t, replyJSON(400, remote("BadRequestException", "Application with id "+id1+" is already present! Cannot add a duplicate!")))
	require.NoError(t, c.Submit(t.Context(), rm.SubmissionContext{ID: id1}))
}

// Any text either arrives as it is or is refused.
func TestSubmissionText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("a\n\r\t \"'<>&]\x00\x01\u0085\u2028\uFFFE\uFFFDü💡")))).Draw(t, "value")
		in := rm.SubmissionContext{ID: id1, Container: rm.Container{Environment: rm.Map[string]{"X": value}, Commands: []string{value}}}
		body, err := in.Marshal()
		if !rm.ValidText(value) {
			require.Equal(t, job.CodeInvalid, job.CodeOf(err))
			return
		}
		require.NoError(t, err)
		var out rm.SubmissionContext
		require.NoError(t, xml.Unmarshal(body, &out))
		require.Equal(t, value, out.Container.Environment["X"])
		require.Equal(t, []string{value}, out.Container.Commands)
	})
	require.False(t, rm.ValidText("\xff"))
	require.False(t, rm.ValidText("a\x0bb"))
	require.True(t, rm.ValidText("tab\t\r\n ü 💡"))
}

func TestCredentialsAreNotPrinted(t *testing.T) {
	t.Parallel()
	c := rm.Credentials{Tokens: rm.Map[string]{"nn": "hunter2"}, Secrets: rm.Map[string]{"s": "hunter2"}}
	require.NotContains(t, fmt.Sprintf("%v %+v %s", c, rm.SubmissionContext{Container: rm.Container{Credentials: c}}, c), "hunter2")
}

func TestKill(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		body   string
		ended  bool
	}{
		{202, `{"state":"KILLING"}`, false},
		{202, `{"state":"ACCEPTED"}`, false},
		{200, `{"state":"KILLED"}`, true},
		{200, `{"state":"FINISHED"}`, true},
		{200, `{"state":"FINISHING"}`, false},
	} {
		c, s := answering(t, replyJSON(tt.status, tt.body))
		ended, err := c.Kill(t.Context(), id1, "by <alice>")
		require.NoError(t, err)
		require.Equal(t, tt.ended, ended, tt.body)
		require.Equal(t, call{
			Method: "PUT", Path: "/ws/v1/cluster/apps/" + id1 + "/state", Query: "user.name=alice", Type: "application/xml",
			Body: "<appstate><state>KILLED</state><diagnostics>by &lt;alice&gt;</diagnostics></appstate>",
		}, s.seen()[0])
	}
}

// A gateway has a path in front of the API, and a cluster with Kerberos no user.name.
func TestAddressWithPath(t *testing.T) {
	t.Parallel()
	s := serve(t, replyJSON(200, `{"apps":{}}`))
	c := client(t, func(o *rm.Options) { o.User = "" }, s.URL+"/gateway/default/resourcemanager/")
	_, err := c.List(t.Context(), rm.Filter{})
	require.NoError(t, err)
	require.Equal(t, "/gateway/default/resourcemanager/ws/v1/cluster/apps", s.seen()[0].Path)
	require.Empty(t, s.seen()[0].Query)
	require.NotContains(t, s.seen()[0].Path, "//")
}
