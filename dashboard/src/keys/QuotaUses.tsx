import { Box, LinearProgress, Typography } from "@mui/material";
import type { QuotaUse } from "../gen/passerelle/v1/quotas_pb";
import { instant } from "../models/model";
import { limitOf } from "./quota";
import { QUOTA } from "./texts";

/** Ce qu'une clé a consommé devant chacune de ses limites. */
export function QuotaUses({ uses }: { uses: QuotaUse[] }) {
  if (uses.length === 0) return null;
  return (
    <Box
      component="ul"
      data-testid="key-quota"
      sx={{ display: "grid", gap: 1, gridTemplateColumns: "repeat(auto-fill, minmax(14rem, 1fr))", p: 0, m: 0 }}
    >
      {uses.map(({ name, used, limit, resetsAt }) => {
        const known = limitOf(name);
        const share = Math.min(100, (100 * used) / Number(limit));
        const label = known ? QUOTA.limits[known] : name;
        return (
          <Box component="li" key={name} sx={{ listStyle: "none" }}>
            <Typography variant="body2">{QUOTA.use(label, used, Number(limit))}</Typography>
            <LinearProgress
              variant="determinate"
              value={share}
              color={share >= 100 ? "error" : share >= 80 ? "warning" : "primary"}
              aria-label={label}
            />
            {resetsAt && share >= 80 && (
              <Typography variant="caption" color="textSecondary">
                {QUOTA.resets(instant(resetsAt))}
              </Typography>
            )}
          </Box>
        );
      })}
    </Box>
  );
}
