import java.io.File;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.api.java.JavaSparkContext;
import scala.Tuple2;

/** Prints what an application sees of its submission, one fact a line. */
public class Probe {
  static void show(String kind, String... parts) {
    StringBuilder line = new StringBuilder("PROBE ").append(kind);
    for (String part : parts) {
      line.append(" '");
      for (char c : part.toCharArray()) {
        line.append(c < ' ' || c > '~' || c == '\'' || c == '\\' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
      }
      line.append('\'');
    }
    System.out.println(line);
  }

  public static void main(String[] args) {
    JavaSparkContext sc = new JavaSparkContext();
    for (int i = 0; i < args.length; i++) {
      show("arg", String.valueOf(i), args[i]);
    }
    TreeMap<String, String> conf = new TreeMap<>();
    for (Tuple2<String, String> entry : sc.getConf().getAll()) {
      conf.put(entry._1(), entry._2());
    }
    conf.forEach((key, value) -> show("conf", key, value));
    for (Map.Entry<String, String> entry : sc.hadoopConfiguration()) {
      show("hadoop", entry.getKey(), entry.getValue());
    }
    new TreeMap<>(System.getenv()).forEach((key, value) -> show("env", key, value));
    new TreeMap<>(System.getProperties()).forEach((key, value) -> show("property", key.toString(), value.toString()));
    for (File file : new File(".").listFiles()) {
      show("file", file.getName(), file.isDirectory() ? "dir" : "file");
    }
    ClassLoader loader = Thread.currentThread().getContextClassLoader();
    show("loader", loader.getClass().getName(), loader instanceof java.net.URLClassLoader
        ? Arrays.toString(((java.net.URLClassLoader) loader).getURLs()) : "");
    sc.parallelize(Arrays.asList(1), 1).count();
    sc.stop();
  }
}
