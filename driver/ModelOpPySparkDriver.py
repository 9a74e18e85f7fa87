"""Stoker's Python driver: runs one function of a ModelOp model inside Spark.

    spark-submit --py-files sources.zip ModelOpPySparkDriver.py <job.json>

The path of job.json is absolute, or a name in the working directory (YARN
cluster mode). The model's sources come as modules (--py-files), its FILE
assets lie in the working directory. Nothing is generated code: everything
about the job is JSON.

job.json (unknown fields are ignored)
    version      1; any other is refused
    jobId        the job, for the log
    application  identity of the Spark application; owner of the marker
    attempt      number of the attempt, from 1
    kind         scoring, metrics or training; for the log
    source       {module, path}: path of the model's file inside sources.zip,
                 with '/'. The path decides; module is used when it is empty.
    init         {name, origin} or null: a function to call first, without
                 arguments or with {"rawJson": <document as JSON text>}
    function     {name, origin}: called as f(inputs, outputs, modelAssets);
                 a generator is read to its end
    inputs, outputs, modelAssets
                 lists of whole asset objects, passed on as they are
    document     the job document, for init
    parameters   free job parameters; part of job.json, not used here
    startedUrl, statusUrl
                 file: or any Hadoop scheme, never percent-decoded

Files it writes
    started      created exclusively before any of the model's code is
                 imported: {"owner", "attempt", "at"}. It is never removed. If
                 it exists this is a second start: nothing else is written.
    status       replaced as a whole, at most 60 KB, ASCII:
                 {"version": 1, "application", "attempt",
                  "state": "running" | "returned" | "raised",
                  "stage": "import" | "init" | "function",
                  "start", "end": ISO-8601 UTC with milliseconds,
                  "function", "errorType", "message", "traceback", "excerpt"}
                 "end" is absent while running; the last four only when
                 raised. message is at most 4000 characters, traceback at most
                 16000, its last part; excerpt is at most 1900 bytes and 20
                 lines of it, the model's own lines first of all. A model
                 that ends with sys.exit(0) has returned.

Exit codes
    0   the function returned, and the status file says so
    1   the model raised, and the status file says so
    86  fenced: the marker exists; nothing of the model ran, no status written
    87  no marker: job.json could not be used or the marker not be created;
        nothing of the model ran (a marker without content may be left)
    88  no status: the end could not be recorded
A cluster manager may report another code (YARN says 13 for a driver without
a SparkContext, and fails it even if the function returned: no context is made
here, as the model's own would no longer get its settings), so readers compare
the marker's owner and the status file.

Python 3.6 or newer; standard library, and pyspark where it is needed.
"""

import os
import sys


def _is_standard(entry):
    """Whether an entry of sys.path is the standard library."""
    library = os.path.dirname(os.path.abspath(os.__file__))
    archive = "python%d%d.zip" % sys.version_info[:2]
    return entry in (library, os.path.join(library, "lib-dynload")) or os.path.basename(entry) == archive


