//go:build hadoop

package yarnsim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/yarnsim"
	"github.com/stoker-spark/stoker/hadoop/hadooptest"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// TestTheSimulatorAnswersAsARealResourceManager sends the same requests to both
// and compares status codes and the replies' keys and types.
func TestTheSimulatorAnswersAsARealResourceManager(t *testing.T) {
	t.Parallel()
	cluster := hadooptest.Find(t)
	// Nothing registers in the real application, so the simulated one must not.
	sim := yarnsim.New(yarnsim.Options{Starting: time.Hour, Admins: []string{cluster.User}})
	server := httptest.NewServer(sim)
	t.Cleanup(func() { server.Close(); sim.Close() })

	tag := fmt.Sprintf("differential-%x", rand.Uint64())
	number := 10000 + rand.IntN(1<<30)
	recordings := map[string][]answer{}
	for name, base := range map[string]string{"real": cluster.Addresses.ResourceManagerWeb, "simulated": server.URL} {
		recordings[name] = (&conversation{T: t, base: base, user: cluster.User, tag: tag, number: number}).run()
	}
	require.Len(t, recordings["simulated"], len(recordings["real"]))
	for i, genuine := range recordings["real"] {
		t.Run(genuine.Request, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, genuine, recordings["simulated"][i])
		})
	}
}

// answer is what of a reply must be the same.
type answer struct {
	Request  string
	Status   int
	Type     string
	Location bool
	Shape    any
}

// conversation is one sequence of requests.
type conversation struct {
	*testing.T
	base, user, tag string
	number          int
	answers         []answer
}

// send makes a request and keeps what it was answered. words say what it is, in
// place of ids that differ.
func (c *conversation) send(words, method, path, user, body string) (int, []byte) {
	c.Helper()
	status, header, data := c.request(method, path, user, body)
	var content any = string(data) // what is no JSON is as it is, but for ids
	if json.Unmarshal(data, &content) == nil {
		content = shape(content)
	} else if i := strings.Index(string(data), "application_"); i >= 0 {
		content = string(data[:i])
	}
	c.answers = append(c.answers, answer{
		Request: words, Status: status, Type: header.Get("Content-Type"), Location: header.Get("Location") != "", Shape: content,
	})
	return status, data
}

func (c *conversation) request(method, path, user, body string) (int, http.Header, []byte) {
	c.Helper()
	target := c.base + "/ws/v1/cluster/" + path
	if user != "" {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		target += separator + "user.name=" + url.QueryEscape(user)
	}
	request, err := http.NewRequestWithContext(c.Context(), method, target, strings.NewReader(body))
	require.NoError(c, err)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/xml")
	reply, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(c, err)
	defer func() { require.NoError(c, reply.Body.Close()) }()
	data, err := io.ReadAll(reply.Body)
	require.NoError(c, err)
	return reply.StatusCode, reply.Header, data
}

// shape replaces values by their types, but for words that clients decide by.
func shape(value any) any {
	switch value := value.(type) {
	case map[string]any:
		shaped := map[string]any{}
		for key, v := range value {
			switch key {
			case "exception", "javaClassName", "state", "finalStatus", "applicationTags", "applicationType",
				"queue", "trackingUI", "priority", "haState", "appAttemptState":
				shaped[key] = v
			default:
				shaped[key] = shape(v)
			}
		}
		return shaped
	case []any:
		shaped := []any{}
		for _, v := range value {
			shaped = append(shaped, shape(v))
		}
		return shaped
	}
	return fmt.Sprintf("%T", value)
}

// body of a submission.
func (c *conversation) body(id string, change ...func(*rm.SubmissionContext)) string {
	c.Helper()
	s := rm.SubmissionContext{
		ID: id, Name: "differential", Queue: "default", Type: "TEST", Tags: []string{c.tag, "Second"}, MaxAttempts: 1,
		Resource:  rm.Resource{MemoryMB: 128, VCores: 1},
		Container: rm.Container{Commands: []string{"sleep", "300"}},
	}
	for _, f := range change {
		f(&s)
	}
	data, err := s.Marshal()
	require.NoError(c, err)
	return string(data)
}

