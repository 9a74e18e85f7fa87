package hadoop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

func get(t *testing.T, c *http.Client, url string) (status int, body string, err error) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	r, err := c.Do(q)
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close() //nolint:errcheck // opened for reading
	content, err := io.ReadAll(r.Body)
	return r.StatusCode, string(content), err
}

func echo(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
			return
		}
		_, _ = io.WriteString(w, r.URL.RawQuery+" "+r.Header.Get("Authorization"))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestUserName(t *testing.T) {
	t.Parallel()
	address := echo(t)
	clients := hadoop.NewHTTP(hadoop.HTTPOptions{User: "a b&c"})
	for query, want := range map[string]string{"": "user.name=a+b%26c ", "?op=X": "op=X&user.name=a+b%26c ", "?user.name=other": "user.name=other "} {
		_, body, err := get(t, clients.Client(), address+"/"+query)
		require.NoError(t, err)
		require.Equal(t, want, body)
	}
	_, body, err := get(t, clients.Plain(), address+"/?op=X")
	require.NoError(t, err)
	require.Equal(t, "op=X ", body, "who asks is not told to a place one is sent to")
	_, body, err = get(t, hadoop.NewHTTP(hadoop.HTTPOptions{}).Client(), address)
	require.NoError(t, err)
	require.Equal(t, " ", body)
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	address := echo(t)
	clients := hadoop.NewHTTP(hadoop.HTTPOptions{User: "u"})
	for _, c := range []*http.Client{clients.Client(), clients.Plain()} {
		status, _, err := get(t, c, address+"/away")
		require.NoError(t, err)
		require.Equal(t, http.StatusTemporaryRedirect, status)
	}
}

type roundTripper func(r *http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnotherAuthentication(t *testing.T) {
	t.Parallel()
	clients := hadoop.NewHTTP(hadoop.HTTPOptions{User: "u", Authenticate: func(base http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			r.Header.Set("Authorization", "Negotiate x")
			return base.RoundTrip(r)
		})
	}})
	_, body, err := get(t, clients.Client(), echo(t))
	require.NoError(t, err)
	require.Equal(t, " Negotiate x", body)
}

func TestStall(t *testing.T) {
	t.Parallel()
	const stall = time.Second
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/header":
			<-r.Context().Done()
		case "/body":
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/slow": // longer than a stall in all
			for range 8 {
				_, _ = io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(stall / 4)
			}
		case "/upload":
			n, _ := io.Copy(io.Discard, r.Body)
			_, _ = fmt.Fprint(w, n)
		}
	}))
	t.Cleanup(s.Close)
	clients := hadoop.NewHTTP(hadoop.HTTPOptions{Dialer: hadoop.Dialer{Stall: stall}})
	for _, path := range []string{"/header", "/body"} {
		begun := time.Now()
		_, _, err := get(t, clients.Client(), s.URL+path)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, path)
		require.Less(t, time.Since(begun), 5*time.Second)
	}
	_, body, err := get(t, clients.Client(), s.URL+"/slow")
	require.NoError(t, err)
	require.Equal(t, "xxxxxxxx", body)

	pieces := 0
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL+"/upload", readerFunc(func(p []byte) (int, error) {
		if pieces++; pieces > 8 {
			return 0, io.EOF
		}
		time.Sleep(stall / 4)
		return copy(p, "12345"), nil
	}))
	require.NoError(t, err)
	r, err := clients.Client().Do(q)
	require.NoError(t, err, "the answer is not late while the body goes out")
	require.NoError(t, r.Body.Close())
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestDialerEndsWithContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := hadoop.Dialer{}.DialContext(ctx, "tcp", "127.0.0.1:1")
	require.ErrorIs(t, err, context.Canceled)
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"http://dn:9864/webhdfs/v1/x?op=OPEN&delegation=ABC-_1&offset=0": "http://dn:9864/webhdfs/v1/x?op=OPEN&delegation=***&offset=0",
		"?token=a&TOKEN=b;x&access_token=c d":                            "?token=***&TOKEN=***&access_token=*** d",
		"X-Amz-Signature=abc&X-Amz-Security-Token=def":                   "X-Amz-Signature=***&X-Amz-Security-Token=***",
		`Get "http://h/?delegation=abc": EOF`:                            `Get "http://h/?delegation=***": EOF`,
		`{"Location":"http://h/?delegation=abc\u0026x=1"}`:               `{"Location":"http://h/?delegation=***\u0026x=1"}`,
		`hadoop.auth="u=root&p=root&s=x="; Path=/`:                       `hadoop.auth=***; Path=/`,
		"tokens=4 and delegations":                                       "tokens=4 and delegations",
	} {
		require.Equal(t, want, hadoop.Redact(text))
	}
}

