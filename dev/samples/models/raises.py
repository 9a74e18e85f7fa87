from pyspark.sql import SparkSession


def score(external_inputs, external_outputs, external_model_assets):
    spark = SparkSession.builder.getOrCreate()
    loans = spark.read.csv(external_inputs[0]["fileUrl"], header=True)
    if "score" not in loans.columns:
        raise ValueError("the input has no column 'score', only %s" % loans.columns)
