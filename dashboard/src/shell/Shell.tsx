import { Box, Stack } from "@mui/material";
import { useEffect } from "react";
import { Route, Switch, useLocation } from "wouter";
import { T } from "../fr";
import { useServer } from "../status/StatusProvider";
import { ErrorBoundary } from "./ErrorBoundary";
import { Header } from "./Header";
import { usePreload } from "./later";
import { GUTTER, PAGE_WIDTH } from "./layout";
import { Navigation } from "./Navigation";
import { Notice, OpenNotice } from "./Notice";
import { PageFrame } from "./PageFrame";
import { PAGES, PARTS } from "./pages";
import { MAIN_ID } from "./SkipLink";
import { T as TEXTS } from "./texts";
import { UnknownPage } from "./UnknownPage";
import { useArrival } from "./useArrival";

/** En-tête, menu, et la page que dit l'adresse. */
export function Shell() {
  const { status } = useServer();
  const [path] = useLocation();
  const label = PAGES.find((one) => one.path === path)?.label ?? TEXTS.unknown.title;
  useEffect(() => {
    document.title = `${label} · ${T.title}`;
  }, [label]);
  useArrival(path);
  usePreload(PARTS, status !== undefined);
  return (
    <Box sx={{ minHeight: "100dvh", display: "flex", flexDirection: "column" }}>
      <Header />
      <Box sx={{ display: "flex", flexGrow: 1, minWidth: 0, width: "100%", maxWidth: PAGE_WIDTH, mx: "auto" }}>
        <Navigation />
        <Stack
          component="main"
          id={MAIN_ID}
          tabIndex={-1}
          aria-label={label}
          spacing={3}
          // La marge du haut est la place de la bande d'opérations.
          sx={{ flexGrow: 1, minWidth: 0, px: { xs: 2, md: 3 }, pt: GUTTER, pb: { xs: 10, md: 4 }, outline: "none" }}
        >
          <OpenNotice keyed={status?.apiKeyRequired} />
          <Notice profile={status?.profileNotice} />
          <ErrorBoundary key={path}>
            <Switch>
              {PAGES.map(({ path: place, view: View }) => (
                <Route key={place} path={place}>
                  <PageFrame>
                    <View />
                  </PageFrame>
                </Route>
              ))}
              <Route>
                <UnknownPage path={path} />
              </Route>
            </Switch>
          </ErrorBoundary>
        </Stack>
      </Box>
    </Box>
  );
}
