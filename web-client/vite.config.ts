import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { VitePWA } from "vite-plugin-pwa";

const server = "http://127.0.0.1:8080";

export default defineConfig(({ mode }) => ({
  plugins: [
    react(),
    VitePWA({
      // We register the worker ourselves (src/app/serviceWorker.ts): an update must never reload a page somebody types in.
      injectRegister: null,
      registerType: "prompt",
      manifest: {
        name: "Fieldbook",
        short_name: "Fieldbook",
        description: "Account plans, collateral notes and meeting agendas, written together.",
        start_url: "/",
        scope: "/",
        display: "standalone",
        background_color: "#f5f3ec",
        theme_color: "#f5f3ec",
        icons: [
          { src: "/icon-192.png", sizes: "192x192", type: "image/png" },
          { src: "/icon-512.png", sizes: "512x512", type: "image/png" },
          { src: "/icon-maskable-512.png", sizes: "512x512", type: "image/png", purpose: "maskable" },
        ],
      },
      workbox: {
        globPatterns: ["**/*.{js,css,html,svg,png,wasm}"],
        // The Automerge engine is one file of 3.6 MB, a third of that on the wire.
        maximumFileSizeToCacheInBytes: 8 * 1024 * 1024,
        navigateFallback: "/index.html",
        navigateFallbackDenylist: [/^\/api\//, /^\/sync/, /^\/healthz/, /^\/readyz/, /^\/metrics/],
        cleanupOutdatedCaches: true,
      },
    }),
  ],
  resolve: {
    alias: [
      { find: "~", replacement: fileURLToPath(new URL("./src", import.meta.url)) },
      // One copy of Automerge, whose engine we load as a file of our own; and a CBOR codec that the content policy allows.
      ...(mode === "test"
        ? []
        : [
            { find: /^@automerge\/automerge$/, replacement: "@automerge/automerge/slim" },
            { find: /^cbor-x$/, replacement: "cbor-x/index-no-eval" },
          ]),
    ],
  },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      "/api": { target: server, changeOrigin: true, headers: { origin: server } },
      "/sync": { target: server, ws: true, changeOrigin: true, headers: { origin: server } },
    },
  },
  test: {
    environment: "node",
    setupFiles: ["src/model/automerge.setup.ts"],
  },
}));
