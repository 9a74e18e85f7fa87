"""Prints what an application sees of its submission, one fact a line."""
import os
import sys

from pyspark import SparkContext

sc = SparkContext.getOrCreate()


def show(kind, *parts):
    print("PROBE", kind, *[ascii(p) for p in parts], flush=True)


for i, arg in enumerate(sys.argv):
    show("arg", i, arg if i else os.path.basename(arg))
for key, value in sorted(sc.getConf().getAll()):
    show("conf", key, value)
entries = sc._jsc.hadoopConfiguration().iterator()
while entries.hasNext():
    entry = entries.next()
    show("hadoop", entry.getKey(), entry.getValue())
for name in sorted(os.environ):
    if not name.startswith("PYSPARK_GATEWAY"):
        show("env", name, os.environ[name])
for name in sorted(os.listdir(".")):
    show("file", name, "dir" if os.path.isdir(name) else "file")
for path in sys.path:
    show("path", path)
show("on executors", sc.parallelize([1], 1).map(lambda _: sorted(n for n in os.listdir(".") if "crc" not in n)).collect())
sc.stop()