def _python_path():
    """The entries that the environment added to sys.path; the model's sources are among them."""
    return [os.path.abspath(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]


def _installed_path():
    """sys.path without anything a job brings along.

    A model may have a file json.py: it stands before the standard library in
    sys.path, and must not run in place of ours, above all not before the
    marker exists.
    """
    script = os.path.abspath(__file__)
    brought = [os.path.dirname(script), os.path.dirname(os.path.realpath(script))] + _python_path()
    entries = [os.path.abspath(p) for p in sys.path if p]
    return [p for p in entries if _is_standard(p) or p not in brought]


_search_path = sys.path[:]
sys.path[:] = _installed_path()
try:
    import datetime
    import errno
    import importlib
    import importlib.abc
    import importlib.util
    import inspect
    import json
    import re
    import traceback
    import types
    import zipfile
finally:
    sys.path[:] = _search_path

VERSION = 1

EXIT_RETURNED = 0
EXIT_RAISED = 1
EXIT_FENCED = 86
EXIT_NO_MARKER = 87
EXIT_NO_STATUS = 88

MAX_MESSAGE = 4000  # characters
MAX_TRACEBACK = 16000  # characters
MAX_EXCERPT = 1900  # bytes: what a report to people has room for
MAX_EXCERPT_LINES = 20
MAX_ERROR_TYPE = 256  # characters
MAX_STATUS = 60000  # bytes of the status file; its reader refuses more than 64 KiB

STAGE_IMPORT = "import"
STAGE_INIT = "init"
STAGE_FUNCTION = "function"

# Taken now, so that a model that replaces them in their modules does no harm
# to the final status.
_dumps = json.dumps
_getpid = os.getpid
_quit = os._exit
_import_library = os.path.dirname(importlib.__file__)


class JobError(Exception):
    """job.json cannot be used."""


class AlreadyStarted(Exception):
    """The marker exists."""


class ModelError(Exception):
    """The model breaks the contract: a function is missing or takes other arguments."""


ModelError.__module__ = "stoker"


# --- console ---------------------------------------------------------------


class Console(object):
    """The driver's own lines. It keeps the first stdout and stderr, and never fails the job."""

    def __init__(self):
        self._out = sys.stdout
        self._err = sys.stderr

    def log(self, line):
        self._write(self._out, "stoker: " + one_line(line) + "\n")

    def error(self, line):
        self._write(self._err, "stoker: " + one_line(line) + "\n")

    def text(self, text):
        self._write(self._err, text)

    def restore(self):
        """Undoes a model's redirection, which could break the interpreter's last flush."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:  # pylint: disable=broad-except
                pass  # closed, or no stream at all
        sys.stdout, sys.stderr = self._out, self._err

    @staticmethod
    def _write(stream, text):
        try:
            encoding = getattr(stream, "encoding", None) or "ascii"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            stream.flush()
        except Exception:  # pylint: disable=broad-except
            pass  # the model closed it; a line of log is not worth the job


def one_line(text):
    return re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", text)


def count(items, noun):
    return "%d %s%s" % (len(items), noun, "" if len(items) == 1 else "s")


def now():
    """ISO-8601 UTC with milliseconds."""
    moment = datetime.datetime.now(datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (moment.microsecond // 1000)


# --- job.json --------------------------------------------------------------


class Job(object):
    """The checked content of job.json."""

    def __init__(self, data):
        problems = []

        def take(holder, name, kind, default=None):
            value = holder.get(name)
            if value is None:
                value = default
            # bool is an int in Python, never in job.json
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                problems.append("%s is %s" % (name, "missing" if value is None else "of the wrong type"))
                return kind()
            return value

        def function(name, value):
            if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not value["name"]:
                problems.append(name + " has no name")
                return None
            return Function(value["name"], str(value.get("origin") or "origin not given"))

        if not isinstance(data, dict):
            raise JobError("it is not a JSON object")
        if data.get("version") != VERSION or isinstance(data.get("version"), bool):
            raise JobError("its version is %r, this driver reads version %d" % (data.get("version"), VERSION))
        self.job_id = take(data, "jobId", str, "")
        self.application = take(data, "application", str)
        self.attempt = take(data, "attempt", int)
        self.kind = take(data, "kind", str, "")
        self.inputs = take(data, "inputs", list, [])
        self.outputs = take(data, "outputs", list, [])
        self.model_assets = take(data, "modelAssets", list, [])
        self.document = take(data, "document", dict, {})
        self.started_url = take(data, "startedUrl", str)
        self.status_url = take(data, "statusUrl", str)
        source = take(data, "source", dict)
        self.module = take(source, "module", str, "")
        self.path = take(source, "path", str, "")
        if not self.path and not self.module:
            problems.append("source has neither path nor module")
        if self.path and any(part in ("", ".", "..") for part in self.path.split("/")):
            problems.append("source.path %r is not a plain relative path" % self.path)
        self.init = None if data.get("init") is None else function("init", data["init"])
        self.function = function("function", data.get("function"))
        if problems:
            raise JobError("; ".join(problems))

    @property
    def source(self):
        """The model's file as people know it."""
        return self.path or self.module


class Function(object):
    """A function of the model and how Stoker found it."""

    def __init__(self, name, origin):
        self.name = name
        self.origin = origin

    def __str__(self):
        return "%s (%s)" % (self.name, self.origin)


def read_job(path):
    try:
        with open(path, "rb") as stream:
            return Job(json.loads(stream.read().decode("utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise JobError(str(error))


# --- the marker and the status file ----------------------------------------


def open_url(url):
    """The file behind a URL: LocalFile for file:, HadoopFile for every other scheme."""
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/]*))?(/.*)\Z", url, re.DOTALL)
    if not match:
        raise ValueError("%r is not an absolute URL such as file:///path or hdfs://host/path" % url)
    scheme, authority, path = match.groups()
    if scheme.lower() != "file":
        return HadoopFile(url)
    if authority not in (None, "", "localhost"):
        raise ValueError("%r names another host" % url)
    return LocalFile(path)


class LocalFile(object):
    """A file of this host. The path is kept as UTF-8 bytes, whatever the locale says."""

    def __init__(self, path):
        self._path = path.encode("utf-8", "surrogateescape")
        self._os = types.SimpleNamespace(
            open=os.open, write=os.write, fsync=os.fsync, close=os.close, replace=os.replace
        )
        self._directory = os.path.dirname(self._path)

    def create(self, data):
        """Creates the file with this content; AlreadyStarted if there is one."""
        try:
            self._write(self._path, os.O_EXCL, data)
        except OSError as error:
            if error.errno == errno.EEXIST:
                raise AlreadyStarted()
            raise

    def replace(self, data):
        """Replaces the file; a reader sees the old or the new content."""
        temporary = self._path + b".tmp"
        self._write(temporary, os.O_TRUNC, data)
        self._os.replace(temporary, self._path)
        self._sync_directory()

    def read(self):
        with open(self._path, "rb") as stream:
            return stream.read(MAX_STATUS)

    def _write(self, path, flag, data):
        descriptor = self._os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flag, 0o644)
        try:
            while data:
                data = data[self._os.write(descriptor, data):]
            self._os.fsync(descriptor)
        finally:
            self._os.close(descriptor)
        self._sync_directory()

    def _sync_directory(self):
        descriptor = self._os.open(self._directory, os.O_RDONLY)
        try:
            self._os.fsync(descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a file system that cannot sync directories
                raise
        finally:
            self._os.close(descriptor)


class HadoopFile(object):
    """A file behind Hadoop's FileSystem, reached through Spark's JVM.

    No SparkContext is needed or made: the model's own session gets its own
    settings, and may be stopped before the last write. Each operation has its
    own FileSystem instance, so that a model that closes the shared one does
    not close ours.
    """

    # What FileSystem.create throws for a file that exists. HDFS says the
    # second and third while another process still has it open.
    EXISTS = ("FileAlreadyExistsException", "AlreadyBeingCreatedException", "RecoveryInProgressException")

    def __init__(self, url):
        spark_context = import_pyspark().SparkContext
        spark_context._ensure_initialized()
        self._jvm = spark_context._jvm
        self._path = self._jvm.org.apache.hadoop.fs.Path(url)
        # Configuration() holds the cluster's files, not the application's spark.hadoop.*
        self._configuration = self._jvm.org.apache.hadoop.conf.Configuration()
        for pair in self._jvm.org.apache.spark.SparkConf(True).getAllWithPrefix("spark.hadoop."):
            self._configuration.set(pair._1(), pair._2())

    def create(self, data):
        """Creates the file with this content; AlreadyStarted if there is one."""
        system = self._system()
        try:
            try:
                stream = system.create(self._path, False)
            except Exception as error:
                if any(name in head for head in self._java_errors(error) for name in self.EXISTS):
                    raise AlreadyStarted()
                raise
            self._fill(stream, data)
        finally:
            system.close()

    def replace(self, data):
        """Replaces the file; for a moment there may be none, never a part of one."""
        system = self._system()
        try:
            temporary = self._path.suffix(".tmp")
            self._fill(system.create(temporary, True), data)
            system.delete(self._path, False)
            if not system.rename(temporary, self._path):
                raise OSError("rename of %s to its final name was refused" % temporary.toString())
        finally:
            system.close()

    def read(self):
        system = self._system()
        try:
            stream = system.open(self._path)
            try:
                return bytes(self._jvm.org.apache.hadoop.io.IOUtils.readFullyToByteArray(stream))
            finally:
                stream.close()
        finally:
            system.close()

    def _system(self):
        return self._jvm.org.apache.hadoop.fs.FileSystem.newInstance(self._path.toUri(), self._configuration)

    @staticmethod
    def _fill(stream, data):
        try:
            stream.write(bytearray(data))
        finally:
            stream.close()

    @staticmethod
    def _java_errors(error):
        """Class names of a Java error and its causes; a remote error names its own class too."""
        names = []
        cause = getattr(error, "java_exception", None)
        while cause is not None and len(names) < 10:
            names.append(cause.toString().split(":", 1)[0])
            cause = cause.getCause()
        return names


def import_pyspark():
    """Imports pyspark from where it is installed, never running a file of the model."""
    path = sys.path[:]
    sys.path[:] = _installed_path() + [p for p in _python_path() if _holds_pyspark(p)]
    try:
        importlib.import_module("pyspark.cloudpickle")
        return importlib.import_module("pyspark")
    finally:
        sys.path[:] = path


def _holds_pyspark(entry):
    name = os.path.basename(entry)
    if name == "pyspark.zip" or (name.startswith("py4j-") and name.endswith(".zip")):
        return True
    return any(os.path.isdir(os.path.join(entry, package)) for package in ("pyspark", "py4j"))


class Status(object):
    """The status file of this attempt."""

    def __init__(self, job, target):
        self._target = target
        self._common = {
            "version": VERSION,
            "application": job.application,
            "attempt": job.attempt,
            "start": now(),
            "function": job.function.name,
        }

    def running(self):
        self._write({"state": "running", "stage": STAGE_IMPORT})

    def returned(self, stage):
        self._write({"state": "returned", "stage": stage, "end": now()})

    def raised(self, stage, failure):
        error_type, message, trace, brief = failure
        self._write(
            {
                "state": "raised",
                "stage": stage,
                "end": now(),
                "errorType": error_type[:MAX_ERROR_TYPE],
                "message": message[:MAX_MESSAGE],
                "traceback": last(trace, MAX_TRACEBACK),
                "excerpt": brief,
            }
        )

    def _write(self, fields):
        fields = dict(self._common, **fields)
        data = _dumps(fields).encode("ascii")
        # A character takes up to 12 bytes as ASCII: the caps alone do not bound the file.
        while len(data) > MAX_STATUS and (fields.get("traceback") or fields.get("message")):
            longer = max(("traceback", "message"), key=lambda name: len(fields[name]))
            half = len(fields[longer]) // 2
            fields[longer] = last(fields[longer], half) if longer == "traceback" else fields[longer][:half]
            data = _dumps(fields).encode("ascii")
        self._target.replace(data)


def last(text, size):
    """The last part of a text, at most size characters, saying that it was cut."""
    note = "... (beginning cut)\n"
    if len(text) <= size:
        return text
    return note + text[-(size - len(note)):] if size > len(note) else text[len(text) - size:]


# --- the model's module ----------------------------------------------------


class SourceFile(importlib.abc.SourceLoader):
    """Loads one file of the sources whatever its name, from a directory or an archive."""

    def __init__(self, entry, path):
        self._entry = entry
        self._path = path

    def get_filename(self, fullname):  # pylint: disable=unused-argument
        return os.path.join(self._entry, self._path)

    def get_data(self, path):
        if os.path.isdir(self._entry):
            with open(path, "rb") as stream:
                return stream.read()
        with zipfile.ZipFile(self._entry) as archive:
            return archive.read(os.path.relpath(path, self._entry).replace(os.sep, "/"))


def holds(entry, path):
    """Whether an entry of sys.path, a directory or an archive, has this file."""
    if os.path.isdir(entry):
        return os.path.isfile(os.path.join(entry, path))
    if not os.path.isfile(entry):
        return False
    try:
        with zipfile.ZipFile(entry) as archive:
            return path in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def is_driver(entry, path):
    """Whether this is the driver's own file: a model may have the same name."""
    own = os.path.join(entry, path)
    return os.path.exists(own) and os.path.samefile(own, __file__)


def order_search_path():
    """Makes sys.path absolute (models change directory) and puts the standard library first.

    Otherwise a model's random.py would be imported by pyspark in place of
    Python's own.
    """
    entries = [os.path.abspath(p) for p in sys.path]
    sys.path[:] = [p for p in entries if _is_standard(p)] + [p for p in entries if not _is_standard(p)]


def load_model(job, console):
    """Imports the model's module. Whatever the model raises passes through."""
    order_search_path()
    if not job.path:
        console.log("importing module %s" % job.module)
        return importlib.import_module(job.module)
    installed = _installed_path()
    entry = next((p for p in sys.path if p not in installed and holds(p, job.path) and not is_driver(p, job.path)), None)
    if entry is None:
        raise ModelError("the model's source %s is in no directory or archive of Python's search path" % job.path)
    # Modules beside a model in a folder can be imported by their bare names.
    folder = os.path.dirname(job.path)
    if folder:
        sys.path.append(os.path.join(entry, folder))

    parts = module_parts(job.path)
    obstacle = name_obstacle(parts, entry)
    if obstacle:
        return load_under_alias(job, entry, obstacle, console)
    name = ".".join(parts)
    console.log("importing module %s from %s" % (name, job.path))
    if add_missing_packages(parts, entry):
        module = importlib.import_module(name)
        pickle_by_value(parts[0], console)
        return module
    return importlib.import_module(name)


def module_parts(path):
    """The module name of a path, in parts; None if the path has no such name."""
    if not path.endswith(".py"):
        return None
    parts = path[: -len(".py")].split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return parts if parts and not any("." in part for part in parts) else None


def name_obstacle(parts, entry):
    """Why a module cannot be imported by its own name, or None."""
    if parts is None:
        return "its path is no module name"
    top = parts[0]
    if top in sys.builtin_module_names:
        return "%s is a built-in module of Python" % top
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # a loaded module without a spec, such as __main__
        return "a module %s is already loaded" % top
    if spec is None:
        return None  # a folder that zipimport does not see
    places = list(spec.submodule_search_locations or []) or [spec.origin or ""]
    if any(os.path.abspath(place).startswith(entry + os.sep) for place in places):
        return None
    return "the name %s belongs to %s" % (top, spec.origin or places[0])


def add_missing_packages(parts, entry):
    """Adds packages for folders without __init__.py that an archive does not list; whether there were any."""
    added = False
    for depth in range(1, len(parts)):
        name = ".".join(parts[:depth])
        if importlib.util.find_spec(name) is None:
            add_package(name, os.path.join(entry, *parts[:depth]))
            added = True
    return added


def add_package(name, directory):
    spec = importlib.util.spec_from_loader(name, None, is_package=True)
    spec.submodule_search_locations = [directory]
    package = importlib.util.module_from_spec(spec)
    package.__path__ = [directory]
    sys.modules[name] = package


def load_under_alias(job, entry, obstacle, console):
    """Loads the model's file under a name of ours, with its folders as packages."""
    folders = job.path.split("/")[:-1]
    alias = ""
    for depth, part in enumerate(job.path.split("/")):
        own = re.sub(r"\W", "_", re.sub(r"\.py\Z", "", part))
        alias = alias + "." + own if alias else "stoker_model_" + own
        if depth == 0:
            console.log("importing %s as module %s, because %s" % (job.path, alias, obstacle))
        if depth == len(folders):
            module = execute(alias, SourceFile(entry, job.path))
        elif holds(entry, "/".join(folders[: depth + 1] + ["__init__.py"])):
            execute(alias, SourceFile(entry, "/".join(folders[: depth + 1] + ["__init__.py"])))
        else:
            add_package(alias, os.path.join(entry, *folders[: depth + 1]))
    pickle_by_value(alias.split(".")[0], console)
    return module


def execute(name, loader):
    spec = importlib.util.spec_from_loader(name, loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def pickle_by_value(name, console):
    """Sends the functions of a module to executors whole, because they cannot import it."""
    try:
        import_pyspark().cloudpickle.register_pickle_by_value(sys.modules[name])
    except Exception as error:  # pylint: disable=broad-except
        # No pyspark, or one before 3.3: a model that uses no executors is well without.
        console.log("functions of module %s cannot run on executors: %s" % (name, error))


# --- calling it ------------------------------------------------------------


def find_function(module, function, job):
    if not hasattr(module, function.name):
        raise ModelError("function %s is not defined in %s" % (function, job.source))
    value = getattr(module, function.name)
    if not callable(value):
        raise ModelError("%s in %s is not a function but of type %s" % (function, job.source, type(value).__name__))
    return value


def call_init(module, job, console):
    call = find_function(module, job.init, job)
    arguments = init_arguments(call, job)
    console.log(
        "calling %s from %s %s"
        % (job.init, job.source, "with the job document" if arguments else "without arguments")
    )
    finish(call(*arguments), job.init, job)


def init_arguments(call, job):
    raw = {"rawJson": _dumps(job.document)}
    try:
        signature = inspect.signature(call)
    except (TypeError, ValueError):
        return ()  # a built-in that does not tell
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    takes_one = any(p.kind in kinds for p in signature.parameters.values())
    arguments = (raw,) if takes_one else ()
    if not accepts(signature, arguments):
        raise ModelError(
            "function %s in %s takes %s; an init function takes no argument, or one: {'rawJson': <job as JSON>}"
            % (job.init, job.source, signature)
        )
    return arguments


def call_function(module, job, console):
    call = find_function(module, job.function, job)
    try:
        signature = inspect.signature(call)
    except (TypeError, ValueError):
        signature = None  # a built-in that does not tell
    arguments = (job.inputs, job.outputs, job.model_assets)
    if signature is not None and not accepts(signature, arguments):
        raise ModelError(
            "function %s in %s takes %s; it is called with three arguments: "
            "(external_inputs, external_outputs, external_model_assets)" % (job.function, job.source, signature)
        )
    console.log(
        "calling %s from %s with %s, %s, %s"
        % (
            job.function,
            job.source,
            count(job.inputs, "input"),
            count(job.outputs, "output"),
            count(job.model_assets, "model asset"),
        )
    )
    finish(call(*arguments), job.function, job)


def accepts(signature, arguments):
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True


def finish(result, function, job):
    """Runs what a call left to do: a generator does nothing until it is read."""
    if inspect.isgenerator(result):
        for _ in result:
            pass
    elif inspect.iscoroutine(result) or inspect.isasyncgen(result):
        if inspect.iscoroutine(result):
            result.close()  # else Python warns that it was never awaited
        raise ModelError("function %s in %s is asynchronous (async def), which is not supported" % (function, job.source))


# --- telling what went wrong -----------------------------------------------


def describe(error):
    """(errorType, message, traceback) of an exception; never fails."""
    kind = type(error)
    name = getattr(kind, "__qualname__", kind.__name__)
    module = getattr(kind, "__module__", None)
    if isinstance(module, str) and module not in ("builtins", ""):
        name = module + "." + name
    if isinstance(error, SystemExit):
        message = "the model called sys.exit(%s)" % safely(repr, error.code)
    else:
        message = safely(str, error)
    try:
        trace = "".join(traceback.format_exception(kind, error, model_frames(error.__traceback__)))
        brief = excerpt(error, trace)
    except Exception:  # pylint: disable=broad-except
        trace = brief = "%s: %s\n" % (name, message)
    return name, message, trace, brief


def excerpt(error, trace):
    """The traceback as short as people need it: the model's own lines, and how the message begins.

    A Java error below Spark is dozens of lines long, and would leave none of the model's.
    """
    if fits(trace):
        return trace
    for lines in (6, 3, 1):
        for frames in (4, 2, 1):
            text = "".join(own_frames(error, frames)) + first_lines(error, lines)
            if fits(text):
                return text
    return text.encode("utf-8", "replace")[:MAX_EXCERPT].decode("utf-8", "ignore")


def fits(text):
    return len(text.encode("utf-8", "replace")) <= MAX_EXCERPT and text.count("\n") <= MAX_EXCERPT_LINES


def own_frames(error, most):
    """The last frames in the model's code; the very last of all if there are none."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.extract_tb(model_frames(error.__traceback__))
        own = [frame for frame in frames if not is_library(frame.filename)]
        if own or (error.__cause__ is None and error.__context__ is None):
            return ["Traceback (the model's own lines):\n"] + [
                line[:500] for line in traceback.format_list((own or list(frames))[-most:])
            ]
        error = error.__cause__ or error.__context__
    return []


def is_library(name):
    """Whether code of this file belongs to Python, Spark or an installed package."""
    library = os.path.dirname(os.path.abspath(os.__file__))
    parts = name.replace("\\", "/").split("/")
    return (
        name.startswith("<frozen ")
        or os.path.abspath(name).startswith(library + os.sep)
        or "site-packages" in parts
        or "dist-packages" in parts
        or any(part == "pyspark.zip" or part.startswith("py4j-") for part in parts)
    )


def first_lines(error, most):
    """How the exception itself begins."""
    text = "".join(traceback.format_exception_only(type(error), error))
    lines = text.splitlines()
    short = [line[:300] for line in lines[:most]]
    if len(lines) > most or any(len(line) > 300 for line in lines[:most]):
        short.append("...")
    return "\n".join(short) + "\n"


def safely(convert, value):
    try:
        return convert(value)
    except Exception:  # pylint: disable=broad-except
        return "<unprintable %s>" % type(value).__name__


def model_frames(trace):
    """Drops the leading frames of this driver and of the import machinery."""
    own = describe.__code__.co_filename
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        imports = name.startswith("<frozen ") or os.path.dirname(name) == _import_library
        if name != own and not imports:
            break
        trace = trace.tb_next
    return trace


def is_normal_exit(error):
    """sys.exit() and sys.exit(0) are a normal end."""
    if not isinstance(error, SystemExit):
        return False
    return error.code is None or (isinstance(error.code, int) and error.code == 0)


# --- the order of work -----------------------------------------------------


def main(arguments):
    console = Console()
    if len(arguments) != 2:
        console.error("usage: ModelOpPySparkDriver.py <job.json>")
        return EXIT_NO_MARKER
    path = os.path.abspath(arguments[1])
    try:
        job = read_job(path)
    except JobError as error:
        console.error("cannot use %s: %s; nothing was run" % (path, error))
        return EXIT_NO_MARKER
    hide_environment()
    try:
        status = Status(job, open_url(job.status_url))
        started = open_url(job.started_url)
        create_marker(job, started)
    except AlreadyStarted:
        console.error(
            "fenced: %s exists already%s: this is a second start, nothing was run" % (job.started_url, owner(started))
        )
        return EXIT_FENCED
    except Exception as error:  # pylint: disable=broad-except
        console.error("cannot create the marker %s: %s; nothing was run" % (job.started_url, reason(error)))
        return EXIT_NO_MARKER

    console.log(
        "application %s, attempt %d: %s job %s"
        % (job.application, job.attempt, job.kind or "batch", job.job_id or "without id")
    )
    try:
        status.running()
    except Exception as error:  # pylint: disable=broad-except
        # Not the end: only the last status decides, and it is tried again then.
        console.error("cannot write the status file %s: %s" % (job.status_url, reason(error)))
    return run_model(job, status, console)


def run_model(job, status, console):
    """Runs the model and records its end; the exit code."""
    process = _getpid()
    stage, failure = STAGE_IMPORT, None
    try:
        module = load_model(job, console)
        if job.init is not None:
            stage = STAGE_INIT
            call_init(module, job, console)
        stage = STAGE_FUNCTION
        call_function(module, job, console)
    except BaseException as error:  # pylint: disable=broad-except
        if not is_normal_exit(error):
            failure = describe(error)
        elif _getpid() == process:
            console.log("the model ended with sys.exit(0), stage %s" % stage)
    console.restore()
    if _getpid() != process:
        # A child that the model forked came back here: the end of the job is not its to tell.
        if failure:
            console.text(failure[2])
        _quit(EXIT_RAISED if failure else EXIT_RETURNED)

    if failure:
        console.text(failure[2])
    try:
        if failure:
            status.raised(stage, failure)
        else:
            status.returned(stage)
    except Exception as error:  # pylint: disable=broad-except
        console.error(
            "cannot write the status file %s: %s; the model had %s"
            % (job.status_url, reason(error), "raised" if failure else "returned")
        )
        return EXIT_NO_STATUS
    if failure:
        console.error("%s raised %s" % (job.function.name if stage == STAGE_FUNCTION else stage, failure[0]))
        return EXIT_RAISED
    console.log("%s returned" % job.function.name)
    return EXIT_RETURNED


def hide_environment():
    """Removes STOKER_* from what the model sees; /proc/<pid>/environ keeps it, for finding the process."""
    for name in [name for name in os.environ if name.startswith("STOKER_")]:
        del os.environ[name]


def create_marker(job, started):
    content = {"owner": job.application, "attempt": job.attempt, "at": now()}
    started.create(_dumps(content).encode("ascii"))


def owner(started):
    """The owner that a marker names, for the log."""
    try:
        content = json.loads(started.read().decode("utf-8"))
        return " (owner %s, attempt %s)" % (content["owner"], content["attempt"])
    except Exception:  # pylint: disable=broad-except
        return ""  # still being written, or lost in a crash: its existence decides


def reason(error):
    """One line about an error; of a Java error its own words, not py4j's page of text."""
    java = getattr(error, "java_exception", None)
    if java is not None:
        return safely(lambda cause: cause.toString(), java)
    return "%s: %s" % (type(error).__name__, safely(str, error))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv))
