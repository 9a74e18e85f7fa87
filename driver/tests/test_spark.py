"""The driver under real spark-submit, local mode. Three launches; everything else is tested without Spark."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import DRIVER, Attempt, Result

pytest.importorskip("pyspark")
SPARK_SUBMIT = Path(sys.executable).parent / "spark-submit"

SCORING = """
import os
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
from pkg import rules
from tracing import trace

trace("import")

def begin(param):
    global SPARK, OFFSET
    SPARK = SparkSession.builder.appName("own name").config("spark.sql.shuffle.partitions", "3").getOrCreate()
    OFFSET = int(open("offset.txt").read())

def score(external_inputs, external_outputs, external_model_assets):
    trace("score")
    assert SPARK.conf.get("spark.sql.shuffle.partitions") == "3" and SPARK.sparkContext.appName == "own name"
    plus = udf(lambda x: rules.add(x, OFFSET), "long")
    rows = SPARK.range(3).repartition(2).select(plus("id").alias("v")).collect()
    with open(external_outputs[0]["fileUrl"][5:], "w") as stream:
        stream.write(repr(sorted(row.v for row in rows)))
    # the file system other code shares may be closed, and the session stopped
    jvm = SPARK._jvm
    jvm.org.apache.hadoop.fs.FileSystem.closeAll()
    SPARK.stop()
    os.chdir("/")
"""

RAISING = """
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
from tracing import trace
import helper

def shift(x):
    return helper.add(x, STEP)

STEP = 10

def score(external_inputs, external_outputs, external_model_assets):
    trace("score")
    spark = SparkSession.builder.getOrCreate()
    total = spark.range(3).select(udf(shift, "long")("id").alias("v")).groupBy().sum("v").collect()[0][0]
    raise ValueError("total %d" % total)
"""


def submit(attempt, *options):
    shutil.copy(str(DRIVER), str(attempt.directory))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "STOKER_"))}
    environment.update(
        SPARK_LOCAL_IP="127.0.0.1",
        LC_ALL="C.UTF-8",
        STOKER_APPLICATION="local-1",
        PYSPARK_PYTHON=sys.executable,
        JAVA_TOOL_OPTIONS="-XX:TieredStopAtLevel=1",
    )
    process = subprocess.run(
        ["nice", str(SPARK_SUBMIT), "--master", "local[1]", "--driver-memory", "512m"]
        + ["--conf", "spark.ui.enabled=false", *options]
        + ["--py-files", str(attempt.directory / "sources.zip")]
        + [str(attempt.directory / DRIVER.name), str(attempt.write_job())],
        cwd=str(attempt.work),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=240,
    )
    return Result(process)


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A scoring job whose marker and status file lie behind a Hadoop file system other than file:."""
    root = tmp_path_factory.mktemp("spark")
    attempt = Attempt(root / "1")
    places = root / "50%41 ü"
    places.mkdir()
    attempt.started, attempt.status_file = places / "started", places / "status.json"
    attempt.options = ["--conf", "spark.hadoop.fs.viewfs.mounttable.stoker.link./jobs=file:%s" % root]
    attempt.job["startedUrl"] = "viewfs://stoker/jobs/50%41 ü/started"
    attempt.job["statusUrl"] = "viewfs://stoker/jobs/50%41 ü/status.json"
    attempt.job["source"]["path"] = "pkg/model.py"
    attempt.job["init"] = {"name": "begin", "origin": "asset field initFunction"}
    attempt.job["outputs"] = [{"fileUrl": "file:%s" % (root / "out")}]
    (attempt.work / "offset.txt").write_text("100")
    attempt.write_sources(
        {"pkg/__init__.py": "", "pkg/model.py": SCORING, "pkg/rules.py": "def add(x, y): return x + y\n"}
    )
    attempt.result = submit(attempt, *attempt.options)
    attempt.output = root / "out"
    return attempt


def test_scoring(scored):
    """A sibling inside a UDF, a FILE asset, own session settings; the end told after SPARK.stop()."""
    assert scored.result.code == 0, scored.result
    assert scored.output.read_text() == "[100, 101, 102]"
    assert scored.called == ["import", "score"]
    assert scored.status["state"] == "returned" and scored.status["stage"] == "function"
    marker = json.loads(scored.started.read_text())
    assert (marker["owner"], marker["attempt"]) == ("local-1", 1)
    # beside Hadoop's own checksum files nothing is left over
    names = [name for name in os.listdir(str(scored.started.parent)) if not name.endswith(".crc")]
    assert sorted(names) == ["started", "status.json"]


def test_second_start_is_fenced(scored):
    assert scored.result.code == 0, scored.result
    called, status = scored.called, scored.status_file.read_bytes()
    result = submit(scored, *scored.options)
    assert result.code == 86, result
    assert scored.called == called and scored.status_file.read_bytes() == status
    # spark-submit sends both streams of Python to its own stdout
    assert "fenced: viewfs://stoker/jobs/50%41 ü/started exists already (owner local-1, attempt 1)" in result.out


def test_raising(tmp_path):
    """Exit code 1 comes through; functions of a module that executors cannot import run there."""
    attempt = Attempt(tmp_path / "1")
    attempt.job["source"]["path"] = "my.model.py"
    attempt.write_sources({"my.model.py": RAISING, "helper.py": "def add(x, y): return x + y\n"})
    result = submit(attempt)
    assert result.code == 1, result
    assert attempt.called == ["score"]
    status = attempt.status
    assert (status["state"], status["errorType"], status["message"]) == ("raised", "ValueError", "total 33"), result
    assert "sources.zip/my.model.py" in status["traceback"].splitlines()[1]
