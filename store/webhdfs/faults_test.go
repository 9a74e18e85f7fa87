package webhdfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/storetest"
)

// unavailable proves the kind of error of a store that could not be asked.
func unavailable(t *testing.T, err error) {
	t.Helper()
	storetest.Unavailable(t, err)
	quiet(t, err)
}

// quiet proves that no text of an error, or of what it wraps, holds a token. It
// logs the error as roles do; TestMain looks into the log.
func quiet(t *testing.T, err error) {
	t.Helper()
	slog.Error("a call failed", "error", err, "details", fmt.Sprintf("%+v %#v", err, err))
	for ; err != nil; err = errors.Unwrap(err) {
		require.NotContains(t, err.Error(), secret)
	}
}

// logged is all that this package's tests, and what they use, write to logs.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func TestMain(m *testing.M) {
	all := &logged{}
	log.SetOutput(all) // net/http's, too
	slog.SetDefault(slog.New(slog.NewTextHandler(all, &slog.HandlerOptions{Level: slog.LevelDebug})))
	code := m.Run()
	all.mu.Lock()
	defer all.mu.Unlock()
	for line := range strings.Lines(all.text.String()) {
		if strings.Contains(line, secret) {
			fmt.Fprint(os.Stderr, "a token is in the log: ", line)
			code = 1
		}
	}
	os.Exit(code)
}

