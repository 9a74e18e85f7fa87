from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
from pyspark.sql.types import DoubleType

import helpers

SPARK = None


# modelop.init
def begin():
    global SPARK
    SPARK = SparkSession.builder.getOrCreate()


# modelop.score
def score(external_inputs, external_outputs, external_model_assets):
    frame = None
    for asset in external_inputs:
        part = SPARK.read.csv(asset["fileUrl"], header=True)
        frame = part if frame is None else frame.unionByName(part)
    scored = frame.select(
        "id", udf(helpers.score, DoubleType())("amount", "income").alias("score")
    ).orderBy("id")
    for asset in external_outputs:
        scored.write.mode("overwrite").csv(asset["fileUrl"], header=True)
    print("scored", scored.count(), "loans")
