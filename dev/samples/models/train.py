from pyspark.sql import SparkSession
from pyspark.sql.functions import avg


def train(external_inputs, external_outputs, external_model_assets):
    spark = SparkSession.builder.getOrCreate()
    loans = spark.read.csv(external_inputs[0]["fileUrl"], header=True, inferSchema=True)
    # A model directory as MLlib writes it, without needing numpy here.
    path = external_outputs[0]["fileUrl"]
    spark.createDataFrame([("mean-threshold", "1.0")], ["class", "version"]).write.mode(
        "overwrite"
    ).json(path + "/metadata")
    loans.agg(avg("amount").alias("threshold")).write.mode("overwrite").parquet(
        path + "/data"
    )
