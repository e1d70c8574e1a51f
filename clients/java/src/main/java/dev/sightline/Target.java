package dev.sightline;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.function.BinaryOperator;

/**
 * Where the server is, and what to show it: reads the environment and the token's file, and knows nothing of gRPC.
 *
 * @param address a path for a Unix socket, else host:port
 * @param token empty on a Unix socket, whose file mode says who may enter
 * @param ca a PEM file of the server's authority; null: the system's
 */
record Target(String address, boolean unix, boolean tls, boolean here, String token, Path ca) {
    /** The server meant by the arguments and, where they are null, by the environment. Another machine without TLS is refused. */
    static Target find(String given, String token, Path ca, Map<String, String> environ) throws IOException {
        BinaryOperator<String> from = (name, otherwise) -> {
            String value = environ.getOrDefault(name, "");
            return value.isEmpty() ? otherwise : value;
        };
        Path state = Path.of(from.apply("XDG_STATE_HOME", environ.getOrDefault("HOME", "") + "/.local/state"));
        Path home = Path.of(from.apply("SIGHTLINE_HOME", state.resolve("sightline").toString()));
        String target = given != null && !given.isEmpty() ? given : from.apply("SIGHTLINE_TARGET", "unix:" + home.resolve("sightline.sock"));
        if (target.startsWith("unix:")) {
            return new Target(target.replaceFirst("^unix:(//)?", ""), true, false, true, "", null);
        }
        String address = target.replaceFirst("^https://", "").replaceFirst("/+$", "");
        if (!address.matches("([^:/]+|\\[[0-9a-fA-F:.%]+]):\\d+")) {
            throw new IllegalArgumentException(target + " is no target: give unix:PATH, host:port, or https://host:port for TLS");
        }
        String trusted = from.apply("SIGHTLINE_TLS_CA", null);
        Path authority = ca != null || trusted == null ? ca : Path.of(trusted);
        boolean tls = authority != null || target.startsWith("https://");
        boolean here = address.matches("(localhost|127(\\.\\d{1,3}){3}|\\[::1]):\\d+");
        if (!tls && !here) {
            throw new IllegalArgumentException(
                    target + " is another machine, and the token could be read on the way: give https://host:port, or use ssh -L");
        }
        return new Target(address, false, tls, here, token != null ? token : token(from.apply("SIGHTLINE_TOKEN_FILE", null), home), authority);
    }

    private static String token(String named, Path home) throws IOException {
        Path file = Objects.requireNonNullElse(named == null ? null : Path.of(named), home.resolve("token"));
        // Without any, the server says UNAUTHENTICATED, and what to do.
        return named != null || Files.isReadable(file) ? Files.readString(file).strip() : "";
    }

    @Override
    public String toString() { // without the token
        return (unix ? "unix:" : tls ? "https://" : "") + address;
    }
}
