// Chaque alphabet a son fichier, lu quand un texte en a besoin : un nom polonais ou grec n'a pas deux polices.
import "@fontsource-variable/inter/wght.css";
import createCache from "@emotion/cache";
import { CacheProvider } from "@emotion/react";
import { CssBaseline, ThemeProvider } from "@mui/material";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./shell/App";
import { ErrorBoundary } from "./shell/ErrorBoundary";
import { MODE_KEY, theme } from "./shell/theme";

// La politique de sécurité n'admet que les styles qui portent le nonce de cette page.
const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content;
const cache = createCache({ key: "css", ...(nonce ? { nonce } : {}) });

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <CacheProvider value={cache}>
        <ThemeProvider theme={theme} modeStorageKey={MODE_KEY} colorSchemeStorageKey={`${MODE_KEY}-scheme`} noSsr>
          <CssBaseline enableColorScheme />
          <ErrorBoundary>
            <App />
          </ErrorBoundary>
        </ThemeProvider>
      </CacheProvider>
    </StrictMode>,
  );
}
