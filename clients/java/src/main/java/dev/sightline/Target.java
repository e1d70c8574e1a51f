package dev.sightline;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Where the server is, and what to show it: reads the environment and the token's file, and knows nothing of gRPC.
 *
 * @param address a path for a Unix socket, else host:port
 * @param token empty on a Unix socket, whose file mode says who may enter
 * @param ca a PEM file of the server's authority; null: the system's
 */
record Target(String address, boolean unix, boolean tls, boolean here, String token, Path ca) {
    /** The server meant by the arguments and, where they are null or empty, by the environment; an empty token is one. */
    static Target find(String target, String token, Path ca, Map<String, String> environ) throws IOException {
        Path state = Path.of(or(environ.get("XDG_STATE_HOME"), environ.getOrDefault("HOME", "") + "/.local/state"));
        Path home = Path.of(or(environ.get("SIGHTLINE_HOME"), state + "/sightline"));
        String given = or(target, or(environ.get("SIGHTLINE_TARGET"), "unix:" + home.resolve("sightline.sock")));
        if (given.startsWith("unix:")) {
            return new Target(given.replaceFirst("^unix:(//)?", ""), true, false, true, "", null);
        }
        String address = given.replaceFirst("^https://", "").replaceFirst("/+$", "");
        if (!address.matches("([^:/]+|\\[[0-9a-fA-F:.%]+]):\\d+")) {
            throw new IllegalArgumentException(given + " is no target: give unix:PATH, host:port, or https://host:port for TLS");
        }
        String trusted = or(ca == null ? null : ca.toString(), or(environ.get("SIGHTLINE_TLS_CA"), null));
        boolean tls = trusted != null || given.startsWith("https://");
        boolean here = address.matches("(localhost|127(\\.\\d{1,3}){3}|\\[::1]):\\d+");
        if (!tls && !here) {
            throw new IllegalArgumentException(
                    given + " is another machine, and the token could be read on the way: give https://host:port, or use ssh -L");
        }
        String named = or(environ.get("SIGHTLINE_TOKEN_FILE"), null);
        Path file = Path.of(or(named, home + "/token"));
        if (token == null) { // without any, the server says UNAUTHENTICATED, and what to do
            token = named != null || Files.isReadable(file) ? Files.readString(file).strip() : "";
        }
        return new Target(address, false, tls, here, token, trusted == null ? null : Path.of(trusted));
    }

    private static String or(String value, String otherwise) { return value == null || value.isEmpty() ? otherwise : value; }

    @Override public String toString() { return address; } // without the token
}