// silent accepts connections and never says anything.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	return "http://" + listener.Addr().String()
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// says is a server with one answer.
func says(t *testing.T, status int, contentType, body string) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func TestBrokenServers(t *testing.T) {
	t.Parallel()
	const page = "<html><body>delegation=" + secret + "</body></html>"
	var strangers atomic.Int32
	stranger := serve(t, func(http.ResponseWriter, *http.Request) { strangers.Add(1) })
	for name, address := range map[string]string{
		"nobody listens": "http://127.0.0.1:1",
		"no such host":   "http://host.invalid:9870",
		"silent":         silent(t),
		"a page":         says(t, 200, "text/html", page),
		"error page":     says(t, 500, "text/html", page),
		"forbidden page": says(t, 403, "text/html", page),
		"missing page":   says(t, 404, "text/html", page),
		"bad gateway":    says(t, 502, "text/plain", "token="+secret),
		"other JSON":     says(t, 200, "application/json", `{"status":"UP"}`),
		"a list":         says(t, 200, "application/json", `[]`),
		"null":           says(t, 200, "application/json", `{"FileStatus":null,"boolean":null,"DirectoryListing":null,"Location":null}`),
		"half a status":  says(t, 200, "application/json", `{"FileStatus":{"type":"FILE"},"DirectoryListing":{"remainingEntries":0}}`),
		"wrong types":    says(t, 200, "application/json", `{"FileStatus":{"type":"FILE","length":"long"},"boolean":"yes","Location":1}`),
		"no JSON":        says(t, 200, "application/json", `{"FileStatus":{"type":`),
		"half an error":  says(t, 403, "application/json", `{"RemoteException":{"exception":"AccessControlExc`),
		"empty error":    says(t, 403, "application/json", `{"RemoteException":{}}`),
		"cut off": serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"boolean":true}`)
			panic(http.ErrAbortHandler)
		}),
		"one byte a time": serve(t, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		}),
		"a redirect to elsewhere": serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", stranger+"/?delegation="+secret)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}),
		"a redirect to nowhere": serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://%zz/?delegation="+secret)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}),
	} {
		for op, call := range storetest.Calls {
			t.Run(name+"/"+op, func(t *testing.T) {
				t.Parallel()
				st := within(t, 400*time.Millisecond, address)
				begun := time.Now()
				err := call(t.Context(), st)
				require.Less(t, time.Since(begun), 10*time.Second)
				unavailable(t, err)
			})
		}
	}
	t.Cleanup(func() { require.Zero(t, strangers.Load(), "a redirect was followed") })
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		address string
		is      error
		code    job.Code
	}{
		"forbidden": {says(t, 403, "application/json", `{"RemoteException":{"exception":"AccessControlException",
			"javaClassName":"org.apache.hadoop.security.AccessControlException","message":"Permission denied: token=`+secret+`\n\tat x"}}`), fs.ErrPermission, job.CodeUnauthorized},
		"short name":       {says(t, 403, "application/json", `{"RemoteException":{"exception":"AccessControlException","message":""}}`), fs.ErrPermission, job.CodeUnauthorized},
		"no authorisation": {says(t, 401, "text/html", "<html>"), fs.ErrPermission, job.CodeUnauthorized},
		"invalid": {says(t, 400, "application/json", `{"RemoteException":{"exception":"IllegalArgumentException",
			"javaClassName":"java.lang.IllegalArgumentException","message":"no"}}`), nil, job.CodeInvalid},
	} {
		for op, call := range storetest.Calls {
			t.Run(name+"/"+op, func(t *testing.T) {
				t.Parallel()
				err := call(t.Context(), storeOn(t, c.address))
				require.Equal(t, c.code, job.CodeOf(err), "%v", err)
				if c.is != nil {
					require.ErrorIs(t, err, c.is)
				}
				quiet(t, err)
			})
		}
	}
}

func TestContextEndsEveryWait(t *testing.T) {
	t.Parallel()
	address := silent(t)
	storetest.EndsWithContext(t, func(t *testing.T) store.Store {
		t.Helper()
		return within(t, time.Minute, address)
	})
}

// A listing is made of names; they become parts of paths.
func TestStrangeListings(t *testing.T) {
	t.Parallel()
	entry := func(name string) string {
		return fmt.Sprintf(`{"pathSuffix":%q,"type":"FILE","length":1,"permission":"644","modificationTime":0}`, name)
	}
	for name, entries := range map[string]string{
		"a way up":   entry("../x") + "," + entry("a"),
		"dots":       entry("..") + "," + entry("a"),
		"no name":    entry("") + "," + entry("a"),
		"twice":      entry("a") + "," + entry("a"),
		"never ends": entry("a"),
		"no type":    `{"pathSuffix":"a","type":"DOOR","length":1}`,
		"negative":   `{"pathSuffix":"a","type":"FILE","length":-1}`,
		"nothing":    "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := says(t, 200, "application/json",
				`{"DirectoryListing":{"partialListing":{"FileStatuses":{"FileStatus":[`+entries+`]}},"remainingEntries":5}}`)
			_, err := storeOn(t, address).List(t.Context(), "/x")
			unavailable(t, err)
		})
	}
}

// elsewhere has the NameNode send content to another place.
func elsewhere(f *fake, place string) {
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if op := r.URL.Query().Get("op"); op != "CREATE" && op != "OPEN" {
			return false
		}
		reply(w, http.StatusOK, map[string]string{"Location": strings.ReplaceAll(place, "PATH", strings.TrimPrefix(r.URL.Path, prefix))})
		return true
	}
}

func TestStrangeRedirects(t *testing.T) {
	t.Parallel()
	var strangers atomic.Int32
	stranger := serve(t, func(http.ResponseWriter, *http.Request) { strangers.Add(1) })
	for name, place := range map[string]string{
		"another path": stranger + prefix + "/other?delegation=" + secret,
		"no host":      prefix + "PATH?delegation=" + secret,
		"no scheme":    "dn:9864/x?delegation=" + secret,
		"other scheme": "ftp://dn" + prefix + "PATH?delegation=" + secret,
		"a password":   strings.Replace(stranger, "http://", "http://u:"+secret+"@", 1) + prefix + "PATH",
		"no URL":       "http://%zz?delegation=" + secret,
		"nobody there": "http://127.0.0.1:1" + prefix + "PATH?delegation=" + secret,
		"silent":       silent(t) + prefix + "PATH?delegation=" + secret,
		"another again": serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, stranger+r.URL.Path+"?delegation="+secret, http.StatusTemporaryRedirect)
		}) + prefix + "PATH",
		"a page":     says(t, 200, "text/html", "<html>") + prefix + "PATH?delegation=" + secret,
		"error page": says(t, 500, "text/html", "<html>delegation="+secret) + prefix + "PATH?delegation=" + secret,
	} {
		for _, op := range []string{"open", "write", "create"} {
			if name == "a page" && op == "open" {
				continue // any text may be a file's content
			}
			t.Run(name+"/"+op, func(t *testing.T) {
				t.Parallel()
				f := newFake(t)
				f.add("/x", false, "644")
				if op == "create" {
					delete(f.tree, "/x")
				}
				elsewhere(f, place)
				st := within(t, time.Second, f.name.URL)
				begun := time.Now()
				err := storetest.Calls[op](t.Context(), st)
				require.Less(t, time.Since(begun), 10*time.Second)
				if name == "a page" { // it says that it took the content, but there is no file
					require.Error(t, err)
					quiet(t, err)
					return
				}
				unavailable(t, err)
			})
		}
	}
	t.Cleanup(func() { require.Zero(t, strangers.Load(), "a redirect was followed that should not be") })
}

func TestNoWeakerScheme(t *testing.T) {
	t.Parallel()
	st := storeOn(t, "https://nn:9871")
	_, err := st.judge(st.names[0], "http://dn:9864/webhdfs/v1/x?delegation="+secret, "/x")
	require.ErrorContains(t, err, "from https to http")
	quiet(t, err)
	_, err = st.judge(st.names[0], "https://dn:9865/webhdfs/v1/x?delegation="+secret, "/x")
	require.NoError(t, err)
}

// Only the server that was asked may know who asks.
func TestWhoIsToldTheUser(t *testing.T) {
	t.Parallel()
	st := storeOn(t, "http://nn:9870")
	own, err := st.judge(st.names[0], "http://nn:9870/webhdfs/v1/x?data=true", "/x")
	require.NoError(t, err)
	require.Same(t, st.http.Client(), own.client)
	other, err := st.judge(st.names[0], "http://dn:9864/webhdfs/v1/x", "/x")
	require.NoError(t, err)
	require.Same(t, st.http.Plain(), other.client)
}

func TestDataNodeFailsInTheMiddle(t *testing.T) {
	t.Parallel()
	t.Run("of reading", func(t *testing.T) {
		t.Parallel()
		for name, header := range map[string]string{"with a length": "Content-Length: 1000\r\n", "in chunks": "Transfer-Encoding: chunked\r\n", "with neither": ""} {
			f := newFake(t)
			f.add("/x", false, "644")
			f.beforeData = func(w http.ResponseWriter, _ *http.Request) bool {
				c, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Errorf("hijack: %v", err)
					return true
				}
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n"+header+"\r\n5\r\nhello\r\n")
				_ = c.Close()
				return true
			}
			r, err := storeOn(t, f.name.URL).Open(t.Context(), "/x")
			if err == nil {
				_, err = io.ReadAll(r)
				require.NoError(t, r.Close())
			}
			unavailable(t, err)
			require.NotErrorIs(t, err, io.EOF, name)
		}
	})
	t.Run("of reading, and says it was all", func(t *testing.T) {
		t.Parallel()
		for _, said := range []string{"hell", "", "hello, and more"} {
			f := newFake(t)
			st := storeOn(t, f.name.URL)
			_, err := st.Write(t.Context(), "/x", strings.NewReader("hello"), 0o600)
			require.NoError(t, err)
			f.beforeData = func(w http.ResponseWriter, _ *http.Request) bool {
				_, _ = io.WriteString(w, said) // under a length of its own
				return true
			}
			r, err := st.Open(t.Context(), "/x")
			require.NoError(t, err)
			_, err = io.ReadAll(r)
			unavailable(t, err)
			require.ErrorContains(t, err, "of 5 bytes")
			require.NoError(t, r.Close())
		}
	})
	t.Run("of reading, silently", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.add("/x", false, "644")
		f.beforeData = func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "hello")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return true
		}
		r, err := within(t, time.Second, f.name.URL).Open(t.Context(), "/x")
		require.NoError(t, err)
		begun := time.Now()
		_, err = io.ReadAll(r)
		unavailable(t, err)
		require.Less(t, time.Since(begun), 10*time.Second)
		require.NoError(t, r.Close())
	})
	for name, act := range map[string]func(w http.ResponseWriter, r *http.Request){
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"loses most of it": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusCreated)
		},
		"is content too soon": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) },
		"is silent":           func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() },
	} {
		t.Run("of writing/"+name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.beforeData = func(w http.ResponseWriter, r *http.Request) bool {
				f.mu.Lock()
				n := f.add(strings.TrimPrefix(r.URL.Path, prefix), false, "600")
				f.mu.Unlock()
				f.take(httptest.NewRecorder(), &http.Request{URL: r.URL, Body: io.NopCloser(io.LimitReader(r.Body, 100))}, n)
				act(w, r)
				return true
			}
			begun := time.Now()
			_, err := within(t, time.Second, f.name.URL).Write(t.Context(), "/x", strings.NewReader(strings.Repeat("x", 1<<20)), 0o600)
			unavailable(t, err)
			require.Less(t, time.Since(begun), 10*time.Second)
			require.Equal(t, []string{"/"}, f.paths(), "half a file has no name and does not stay")
		})
	}
}
