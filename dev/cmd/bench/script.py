"""Runs alike by bare spark-submit (the output path as argument) and as a model."""
import sys
import time

from pyspark.sql import SparkSession


def score(external_inputs, external_outputs, external_model_assets):
    spark = SparkSession.builder.getOrCreate()
    frame = spark.range(2000000).selectExpr("id % 7 as k", "id as v")
    frame.groupBy("k").sum("v").coalesce(1).write.mode("overwrite").csv(
        external_outputs[0]["fileUrl"], header=True
    )
    time.sleep(2)
    spark.stop()


if __name__ == "__main__":
    score([], [{"fileUrl": sys.argv[1]}], [])
