import { Box, Stack, Typography } from "@mui/material";
import { Curve, type CurveProps } from "./Curve";

/** Une mesure : son nom, sa valeur, et sa courbe. */
export function Metric({ value, testid, ...curve }: CurveProps & { value: string; testid?: string }) {
  return (
    <Box sx={{ minWidth: 0 }}>
      <Stack
        direction="row"
        useFlexGap
        sx={{ columnGap: 1, flexWrap: "wrap", alignItems: "baseline", justifyContent: "space-between", mb: 0.5 }}
      >
        <Typography variant="caption" color="textSecondary" noWrap>
          {curve.label}
        </Typography>
        <Typography
          variant="body2"
          noWrap
          data-testid={testid}
          sx={{ fontWeight: 650, fontVariantNumeric: "tabular-nums" }}
        >
          {value}
        </Typography>
      </Stack>
      <Curve {...curve} />
    </Box>
  );
}
