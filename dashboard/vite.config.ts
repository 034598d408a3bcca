import { defineConfig } from "vite";

export default defineConfig({
  esbuild: { jsx: "automatic" },
  // src/gen est un lien vers ../gen/ts : ses imports doivent trouver les paquets d'ici.
  resolve: { preserveSymlinks: true },
  build: { target: "es2022", chunkSizeWarningLimit: 700, modulePreload: { polyfill: false } },
});
