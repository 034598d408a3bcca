import { Alert, AlertTitle, Box, Stack } from "@mui/material";
import { useEffect, useRef } from "react";
import { Link, Route, Switch, useLocation, useSearchParams } from "wouter";
import { T as ALL } from "../fr";
import { useServer } from "../status/StatusProvider";
import { ALONE } from "./alone";
import { ErrorBoundary } from "./ErrorBoundary";
import { Header } from "./Header";
import { isReturn } from "./hashLocation";
import { Act } from "./kit";
import { PageFrame, usePreload } from "./later";
import { GUTTER, PAGE_WIDTH } from "./layout";
import { Navigation } from "./Navigation";
import { Notice, OpenNotice } from "./Notice";
import { PAGES, PARTS } from "./pages";
import { T } from "./texts";

/** En-tête, menu, et la page que dit l'adresse. */
export function Shell() {
  const { status } = useServer();
  const [path] = useLocation();
  const label = PAGES.find((one) => one.path === path)?.label ?? T.unknown.title;
  useEffect(() => {
    document.title = `${label} · ${ALL.title}`;
  }, [label]);
  useArrival(path);
  usePreload(PARTS, status !== undefined);
  const alone = useAlone(path);
  const pages = (
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
  );
  const main = { component: "main", id: MAIN_ID, tabIndex: -1, "aria-label": label } as const;
  if (alone)
    return (
      <Box {...main} sx={{ outline: "none" }}>
        {pages}
      </Box>
    );
  return (
    <Box sx={{ minHeight: "100dvh", display: "flex", flexDirection: "column" }}>
      <Header />
      <Box sx={{ display: "flex", flexGrow: 1, minWidth: 0, width: "100%", maxWidth: PAGE_WIDTH, mx: "auto" }}>
        <Navigation />
        <Stack
          {...main}
          spacing={3}
          // La marge du haut est la place de la bande d'opérations.
          sx={{ flexGrow: 1, minWidth: 0, px: { xs: 2, md: 3 }, pt: GUTTER, pb: { xs: 10, md: 4 }, outline: "none" }}
        >
          <OpenNotice keyed={status?.apiKeyRequired} />
          <Notice profile={status?.profileNotice} />
          {pages}
        </Stack>
      </Box>
    </Box>
  );
}

/** Vrai si la page se montre sans en-tête ni menu. */
function useAlone(path: string): boolean {
  const [params] = useSearchParams();
  return params.has(ALONE) && PAGES.some((page) => page.alone && page.path === path);
}

/** Où mène « Aller au contenu » ; l'adresse n'a qu'un dièse, et il dit déjà la page. */
export const MAIN_ID = "contenu";

/** Premier arrêt du clavier : saute l'en-tête et le menu. Ne se voit que quand il a le focus. */
export function SkipLink() {
  return (
    <Act
      label={T.skip}
      size="medium"
      variant="contained"
      testId="skip"
      onClick={() => document.getElementById(MAIN_ID)?.focus()}
      sx={{
        position: "absolute",
        top: 8,
        left: 8,
        zIndex: 1,
        "&:not(:focus-visible)": { opacity: 0, pointerEvents: "none" },
      }}
    />
  );
}

/** Une adresse qui ne mène à rien le dit, et ramène à l'accueil. */
export function UnknownPage({ path }: { path: string }) {
  return (
    <Alert
      severity="warning"
      data-testid="page-unknown"
      action={<Act label={T.unknown.home} color="inherit" component={Link} href="/" testId="page-home" />}
      sx={{ flexWrap: "wrap" }}
    >
      <AlertTitle>{T.unknown.title}</AlertTitle>
      {T.unknown.advice(path)}
    </Alert>
  );
}

/** Sur une autre page, montre son début et y porte le focus ; un retour, lui, retrouve la place que le navigateur a gardée. */
export function useArrival(path: string): void {
  const shown = useRef(path);
  // Après les autres effets : un menu qui se ferme rend d'abord le focus à son bouton.
  useEffect(() => {
    if (shown.current === path) return;
    shown.current = path;
    if (isReturn()) return;
    scrollTo({ top: 0, left: 0, behavior: "instant" });
    const main = document.getElementById(MAIN_ID);
    // Une page qui a déjà choisi où le mettre le garde.
    if (!main?.contains(document.activeElement)) main?.focus({ preventScroll: true });
  }, [path]);
}
