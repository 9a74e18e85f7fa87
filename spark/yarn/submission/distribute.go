package submission

import (
	"slices"
	"strconv"
	"strings"
)

// distribute places all files, in Spark's order, and writes down in the configuration
// what the application master must know of them.
func (b *builder) distribute() {
	b.placeKeytab()
	b.placeSpark()
	b.placeProgramJar()
	b.placeJars()
	b.placeAll("files", "spark.yarn.dist.files", b.in.Files, false)
	b.placeAll("archives", "spark.yarn.dist.archives", b.in.Archives, true)
	b.placeProgramPython()
	var pythonPath []string
	if b.conf.boolean("spark.yarn.isPython", false) {
		pythonPath = b.placePySpark()
	}
	b.placePyFiles(pythonPath)
}

func (b *builder) placeKeytab() {
	conf := b.conf.values
	_, hasKeytab := b.conf.raw("spark.kerberos.keytab")
	principal, _ := b.conf.raw("spark.kerberos.principal")
	switch {
	case b.in.Keytab == nil && hasKeytab:
		b.problemf("spark.kerberos.keytab: the keytab is given as a resource")
		return
	case b.in.Keytab == nil && principal != "":
		b.problemf("spark.kerberos.principal: needs a keytab")
		return
	case b.in.Keytab == nil:
		return
	case principal == "":
		b.problemf("keytab: needs spark.kerberos.principal")
	}
	p, ok := b.place(*b.in.Keytab, manner{field: "keytab", masterOnly: true})
	if ok && p.isLocal() {
		b.problemf("keytab: must be sent along, not local:")
	}
	delete(conf, "spark.yarn.keytab")
	conf["spark.kerberos.keytab"] = p.link
}

// placeSpark places Spark's own jars.
func (b *builder) placeSpark() {
	runtime := b.in.Runtime
	switch {
	case runtime.Archive != nil && len(runtime.Jars) > 0:
		b.problemf("runtime: has both an archive and jars")
	case runtime.Archive != nil:
		p, ok := b.place(*runtime.Archive, manner{field: fieldRuntime + "archive", archive: true, link: linkLibs})
		if ok && p.isLocal() {
			b.problemf("runtime.archive: cannot be local:; list the jars")
		}
		b.conf.values["spark.yarn.archive"] = p.String()
	case len(runtime.Jars) > 0:
		// Those that are sent along are known by their directory; the key lists the others.
		var local []string
		for i, jar := range runtime.Jars {
			p, ok := b.place(jar, manner{field: field(fieldRuntime+"jars", i), dir: linkLibs})
			if ok && p.isLocal() {
				local = append(local, p.String())
			}
		}
		b.conf.values["spark.yarn.jars"] = strings.Join(local, ",")
	default:
		b.problemf("runtime: has neither an archive nor jars of Spark; upload one once, a submission does not do it each time")
	}
}

func (b *builder) placeProgramJar() {
	if b.python || b.in.Program.URL == "" {
		return
	}
	p, ok := b.place(b.in.Program.Resource, manner{field: "program", link: linkApp, evenAgain: true})
	if ok && p.isLocal() {
		b.conf.values["spark.yarn.user.jar"] = p.String()
	}
}

func (b *builder) placeProgramPython() {
	if !b.python {
		return
	}
	b.place(b.in.Program.Resource, manner{field: "program", masterOnly: true, evenAgain: true})
}

func (b *builder) placeJars() {
	var listed, secondary []string
	for i, jar := range b.in.Jars {
		how := manner{field: fieldOf("jars", b.in.Jars, i)}
		p, ok := b.place(jar, how)
		if !ok {
			continue
		}
		listed = append(listed, p.withAlias(p.name))
		switch {
		case p.isLocal():
			secondary = append(secondary, p.String())
		case p.repeated:
			b.passOver(how.field, jar, p)
		default:
			secondary = append(secondary, p.link)
		}
	}
	if len(listed) > 0 {
		b.conf.values["spark.yarn.dist.jars"] = strings.Join(listed, ",")
	}
	if len(secondary) > 0 {
		b.conf.values["spark.yarn.secondary.jars"] = strings.Join(secondary, ",")
	}
}

