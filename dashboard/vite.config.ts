import { defineConfig, type Plugin } from "vitest/config";

// Ce qui ne change qu'avec une dépendance : une mise à jour de Passerelle le laisse dans le cache du navigateur.
const LASTING = /node_modules\/(react|react-dom|scheduler|@emotion|stylis|@bufbuild|@connectrpc)\//;

/** Met ces bibliothèques dans un fichier à part, quand la construction en fait plusieurs. */
const vendor: Plugin = {
  name: "vendor",
  outputOptions(options) {
    if (options.inlineDynamicImports) return null;
    return { ...options, manualChunks: (id) => (LASTING.test(id) ? "vendor" : undefined) };
  },
};

/** Des polices de KaTeX, la seule forme que tout navigateur admis ici lit. */
const fonts: Plugin = {
  name: "fonts",
  enforce: "pre",
  transform: (code, id) =>
    id.endsWith("katex.min.css") ? code.replace(/,url\([^)]+\.(woff|ttf)\) format\("\w+"\)/g, "") : undefined,
};

export default defineConfig({
  plugins: [vendor, fonts],
  esbuild: { jsx: "automatic" },
  // src/gen est un lien vers ../gen/ts : ses imports doivent trouver les paquets d'ici.
  resolve: { preserveSymlinks: true },
  test: {
    testTimeout: 30_000,
    // Ce qui ne touche pas la page se passe d'elle : la bâtir prend un tiers de seconde par fichier.
    projects: [
      {
        extends: true,
        test: {
          name: "logique",
          include: ["src/**/*.test.ts"],
          environment: "node",
          setupFiles: ["src/testing/asTyped.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "page",
          include: ["src/**/*.test.tsx"],
          environment: "jsdom",
          setupFiles: ["src/testing/asTyped.ts", "src/testing/setup.ts"],
        },
      },
    ],
  },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    // La politique de sécurité n'admet aucune police écrite dans une feuille de style.
    assetsInlineLimit: (file) => (file.endsWith(".woff2") ? false : undefined),
    rollupOptions: {
      onwarn(warning, warn) {
        // MUI annonce « use client » dans chaque module ; hors d'un serveur React, cela ne dit rien.
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
    },
  },
});
