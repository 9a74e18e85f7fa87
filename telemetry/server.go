package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// Server serves /healthz, /readyz and /metrics.
type Server struct {
	echo *echo.Echo
}

// Serve starts a Server on an address; ready says why the process cannot work
// yet, nil if it can. An address that is taken is an error that says so.
func Serve(address string, m *Metrics, ready func(context.Context) error) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve health and metrics on %s: %w; choose another address, or \"\" for none", address, err)
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Listener = listener
	e.Server.ReadHeaderTimeout = 5 * time.Second
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", func(c echo.Context) error {
		ctx, cancel := context.WithTimeout(c.Request().Context(), 3*time.Second)
		defer cancel()
		if err := ready(ctx); err != nil {
			return c.String(http.StatusServiceUnavailable, err.Error()+"\n")
		}
		return c.String(http.StatusOK, "ready\n")
	})
	e.GET("/metrics", echo.WrapHandler(m.HTTP()))
	go func() {
		// The listener is open already; what ends the server is Close.
		if err := e.Start(address); err != nil && !errors.Is(err, http.ErrServerClosed) {
			e.Logger.Error(err)
		}
	}()
	return &Server{echo: e}, nil
}

// Address is where the server listens.
func (s *Server) Address() string { return s.echo.Listener.Addr().String() }

// Close stops the server.
func (s *Server) Close(ctx context.Context) error { return s.echo.Shutdown(ctx) }
