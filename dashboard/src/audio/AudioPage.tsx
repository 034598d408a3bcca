import { Alert, LinearProgress } from "@mui/material";
import { lazy, Suspense } from "react";
import { T } from "./texts";

// Une page ouverte avant une mise à jour demande un morceau que le serveur n'a plus.
const AudioDesk = lazy(() => import("./AudioDesk").catch(() => ({ default: Outdated })));

/** Essayer la transcription et la diarisation d'un fichier. */
export function AudioPage() {
  return (
    <Suspense fallback={<LinearProgress aria-label={T.title} />}>
      <AudioDesk />
    </Suspense>
  );
}

function Outdated() {
  return <Alert severity="warning">{T.outdated}</Alert>;
}
