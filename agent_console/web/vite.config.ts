import { defineConfig } from "vitest/config";

// A server to develop against: `npm run dev`, with the console's server on port 8099.
const server = process.env["CONSOLE_URL"] ?? "http://127.0.0.1:8099";

export default defineConfig({
  base: "/",
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    // Everything is a file of its own: the content security policy allows no data: and no inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
  server: {
    proxy: {
      "/api": { target: server, changeOrigin: false },
      "/live": { target: server.replace("http", "ws"), ws: true },
      "/sip": { target: server.replace("http", "ws"), ws: true },
    },
  },
  test: {
    environment: "happy-dom",
    include: ["tests/**/*.test.{ts,tsx}"],
  },
});
