import { Box, Skeleton } from "@mui/material";
import { T } from "./texts";

/** La place des choses, tant que le serveur n'a rien dit. */
export function StatusSkeleton({ cards = 3, height = 220 }: { cards?: number; height?: number }) {
  return (
    <Box
      role="group"
      aria-label={T.waiting}
      aria-busy
      data-testid="status-skeleton"
      sx={{ display: "grid", gap: 2, gridTemplateColumns: "repeat(auto-fill, minmax(min(100%, 280px), 1fr))" }}
    >
      {Array.from({ length: cards }, (_, rank) => `carte-${rank}`).map((name) => (
        <Skeleton
          key={name}
          variant="rounded"
          height={height}
          sx={{ "@media (prefers-reduced-motion: reduce)": { animation: "none" } }}
        />
      ))}
    </Box>
  );
}