// placeAll places files or archives. None may have the link name of another; Spark
// refuses file names that occur twice, whatever their aliases.
func (b *builder) placeAll(name, key string, resources []Resource, archive bool) {
	var listed []string
	for i, r := range resources {
		p, ok := b.place(r, manner{field: fieldOf(name, resources, i), archive: archive, evenAgain: true})
		if !ok {
			continue
		}
		listed = append(listed, p.withAlias(p.name))
	}
	if len(listed) > 0 {
		b.conf.values[key] = strings.Join(listed, ",")
	}
}

// placePySpark places PySpark itself and returns its part of Python's path.
func (b *builder) placePySpark() []string {
	if len(b.in.Runtime.Python) < 2 {
		b.problemf("runtime.python: needs pyspark.zip and py4j's archive: stage a runtime, or name both in PYSPARK_ARCHIVES_PATH in spark-env.sh")
	}
	var pythonPath []string
	for i, r := range b.in.Runtime.Python {
		p, ok := b.place(r, manner{field: field(fieldRuntime+"python", i)})
		if ok {
			pythonPath = append(pythonPath, onPythonPath(p))
		}
	}
	return pythonPath
}

func (b *builder) placePyFiles(pythonPath []string) {
	var listed, archives []string
	modules := false
	for i, r := range b.in.PyFiles {
		how := manner{field: fieldOf("pyFiles", b.in.PyFiles, i)}
		isModule := strings.HasSuffix(linkNameOf(r), ".py")
		if isModule {
			how.dir, modules = dirPyFiles, true
		}
		p, ok := b.place(r, how)
		switch {
		case !ok:
			continue
		case isModule && p.isLocal():
			b.problemf("%s: Spark does not put a local: module on Python's path; use an archive", how.field)
		case p.repeated:
			b.passOver(how.field, r, p)
		}
		listed = append(listed, p.withAlias(p.name))
		if !isModule {
			archives = append(archives, onPythonPath(p))
		}
	}
	b.conf.values["spark.submit.pyFiles"] = strings.Join(listed, ",")
	if len(listed) > 0 {
		b.conf.values["spark.yarn.dist.pyFiles"] = strings.Join(listed, ",")
	}
	if modules {
		pythonPath = slices.Insert(pythonPath, 0, workDir+"/"+dirPyFiles)
	}
	b.setPythonPath(append(pythonPath, archives...))
}

func linkNameOf(r Resource) string {
	l, err := parseLocation(r.URL)
	if err != nil {
		return ""
	}
	return linkName(r, l)
}

func onPythonPath(p placed) string {
	if p.isLocal() {
		return p.path
	}
	return workDir + "/" + p.name
}

// cacheProperties tells the application master what executors need.
func (b *builder) cacheProperties() map[string]string {
	var names, sizes, times, visibilities, types []string
	for _, c := range b.places.cached {
		names = append(names, c.uri)
		sizes = append(sizes, strconv.FormatInt(c.resource.Size, 10))
		times = append(times, strconv.FormatInt(c.resource.Timestamp, 10))
		visibilities = append(visibilities, string(c.resource.Visibility))
		types = append(types, string(c.resource.Type))
	}
	return map[string]string{
		"spark.yarn.cache.filenames":    strings.Join(names, ","),
		"spark.yarn.cache.sizes":        strings.Join(sizes, ","),
		"spark.yarn.cache.timestamps":   strings.Join(times, ","),
		"spark.yarn.cache.visibilities": strings.Join(visibilities, ","),
		"spark.yarn.cache.types":        strings.Join(types, ","),
		"spark.yarn.cache.confArchive":  b.staging + "/" + fileArchive,
	}
}
