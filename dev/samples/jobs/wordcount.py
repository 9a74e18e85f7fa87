"""Counts the words of a text file: wordcount.py FILE [MOST]."""

import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import col, explode, lower, split


def main(path, most=10):
    spark = SparkSession.builder.appName("wordcount").getOrCreate()
    words = spark.read.text(path).select(explode(split(lower(col("value")), "[^a-z]+")).alias("word"))
    counts = words.where("word != ''").groupBy("word").count().orderBy(col("count").desc(), "word")
    for row in counts.limit(most).collect():
        print(f"{row['count']:6d} {row['word']}", flush=True)
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], *(int(most) for most in sys.argv[2:3]))
