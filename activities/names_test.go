package activities

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/spark/options"
	"github.com/stoker-spark/stoker/spark/yarn"
)

// What an application on YARN is called, from the job as it is submitted to the request
// for the ResourceManager: what the job asks for, else its profile, else the cluster's
// spark-defaults.conf, else SPARK_YARN_APP_NAME, else what spark-submit makes of the
// program.
func TestNamesReachYARN(t *testing.T) {
	t.Parallel()
	const defaults = "spark.yarn.jars local:/opt/spark/jars/*\n"
	named := defaults + "spark.app.name of the cluster\n"
	for name, row := range map[string]struct {
		spec     jobspec.Spec
		profile  map[string]string
		defaults string
		env      string
		// shown is what lists show, want what the application is called.
		shown, want string
	}{
		"JAR":              {jobspec.Spec{File: "report.jar", ClassName: "org.example.Report"}, nil, defaults, "", "org.example.Report", "org.example.Report"},
		"Python":           {jobspec.Spec{File: "report.py"}, nil, defaults, "", "report.py", "report.py"},
		"asked for":        {jobspec.Spec{File: "report.py", Name: "mine"}, nil, named, "elsewhere", "mine", "mine"},
		"asked by conf":    {jobspec.Spec{File: "report.py", Conf: map[string]string{"spark.app.name": "mine"}}, nil, named, "", "mine", "mine"},
		"profile":          {jobspec.Spec{File: "report.py"}, map[string]string{"spark.app.name": "ours"}, named, "", "ours", "ours"},
		"defaults":         {jobspec.Spec{File: "report.py"}, nil, named, "elsewhere", "report.py", "of the cluster"},
		"defaults of JARs": {jobspec.Spec{File: "report.jar", ClassName: "a.B"}, nil, named, "", "a.B", "of the cluster"},
		"the environment":  {jobspec.Spec{File: "report.jar", ClassName: "a.B"}, nil, defaults, "of spark-env", "a.B", "of spark-env"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			dir := b.data("")
			program := b.data(row.spec.File)
			b.outside("data/" + row.spec.File)
			write := func(file, text string) {
				require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
			}
			write("core-site.xml", "<configuration><property><name>fs.defaultFS</name><value>file:///</value></property></configuration>")
			write("spark-defaults.conf", row.defaults)
			write("spark-env.sh", "export PYSPARK_ARCHIVES_PATH=local:/opt/pyspark.zip,local:/opt/py4j-0.10.9.7-src.zip\nexport SPARK_YARN_APP_NAME='"+row.env+"'\n")

			row.spec.File = program
			rules := jobspec.Rules{Clusters: map[string]jobspec.Cluster{
				"local": {Spark: options.Cluster{Master: "yarn", DeployMode: "cluster", Profile: options.Profile{Conf: row.profile}}},
			}}
			spec, manifest, err := jobspec.Convert(row.spec, "ana", "local", rules)
			require.NoError(t, err, "%q", job.ProblemsOf(err))
			require.Equal(t, row.shown, spec.Name)
			b.intake.Spec, b.job = spec, manifest
			_, err = b.stage()
			require.NoError(t, err)
			var launch spark.Launch
			b.readJSON(spark.FileLaunch, &launch)

			configuration, err := hadoop.Load(dir)
			require.NoError(t, err)
			builder, err := yarn.NewBuilder(yarn.BuilderOptions{
				Store: b.store.Store, Configuration: configuration, ConfDirs: []string{dir},
				Settings: yarn.Settings{SparkVersion: "3.5", Runtimes: "/none", SparkConfDir: dir, JavaMajor: 17},
			})
			require.NoError(t, err)
			request, err := builder.Build(t.Context(), yarn.Request{
				Application: "application_1795245906292_0001", Launch: launch, Dir: b.dir, User: "stoker", At: time.Now(),
			})
			require.NoError(t, err, "%q", job.ProblemsOf(err))
			require.Equal(t, row.want, request.Name)
		})
	}
}
