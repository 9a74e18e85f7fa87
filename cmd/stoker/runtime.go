package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/worker"
)

func runtimeCommand(flags *common) *cobra.Command {
	runtime := &cobra.Command{Use: "runtime", Short: "Look after the Spark that lies in a cluster's file system"}
	var cluster, home string
	var out output
	stage := &cobra.Command{
		Use: "stage", Short: "Upload a Spark for a YARN cluster, once per version", Args: noWords,
		Long: "Uploads the jars and the Python libraries of a Spark installation to the cluster's file\n" +
			"system, so that no submission has to. What is there already is not uploaded again, and\n" +
			"applications that run keep the Spark that they were started with.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, logger, err := flags.load(nil)
			if err != nil {
				return err
			}
			if home == "" {
				return errors.New("no Spark: name its home with --spark-home or SPARK_HOME")
			}
			st, dir, err := worker.OpenRuntimes(c, cluster, worker.Openings{Logger: logger})
			if err != nil {
				return err
			}
			progress := &uploadProgress{cmd: cmd, next: time.Now().Add(2 * time.Second)}
			r, err := yarn.StageRuntime(cmd.Context(), st, dir, home, progress.tell)
			if err != nil {
				return err
			}
			closed, err := r.Closed(cmd.Context(), st)
			if err != nil {
				return err
			}
			if closed != "" {
				cmd.PrintErrf("warning: not everybody may read or enter %s, so nodes will keep a copy of Spark for each user; open it (chmod o+rx)\n", st.URL(closed))
			}
			if out.json() {
				return printJSON(cmd, map[string]string{"sparkVersion": r.SparkVersion, "archive": st.URL(r.Archive.Path)})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Spark %s is staged: %s\n", r.SparkVersion, st.URL(r.Archive.Path))
			return err
		},
	}
	stage.Flags().StringVar(&cluster, "cluster", "", "cluster of type yarn")
	stage.Flags().StringVar(&home, "spark-home", os.Getenv("SPARK_HOME"), "home of the Spark to upload")
	out.flag(stage)
	if err := stage.MarkFlagRequired("cluster"); err != nil {
		panic(fmt.Sprintf("flag cluster: %v", err)) // the flag is defined above
	}
	runtime.AddCommand(stage)
	return runtime
}

// uploadProgress shows a line every few seconds of a long upload.
type uploadProgress struct {
	cmd  *cobra.Command
	next time.Time
}

func (p *uploadProgress) tell(done, total int64) {
	if time.Now().Before(p.next) {
		return
	}
	p.next = time.Now().Add(2 * time.Second)
	p.cmd.PrintErrf("uploaded %d of %d MB\n", done/1e6, total/1e6)
}
