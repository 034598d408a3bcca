// De quoi essayer un composant devant un faux serveur qui suit les vrais services.
import { type ConnectRouter, createRouterTransport } from "@connectrpc/connect";
import { ThemeProvider } from "@mui/material";
import { render } from "@testing-library/react";
import type { ReactNode } from "react";
import { Router } from "wouter";
import { memoryLocation } from "wouter/memory-location";
import { connectTo } from "../api/client";
import { theme } from "../shell/theme";

/** Affiche `content` à l'adresse `path?searchPath` ; `routes` sert les services que ses clients appellent. */
export function show(
  content: ReactNode,
  routes: (router: ConnectRouter) => void = () => {},
  path = "/",
  searchPath = "",
) {
  connectTo(createRouterTransport(routes));
  const { hook, searchHook } = memoryLocation({ path, searchPath });
  // Une enveloppe, non un parent : `rerender` garde ainsi l'état des composants.
  const wrapper = ({ children }: { children: ReactNode }) => (
    <ThemeProvider theme={theme}>
      <Router hook={hook} searchHook={searchHook}>
        {children}
      </Router>
    </ThemeProvider>
  );
  return render(content, { wrapper });
}
