package dev.sightline;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExamplesTest {
    @TempDir
    Path place;

    @Test
    void theExamplesAndTheReadmesPiecesCompile() throws IOException {
        List<String> files = new ArrayList<>();
        try (Stream<Path> examples = Files.list(Path.of("examples"))) {
            examples.forEach(file -> files.add(file.toString()));
        }
        var pieces = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(Files.readString(Path.of("README.md")));
        while (pieces.find()) {
            String name = "Piece" + files.size();
            String body = "import com.google.protobuf.Message;\nimport dev.sightline.*;\nimport dev.sightline.v1.*;\nimport io.grpc.Context;\n"
                    + "import java.util.concurrent.*;\nclass " + name + " { void piece() throws Exception {\n" + pieces.group(1) + "} }\n";
            files.add(Files.writeString(place.resolve(name + ".java"), body).toString());
        }
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StringWriter said = new StringWriter();
        var units = compiler.getStandardFileManager(null, null, null).getJavaFileObjects(files.toArray(String[]::new));
        List<String> options = List.of("-d", place.toString(), "-cp", System.getProperty("java.class.path"));
        assertTrue(files.size() > 3, files.toString());
        assertTrue(compiler.getTask(said, null, null, options, null, units).call(), said.toString());
    }
}
