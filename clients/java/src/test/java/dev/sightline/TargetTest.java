package dev.sightline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TargetTest {
    @TempDir
    Path home;

    private Target find(String target, String token, String... environ) throws IOException {
        return Target.find(target, token, null, environ.length == 0
                ? Map.of("SIGHTLINE_HOME", home.toString())
                : Map.of("SIGHTLINE_HOME", home.toString(), environ[0], environ[1]));
    }

    @Test
    void theTokenIsShownOnTcpAndNeverOnASocket() throws IOException {
        Files.writeString(home.resolve("token"), "from home\n");
        Path named = Files.writeString(home.resolve("another"), "named");
        assertEquals("", find("unix:/x/y", "given").token());
        assertEquals("given", find("127.0.0.1:7411", "given", "SIGHTLINE_TOKEN_FILE", named.toString()).token());
        assertEquals("named", find("127.0.0.1:7411", null, "SIGHTLINE_TOKEN_FILE", named.toString()).token());
        assertEquals("from home", find("127.0.0.1:7411", null).token());
        assertEquals("", find("127.0.0.1:7411", "").token());
        assertFalse(find("127.0.0.1:7411", "given").toString().contains("given"));
        assertThrows(NoSuchFileException.class, () -> find("127.0.0.1:7411", null, "SIGHTLINE_TOKEN_FILE", "/nowhere"));
    }

    @Test
    void whereTheTokenCouldBeReadOnTheWayAndWhatIsNoTargetIsRefused() {
        for (String target : List.of("example.org:7411", "192.0.2.1:7411", "127.0.0.1.example.org:7411", "nonsense", ":7411", "https://nonsense")) {
            assertThrows(IllegalArgumentException.class, () -> find(target, ""), target);
        }
    }

    @Test
    void eachFormOfATargetIsFound() throws IOException {
        assertEquals(home.resolve("sightline.sock").toString(), find(null, null).address());
        assertEquals("/x/y", find("unix:///x/y", null).address());
        assertEquals("/h/.local/state/sightline/sightline.sock", Target.find("", null, null, Map.of("HOME", "/h")).address());
        assertEquals("localhost:1", find(null, "", "SIGHTLINE_TARGET", "localhost:1").address());
        assertEquals("[::1]:7411", find("[::1]:7411", "").address());
        Target far = find("https://example.org:7411/", "");
        assertEquals("example.org:7411", far.address());
        assertTrue(far.tls() && !far.here());
        assertTrue(find("example.org:7411", "", "SIGHTLINE_TLS_CA", "/ca.pem").tls());
    }
}
