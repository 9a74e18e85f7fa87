from pyspark.sql import SparkSession
from pyspark.sql.functions import avg, count


# modelop.metrics
def measure(external_inputs, external_outputs, external_model_assets):
    spark = SparkSession.builder.getOrCreate()
    loans = spark.read.csv(external_inputs[0]["fileUrl"], header=True, inferSchema=True)
    result = loans.agg(count("id").alias("count"), avg("amount").alias("mean_amount"))
    result.coalesce(1).write.mode("overwrite").json(external_outputs[0]["fileUrl"])