func (c *conversation) newID() string {
	c.Helper()
	_, _, data := c.request("POST", "apps/new-application", c.user, "")
	var got struct {
		ID string `json:"application-id"`
	}
	require.NoError(c, json.Unmarshal(data, &got))
	return got.ID
}

// await asks until a condition holds, and keeps nothing.
func (c *conversation) await(path string, holds func(body string) bool) {
	c.Helper()
	require.Eventually(c, func() bool {
		_, _, data := c.request("GET", path, c.user, "")
		return holds(string(data))
	}, 2*time.Minute, 50*time.Millisecond, path)
}

const (
	killed = `<appstate><state>KILLED</state><diagnostics>by a test</diagnostics></appstate>`
	lean   = "&deSelects=resourceRequests,timeouts,resourceInfo"
)

func (c *conversation) run() []answer {
	c.send("info", "GET", "info", c.user, "")
	c.send("metrics", "GET", "metrics", c.user, "")
	c.send("new-application", "POST", "apps/new-application", c.user, "")
	c.send("new-application by nobody", "POST", "apps/new-application", "", "")
	c.unknown()
	c.life()
	c.lists() // some parameters are looked at only where there is an application
	c.refused()
	return c.answers
}

func (c *conversation) unknown() {
	id := c.newID()
	for _, path := range []string{"apps/" + id, "apps/" + id + "/appattempts", "apps/" + id + "/state"} {
		c.send("unknown "+path[len("apps/")+len(id):], "GET", path, c.user, "")
	}
	c.send("kill unknown", "PUT", "apps/"+id+"/state", c.user, killed)
	c.send("no id", "GET", "apps/junk", c.user, "")
	c.send("short id", "GET", "apps/application_1_1", c.user, "")
}

func (c *conversation) lists() {
	for _, query := range []string{
		"applicationTags=nobody-has-this", "states=NOSUCH", "limit=x", "limit=0", "limit=-1", "deSelects=nosuch",
		"finishedTimeBegin=x", "finishedTimeBegin=-1", "startedTimeBegin=x", "queue=nosuch", "user=nobody",
	} {
		c.send("list "+query, "GET", "apps?"+query, c.user, "")
	}
}

// life is an application's, from its submission until after its end.
func (c *conversation) life() {
	id := c.newID()
	app, list := "apps/"+id, "apps?applicationTags="+strings.ToUpper(c.tag)
	c.send("submit", "POST", "apps", c.user, c.body(id))
	c.await(app, func(body string) bool {
		return strings.Contains(body, `"amContainerLogs"`) && !strings.Contains(body, `"launchTime":0,`)
	})
	c.send("application", "GET", app, c.user, "")
	c.send("application for nobody", "GET", app, "", "")
	c.send("attempts", "GET", app+"/appattempts", c.user, "")
	c.send("state", "GET", app+"/state", c.user, "")
	for _, query := range []string{
		"&states=NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING" + lean, "&states=FINISHED", "&finishedTimeBegin=1", "&finishedTimeBegin=0",
		"&applicationTypes=test" + lean, "&applicationTypes=other", "&user=mallory", "&limit=5" + lean,
		"&states=accepted&deSelects=appNodeLabelExpression,amNodeLabelExpression,resourceInfo",
	} {
		c.send("list live "+query, "GET", list+query, c.user, "")
	}
	rename := func(s *rm.SubmissionContext) { s.Name = "another" }
	c.send("duplicate", "POST", "apps", c.user, c.body(id, rename))
	c.send("duplicate by another user", "POST", "apps", "mallory", c.body(id, rename))
	c.send("duplicate by nobody", "POST", "apps", "", c.body(id, rename))
	c.send("duplicate that is too large", "POST", "apps", c.user, c.body(id, func(s *rm.SubmissionContext) { s.Resource.MemoryMB = 1 << 40 }))
	c.send("duplicate with too many tags", "POST", "apps", c.user, c.body(id, func(s *rm.SubmissionContext) { s.Tags = strings.Split("a,b,c,d,e,f,g,h,i,j,k", ",") }))
	c.send("duplicate with negative memory", "POST", "apps", c.user, c.body(id, func(s *rm.SubmissionContext) { s.Resource.MemoryMB = -5 }))
	c.send("kill by another user", "PUT", app+"/state", "mallory", killed)
	c.send("kill by nobody", "PUT", app+"/state", "", killed)
	c.send("finish from outside", "PUT", app+"/state", c.user, `<appstate><state>FINISHED</state></appstate>`)
	c.send("kill with rubbish", "PUT", app+"/state", c.user, "rubbish")
	c.send("kill", "PUT", app+"/state", c.user, killed)
	// How far it is by then is a matter of luck.
	c.answers[len(c.answers)-1].Shape = nil
	c.await(app, func(body string) bool {
		return strings.Contains(body, `"state":"KILLED"`) && strings.Contains(body, `"logAggregationStatus":"SUCCEEDED"`)
	})
	c.send("kill again", "PUT", app+"/state", c.user, killed)
	c.send("kill again by another user", "PUT", app+"/state", "mallory", killed)
	c.send("killed", "GET", app, c.user, "")
	c.send("attempts of the killed", "GET", app+"/appattempts", c.user, "")
	c.send("state of the killed", "GET", app+"/state", c.user, "")
	c.send("duplicate of the killed", "POST", "apps", c.user, c.body(id, rename))
	c.send("still killed", "GET", app+"/state", c.user, "")
	c.send("list ended", "GET", list+"&finishedTimeBegin=1"+lean, c.user, "")
	c.send("list live again", "GET", list+"&states=RUNNING,ACCEPTED", c.user, "")
}

