import { Alert, AlertTitle, Button } from "@mui/material";
import { Component, type ErrorInfo, type ReactNode, Suspense } from "react";
import { StatusSkeleton } from "../status/StatusSkeleton";
import { MissingChunk } from "./later";

const T = {
  missing: "Cette page n'a pas pu être lue",
  missingHelp:
    "Le serveur ne répond pas, ou il a été mis à jour depuis l'ouverture du tableau de bord. Rechargez : l'adresse ramène ici.",
  broken: "Cette page a rencontré une erreur",
  brokenHelp: "Les autres pages restent utilisables. Rechargez ; si cela revient, dites-nous ce que vous faisiez.",
  reload: "Recharger",
} as const;

/** Attend le programme d'une page, et dit ce qui l'empêche de se montrer : jamais un écran vide. */
export function PageFrame({ children }: { children: ReactNode }) {
  return (
    <Boundary>
      <Suspense fallback={<StatusSkeleton />}>{children}</Suspense>
    </Boundary>
  );
}

class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: undefined };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override componentDidCatch(error: unknown, info: ErrorInfo) {
    console.error(error, info.componentStack);
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    const missing = (error as unknown) instanceof MissingChunk;
    return (
      <Alert
        severity="warning"
        data-testid={missing ? "page-missing" : "page-broken"}
        action={
          <Button color="inherit" size="small" onClick={() => location.reload()} data-testid="page-reload">
            {T.reload}
          </Button>
        }
      >
        <AlertTitle>{missing ? T.missing : T.broken}</AlertTitle>
        {missing ? T.missingHelp : T.brokenHelp}
      </Alert>
    );
  }
}
