import { type ReactNode, Suspense } from "react";
import { StatusSkeleton } from "../status/StatusSkeleton";
import { MissingChunkBoundary } from "./MissingChunk";

/** Attend le programme d'une page ; s'il n'est plus là, le dit à sa place. */
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