// variant of a submission.
type variant struct {
	name   string
	change func(*rm.SubmissionContext)
}

func (c *conversation) refused() {
	for _, tt := range []variant{
		{"too much memory", func(s *rm.SubmissionContext) { s.Resource.MemoryMB = 1 << 40 }},
		{"too many cores", func(s *rm.SubmissionContext) { s.Resource.VCores = 1 << 20 }},
		{"negative memory", func(s *rm.SubmissionContext) { s.Resource.MemoryMB = -5 }},
		{"eleven tags", func(s *rm.SubmissionContext) { s.Tags = strings.Split("a,b,c,d,e,f,g,h,i,j,k", ",") }},
		{"a long tag", func(s *rm.SubmissionContext) { s.Tags = []string{strings.Repeat("x", 101)} }},
		{"an odd tag", func(s *rm.SubmissionContext) { s.Tags = []string{"ü"} }},
	} {
		c.send(tt.name, "POST", "apps", c.user, c.body(c.newID(), tt.change))
	}
	c.send("no XML", "POST", "apps", c.user, "rubbish")
	c.send("no id", "POST", "apps", c.user, c.body("junk"))

	id := c.newID()
	c.send("unknown queue", "POST", "apps", c.user, c.body(id, func(s *rm.SubmissionContext) { s.Queue = "nosuch" }))
	c.await("apps/"+id, func(body string) bool { return strings.Contains(body, `"state":"FAILED"`) })
	c.send("application of an unknown queue", "GET", "apps/"+id, c.user, "")
	c.send("attempts of an unknown queue", "GET", "apps/"+id+"/appattempts", c.user, "")

	old := fmt.Sprintf("application_1700000000000_%d", c.number)
	c.send("id of an earlier start", "POST", "apps", c.user, c.body(old))
	c.await("apps/"+old, func(body string) bool { return strings.Contains(body, `"state":"ACCEPTED"`) })
	c.request("PUT", "apps/"+old+"/state", c.user, killed)

	for _, tt := range []variant{
		{"a long type", func(s *rm.SubmissionContext) { s.Type = strings.Repeat("T", 40) }},
		{"twin tags", func(s *rm.SubmissionContext) { s.Tags = []string{"Twin", "twin"} }},
		{"a priority", func(s *rm.SubmissionContext) { five := 5; s.Priority = &five }},
	} {
		id := c.newID()
		c.send(tt.name, "POST", "apps", c.user, c.body(id, tt.change))
		c.await("apps/"+id, func(body string) bool {
			return strings.Contains(body, `"amContainerLogs"`) && !strings.Contains(body, `"launchTime":0,`)
		})
		c.send("application with "+tt.name, "GET", "apps/"+id, c.user, "")
		c.request("PUT", "apps/"+id+"/state", c.user, killed)
	}
}
