package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// envInvocation is systemd's name of one run of a service.
const envInvocation = "INVOCATION_ID"

func invocation() string { return os.Getenv(envInvocation) }

// restarted says in plain words what was restarted between two places, or "".
// It explains why an application is gone; that it is gone, others find out.
func restarted(then, now place) string {
	switch {
	case then.BootID == "" || now.BootID == "":
		return ""
	case then.BootID != now.BootID:
		return "the host was restarted while the application ran"
	case then.PIDNamespace != "" && now.PIDNamespace != "" && then.PIDNamespace != now.PIDNamespace,
		then.InitStart != 0 && now.InitStart != 0 && then.InitStart != now.InitStart:
		return "the container was restarted while the application ran: run the worker in a container that outlives an upgrade, or expect its applications to end with it"
	case then.Unit != "" && then.Unit == now.Unit && then.Invocation != "" && now.Invocation != "" && then.Invocation != now.Invocation:
		return fmt.Sprintf("the systemd unit %s was restarted with its children; set KillMode=process", then.Unit)
	}
	return ""
}

// Warnings says what about the worker's surroundings would end applications
// with the worker, and what to do.
func (m *Manager) Warnings() []string {
	return warnings(m.proc.here(invocation()), inContainer(m.proc), killMode)
}

func warnings(at place, container bool, killMode func(unit string) string) []string {
	var found []string
	if container {
		found = append(found, "the worker runs in a container: when that is restarted, every local Spark application ends with it; run the worker on the host, or drain it before a restart")
	}
	if at.Invocation == "" || at.Unit == "" {
		return found
	}
	switch mode := killMode(at.Unit); mode {
	case "process", "none":
	case "":
		found = append(found, fmt.Sprintf("the worker runs as systemd unit %s, whose KillMode cannot be read: set KillMode=process, or a restart of the unit ends every local Spark application", at.Unit))
	default:
		found = append(found, fmt.Sprintf("the worker runs as systemd unit %s with KillMode=%s: set KillMode=process, or a restart of the unit ends every local Spark application", at.Unit, mode))
	}
	return found
}

// inContainer looks for what Docker, Podman, Kubernetes and systemd-nspawn
// leave inside their containers.
func inContainer(p procfs) bool {
	for _, name := range []string{"/.dockerenv", "/run/.containerenv"} {
		if exists(name) {
			return true
		}
	}
	if os.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		return true
	}
	env, err := os.ReadFile(p.path("1", "environ"))
	return err == nil && strings.Contains("\x00"+string(env), "\x00container=")
}

// killMode asks systemd, or returns "".
func killMode(unit string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "systemctl", "show", "--property=KillMode", "--value", unit).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
