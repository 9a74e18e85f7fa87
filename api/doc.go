// Package api is the role that people and programs submit jobs to: a REST API over
// package jobs, with users, roles and limits. openapi.yaml describes it; a test holds
// the description against real traffic.
//
// Every route stands in one table with who may use it (routes.go). Jobs of others are
// not there for who is neither their owner nor an administrator.
package api
