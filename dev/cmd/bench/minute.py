import time

from pyspark.sql import SparkSession


def score(external_inputs, external_outputs, external_model_assets):
    spark = SparkSession.builder.getOrCreate()
    spark.range(10).coalesce(1).write.csv(external_outputs[0]["fileUrl"], header=True)
    time.sleep(60)
