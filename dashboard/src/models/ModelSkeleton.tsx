import { Card, Skeleton, Stack } from "@mui/material";
import { T } from "./texts";

/** Place d'une carte, tant que le serveur n'a rien dit. */
export function ModelSkeleton() {
  return (
    <Card variant="outlined" aria-label={T.loading} role="img" data-testid="model-skeleton" sx={{ p: 2 }}>
      <Stack spacing={1.5}>
        <Stack direction="row" spacing={1.5}>
          <Skeleton variant="rounded" width={40} height={40} />
          <Stack sx={{ flexGrow: 1 }}>
            <Skeleton width="70%" />
            <Skeleton width="40%" />
          </Stack>
        </Stack>
        <Skeleton variant="rounded" height={28} />
        <Skeleton width="50%" />
        <Skeleton variant="rounded" height={90} />
        <Skeleton width="80%" height={36} />
      </Stack>
    </Card>
  );
}
