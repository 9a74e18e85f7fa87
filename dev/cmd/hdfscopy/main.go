// Command hdfscopy copies a file to or from HDFS through Stoker's stores and does
// nothing else: the benchmark of large files compares its resource usage with that
// of Hadoop's own client.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/hdfs"
	"github.com/stoker-spark/stoker/store/webhdfs"
)

func main() {
	conf := flag.String("conf", os.Getenv("HADOOP_CONF_DIR"), "directory of Hadoop's client configuration")
	user := flag.String("user", os.Getenv("HADOOP_USER_NAME"), "user to be")
	web := flag.Bool("web", false, "over WebHDFS instead of RPC")
	flag.Usage = func() {
		_, _ = fmt.Fprintln(flag.CommandLine.Output(), "usage: hdfscopy [flags] put LOCAL REMOTE | get REMOTE LOCAL")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *conf, *user, *web, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "hdfscopy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, conf, user string, web bool, args []string) error {
	if len(args) != 3 {
		return errors.New("needs put or get, and two paths")
	}
	st, err := open(conf, user, web)
	if err != nil {
		return err
	}
	switch args[0] {
	case "put":
		return put(ctx, st, args[1], args[2])
	case "get":
		return get(ctx, st, args[1], args[2])
	}
	return fmt.Errorf("%q is neither put nor get", args[0])
}

func open(conf, user string, web bool) (store.Store, error) {
	c, err := hadoop.Load(conf)
	if err != nil {
		return nil, err
	}
	if web {
		o, err := webhdfs.FromConfiguration(c, "")
		if err != nil {
			return nil, err
		}
		o.HTTP = hadoop.NewHTTP(hadoop.HTTPOptions{User: user})
		return webhdfs.New(o)
	}
	o, err := hdfs.FromConfiguration(c, "")
	if err != nil {
		return nil, err
	}
	o.User = user
	return hdfs.New(o)
}

func put(ctx context.Context, st store.Store, local, remote string) error {
	f, err := os.Open(local)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	_, err = st.Write(ctx, remote, f, 0o644)
	return err
}

func get(ctx context.Context, st store.Store, remote, local string) error {
	content, err := st.Open(ctx, remote)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // only read
	f, err := os.Create(local)
	if err != nil {
		return err
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, content, make([]byte, 1<<20)); err != nil {
		_ = f.Close() // err is the one that matters
		return err
	}
	return f.Close()
}
