import { defineConfig } from "vitest/config";

export default defineConfig({
  esbuild: { jsx: "automatic" },
  // src/gen est un lien vers ../gen/ts : ses imports doivent trouver les paquets d'ici.
  resolve: { preserveSymlinks: true },
  test: { environment: "jsdom", setupFiles: ["src/testing/setup.ts"], testTimeout: 30_000 },
  build: {
    target: "es2022",
    chunkSizeWarningLimit: 800,
    modulePreload: { polyfill: false },
    rollupOptions: {
      onwarn(warning, warn) {
        // MUI annonce « use client » dans chaque module ; hors d'un serveur React, cela ne dit rien.
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
    },
  },
});
