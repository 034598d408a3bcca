import { Alert, AlertTitle, Button } from "@mui/material";
import { Component, type ReactNode, Suspense } from "react";
import { StatusSkeleton } from "../status/StatusSkeleton";
import { MissingChunk } from "./later";

const T = {
  missing: "Cette page n'a pas pu être lue",
  advice:
    "Le serveur ne répond pas, ou il a été mis à jour depuis l'ouverture du tableau de bord. Rechargez : l'adresse ramène ici.",
  reload: "Recharger",
} as const;

/** Attend le programme d'une page ; s'il n'est plus là, le dit et propose de recharger. */
export function PageFrame({ children }: { children: ReactNode }) {
  return (
    <MissingChunkBoundary>
      <Suspense
        fallback={
          <div data-testid="page-loading">
            <StatusSkeleton />
          </div>
        }
      >
        {children}
      </Suspense>
    </MissingChunkBoundary>
  );
}

class MissingChunkBoundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: undefined };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    // Une autre panne n'est pas la sienne.
    if (!(error instanceof MissingChunk)) throw error;
    return (
      <Alert
        severity="warning"
        data-testid="page-missing"
        action={
          // Recharger de soi-même perdrait une conversation en cours dans une autre page.
          <Button color="inherit" size="small" onClick={() => location.reload()} data-testid="page-reload">
            {T.reload}
          </Button>
        }
      >
        <AlertTitle>{T.missing}</AlertTitle>
        {T.advice}
      </Alert>
    );
  }
}