func TestRedactError(t *testing.T) {
	t.Parallel()
	require.NoError(t, hadoop.RedactError(nil))
	plain := errors.New("x")
	require.Same(t, plain, hadoop.RedactError(plain))
	secret := fmt.Errorf("fetch: %w", &url.Error{Op: "Get", URL: "http://h/?delegation=SECRET", Err: context.Canceled})
	err := hadoop.RedactError(secret)
	require.ErrorIs(t, err, context.Canceled)
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		require.NotContains(t, cause.Error(), "SECRET")
	}
	require.ErrorContains(t, err, "h/?delegation=***")
}

func TestFailure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		code job.Code
		says string
	}{
		{fs.ErrNotExist, job.CodeNotFound, `stat "/x y"`},
		{fs.ErrPermission, job.CodeUnauthorized, ""},
		{fs.ErrExist, job.CodeConflict, ""},
		{fs.ErrInvalid, job.CodeInvalid, ""},
		{errors.ErrUnsupported, job.CodeInvalid, ""},
		{context.Canceled, job.CodeUnavailable, ""},
		{io.ErrUnexpectedEOF, job.CodeUnavailable, ""},
		{job.Errorf(job.CodeInternal, "as it is"), job.CodeInternal, "as it is"},
		{hadoop.NewException("org.apache.hadoop.hdfs.protocol.NSQuotaExceededException", ""), job.CodeUnavailable, "quota is used up"},
		{hadoop.NewException("org.apache.hadoop.hdfs.server.namenode.SafeModeException", "x"), job.CodeUnavailable, "safe mode"},
		{hadoop.NewException("org.apache.hadoop.security.AccessControlException", "/f (is not a directory)"), job.CodeNotFound, ""},
		{&url.Error{Op: "Get", URL: "http://h/?token=SECRET", Err: io.EOF}, job.CodeUnavailable, "token=***"},
	} {
		err := hadoop.Failure("stat", "/x y", c.err)
		require.Equal(t, c.code, job.CodeOf(err), "%v", c.err)
		require.ErrorContains(t, err, c.says)
		require.NotContains(t, err.Error(), "SECRET")
		require.Equal(t, strings.Contains(c.says, "quota"), errors.Is(err, store.ErrFull), "%v", c.err)
	}
	require.NoError(t, hadoop.Failure("stat", "/x", nil))
}

// What a connection's error answers to must not pass for a file's.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{
		&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.EACCES)},
		&fs.PathError{Op: "open", Path: "/socket", Err: fs.ErrNotExist},
	} {
		err := hadoop.Failure("stat", "/x", hadoop.Unreachable("nn:8020", cause))
		require.Equal(t, job.CodeUnavailable, job.CodeOf(err))
		require.NotErrorIs(t, err, fs.ErrPermission)
		require.NotErrorIs(t, err, fs.ErrNotExist)
		require.ErrorContains(t, err, "nn:8020")
	}
	require.ErrorIs(t, hadoop.Unreachable("nn", fmt.Errorf("x: %w", context.DeadlineExceeded)), context.DeadlineExceeded)
}

func TestExceptionTexts(t *testing.T) {
	t.Parallel()
	e := hadoop.NewException("org.apache.hadoop.ipc.StandbyException", "org.apache.hadoop.ipc.StandbyException: in state standby\n\tat a\n\tat b")
	require.Equal(t, "StandbyException: in state standby", e.Error())
	require.True(t, e.Elsewhere())
	require.Less(t, len(hadoop.NewException("x", strings.Repeat("y", 1<<20)).Error()), 2000)
	require.Equal(t, "PathComponentTooLongException", hadoop.NewException("a.b$PathComponentTooLongException", "").Error())
}

func TestTempName(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/x", "/a/b.csv", "/a/" + strings.Repeat("é", 127), "/" + strings.Repeat("x", 255)} {
		temp := store.TempName(path)
		require.NotEqual(t, temp, store.TempName(path))
		name := temp[strings.LastIndexByte(temp, '/')+1:]
		require.Equal(t, path[:strings.LastIndexByte(path, '/')+1], temp[:len(temp)-len(name)], "beside it")
		require.LessOrEqual(t, len(name), 222)
		require.True(t, strings.HasPrefix(name, "."))
		clean, err := hadoop.CleanPath(temp)
		require.NoError(t, err)
		require.Equal(t, temp, clean)
	}
}

func TestCurrentUser(t *testing.T) {
	t.Setenv("HADOOP_USER_NAME", "somebody")
	name, err := hadoop.CurrentUser()
	require.NoError(t, err)
	require.Equal(t, "somebody", name)
	t.Setenv("HADOOP_USER_NAME", "")
	name, err = hadoop.CurrentUser()
	require.NoError(t, err)
	require.NotEmpty(t, name)
}

func TestPlainTransportIsShared(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	clients := hadoop.NewHTTP(hadoop.HTTPOptions{User: "u"})
	for range 5 {
		for _, c := range []*http.Client{clients.Client(), clients.Plain()} {
			_, _, err := get(t, c, s.URL)
			require.NoError(t, err)
		}
	}
	require.Equal(t, int32(1), connections.Load())
	clients.CloseIdleConnections()
}
