// Package packaging holds what is deployed, Dockerfile, docker-compose.yml and the
// systemd units, against what can be run without Docker and without systemd as
// init. It holds tests only.
//
// TestDeployment starts docker-compose.yml on this host: every service but the Web
// UI becomes a process with exactly the command, environment, configuration and
// secrets of its container, once the containers' names, ports and paths have been
// mapped to this host's (see world). PostgreSQL is real, of the image's version;
// Temporal's server and its temporal-sql-tool are the Go module that dev/ is built
// with, started as their images start them; the commands of Temporal's CLI that the
// namespace job uses are stood in for.
//
// Not covered: that the images can be built (but for the Go build in it, which is
// run), that their base images hold the programs that are named, and Docker's own
// part: networks, users, volumes and their owners.
package packaging
