import { Dialog } from "@mui/material";
import { type ReactNode, Suspense } from "react";
import { MissingChunkBoundary } from "./MissingChunk";
import { T } from "./texts";

/** Attend le programme d'une boîte de dialogue sans toucher à la page ; s'il n'est plus là, le dit à sa place. */
export function DialogFrame({ children, onClose }: { children: ReactNode; onClose: () => void }) {
  return (
    <MissingChunkBoundary
      frame={(message) => (
        <Dialog open onClose={onClose} slotProps={{ paper: { "aria-label": T.missing.title } }}>
          {message}
        </Dialog>
      )}
    >
      <Suspense fallback={null}>{children}</Suspense>
    </MissingChunkBoundary>
  );
}
