"""What spark-3.5.9.log records: spark-submit --master local[2] with the event log on."""

from pyspark.sql import SparkSession

context = SparkSession.builder.getOrCreate().sparkContext
pairs = context.parallelize(range(6), 3).map(lambda x: (x % 2, x)).reduceByKey(lambda a, b: a + b, 2)
pairs.collect()
pairs.count()  # its first stage is skipped


def fail(_):
    raise ValueError("a task that fails")


try:
    context.parallelize(range(1), 1).map(fail).collect()
except Exception as failure:
    print("as it should:", type(failure).__name__)
