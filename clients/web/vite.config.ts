/**
 * How the dashboard is built and tested. What comes out is served by the bridge under a strict CSP: nothing inline, no data URLs,
 * every file below assets/ named by its content, so that it may be kept for ever.
 */
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const BRIDGE = "http://127.0.0.1:7412"; // where `npm run dev` finds the API; the bridge needs --allow-origin http://127.0.0.1:5173

export default defineConfig({
  base: "/",
  plugins: [
    react(),
    {
      // The chosen theme is on the page before anything is drawn: until the script has run there is nothing to show anyhow.
      name: "script-before-paint",
      transformIndexHtml: (html) => html.replace('<script type="module"', '<script type="module" blocking="render"'),
    },
  ],
  server: {
    host: "127.0.0.1",
    port: 5173,
    strictPort: true,
    proxy: { "/api": BRIDGE, "/ws": { target: BRIDGE, ws: true } },
  },
  build: {
    outDir: "../python/sightline_bridge/dashboard",
    emptyOutDir: true,
    target: ["chrome123", "firefox128", "safari17.5"], // where `light-dark()` is known
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      output: {
        // The terminal is large and most pages open without it. Its dependencies stay where the rest of the page has them.
        codeSplitting: {
          groups: [{ name: "xterm", test: /node_modules[\\/]@xterm[\\/]/ }],
          includeDependenciesRecursively: false,
        },
      },
    },
  },
  test: {
    environment: "node", // a file that needs a DOM says so: `// @vitest-environment happy-dom`
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
  },
});
