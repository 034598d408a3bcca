import { Box, Stack, Typography } from "@mui/material";
import { memory } from "../format";
import type { Share } from "./memory";
import { P } from "./texts";

interface Props {
  shares: Share[];
  /** Mémoire du GPU, en octets : un trait la marque quand les parts la dépassent. */
  total: number;
  /** Vrai pour ne dire les parts que par la barre et des noms courts. */
  dense?: boolean;
}

/** Parts de la mémoire d'un GPU, bout à bout, et leur légende ; la barre est muette, la légende dit tout. */
export function MemoryBar({ shares, total, dense }: Props) {
  const sum = shares.reduce((all, share) => all + share.bytes, 0);
  const scale = Math.max(total, sum);
  return (
    <Stack spacing={0.5}>
      <Box
        aria-hidden
        sx={{
          position: "relative",
          display: "flex",
          height: dense ? 6 : 10,
          borderRadius: 1,
          bgcolor: "action.selected",
        }}
      >
        {shares.map((share) => (
          <Box
            key={share.label}
            style={{ width: `${(100 * share.bytes) / scale}%` }}
            sx={[
              share.tint,
              {
                bgcolor: "currentColor",
                "&:first-of-type": { borderTopLeftRadius: 4, borderBottomLeftRadius: 4 },
                "&:last-of-type": { borderTopRightRadius: 4, borderBottomRightRadius: 4 },
              },
            ]}
          />
        ))}
        {sum > total && (
          <Box
            style={{ left: `${(100 * total) / scale}%` }}
            sx={{ position: "absolute", top: -4, bottom: -4, width: 2, bgcolor: "error.main" }}
          />
        )}
      </Box>
      <Stack
        direction="row"
        useFlexGap
        sx={{ flexWrap: "wrap", columnGap: 1.5, rowGap: 0.25, "&:empty": { display: "none" } }}
      >
        {shares.map((share) => (
          <Stack key={share.label} direction="row" spacing={0.75} sx={{ alignItems: "center" }}>
            <Box aria-hidden sx={[share.tint, { width: 8, height: 8, borderRadius: "2px", bgcolor: "currentColor" }]} />
            <Typography variant="caption" color="textSecondary" sx={{ fontVariantNumeric: "tabular-nums" }}>
              {P.gpu.share(share.label, memory(share.bytes))}
            </Typography>
          </Stack>
        ))}
      </Stack>
    </Stack>
  );
}
