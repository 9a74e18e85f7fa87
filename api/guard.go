package api

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"
)

// Keys of what the guard leaves in a request's context.
const (
	keyRequest = "stoker.request"
	keyUser    = "stoker.user"
)

var requestName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// identify gives every request an id: the caller's own if it is one.
func (s *Server) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !requestName.MatchString(id) {
			var random [8]byte
			_, _ = rand.Read(random[:]) // never fails
			id = hex.EncodeToString(random[:])
		}
		c.Set(keyRequest, id)
		header := c.Response().Header()
		header.Set(echo.HeaderXRequestID, id)
		header.Set(echo.HeaderXContentTypeOptions, "nosniff")
		header.Set(echo.HeaderCacheControl, "no-store")
		return next(c)
	}
}

func requestID(c echo.Context) string {
	id, _ := c.Get(keyRequest).(string)
	return id
}

// caller is who makes a request that the guard let pass.
func caller(c echo.Context) User {
	u, _ := c.Get(keyUser).(User)
	return u
}

// guard lets pass whom a route is open to, as often as the limits say. It stands before
// every route, and before what Echo answers by itself for a path that there is: OPTIONS
// and methods that it does not take. What there is not is not there for everybody.
func (s *Server) guard(routes []route) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := s.overLoopback(c); err != nil {
				return err
			}
			roles, all := openTo(routes, c.Request().Method, c.Path())
			if all || len(roles) == 0 {
				return next(c)
			}
			user, err := s.authenticate(c)
			if err != nil {
				return err
			}
			if wait := s.limits.take(user.Name); wait > 0 {
				c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(int(wait.Seconds())+1))
				return refuse(http.StatusTooManyRequests, "%s makes more requests than the limit allows; wait %s", user.Name, wait.Round(time.Millisecond))
			}
			if !user.Has(roles...) {
				return refuse(http.StatusForbidden, "%s has none of the roles %v, which this needs", user.Name, roles)
			}
			c.Set(keyUser, user)
			return next(c)
		}
	}
}

// overLoopback keeps web pages out where there are no users: a browser could be led to
// send requests of theirs here, also under a name of theirs.
func (s *Server) overLoopback(c echo.Context) error {
	if !s.users.open() {
		return nil
	}
	r := c.Request()
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	if !strings.EqualFold(host, "localhost") && (ip == nil || !ip.IsLoopback()) {
		return refuse(http.StatusForbidden, "without users this serves only requests to localhost or 127.0.0.1")
	}
	if origin := r.Header.Get(echo.HeaderOrigin); origin != "" && origin != "http://"+r.Host {
		return refuse(http.StatusForbidden, "without users this serves no web pages of others")
	}
	return nil
}

// authenticate finds out who the caller is.
//
// Source of the header: RFC 6750, 2.1.
func (s *Server) authenticate(c echo.Context) (User, error) {
	if s.users.open() {
		return local, nil
	}
	scheme, token, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return User{}, refuse(http.StatusUnauthorized, "a token is needed: send \"Authorization: Bearer <token>\"")
	}
	user, ok := s.users.user(token)
	if !ok {
		return User{}, refuse(http.StatusUnauthorized, "the token is none that this server knows")
	}
	return user, nil
}

// limits bounds the requests of each user. There are as many users as the file has.
type limits struct {
	rate  rate.Limit
	burst int

	mu  sync.Mutex
	all map[string]*rate.Limiter
}

func newLimits(perSecond float64, burst int) *limits {
	return &limits{rate: rate.Limit(perSecond), burst: burst, all: map[string]*rate.Limiter{}}
}

// take counts a request and returns how long its user has to wait, 0 if not.
func (l *limits) take(user string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter, ok := l.all[user]
	if !ok {
		limiter = rate.NewLimiter(l.rate, l.burst)
		l.all[user] = limiter
	}
	reservation := limiter.Reserve()
	wait := reservation.Delay()
	if wait > 0 {
		reservation.Cancel() // a request that was refused costs nothing
	}
	return wait
}
