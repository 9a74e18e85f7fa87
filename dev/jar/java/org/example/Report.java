package org.example;

import java.nio.file.Files;
import java.nio.file.Paths;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.example.words.Words;

/** Tells what reached it: arguments, a file, a conf key, another jar, and Spark's work. */
public class Report {
    public static void main(String[] args) throws Exception {
        SparkSession spark = SparkSession.builder().getOrCreate();
        System.out.println("word " + Words.word());
        System.out.println("file " + new String(Files.readAllBytes(Paths.get("limits.txt", new String[0])), "UTF-8"));
        System.out.println("conf " + spark.conf().get("spark.example.word"));
        Row row = (Row) spark.range(0L, 1000L, 1L, 2).selectExpr(new String[] {"sum(id)"}).first();
        System.out.println("sum " + row.getLong(0));
        for (int i = 1; i < args.length; i++) {
            System.out.println("arg " + hex(args[i].getBytes("UTF-8")));
        }
        System.err.println("oops");
        while (!Files.exists(Paths.get(args[0] + ".go", new String[0]), new java.nio.file.LinkOption[0])) {
            Thread.sleep(20L);
        }
        System.out.println("bye");
        spark.stop();
    }

    private static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < bytes.length; i++) {
            text.append(String.format("%02x", new Object[] {Byte.valueOf(bytes[i])}));
        }
        return text.toString();
    }
}
