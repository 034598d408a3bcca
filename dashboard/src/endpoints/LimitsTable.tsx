import { Box, Paper, Table, TableBody, TableCell, TableHead, TableRow, Typography } from "@mui/material";
import type { Limits } from "../gen/passerelle/v1/limits_pb";
import { LIMITS } from "./limits";
import { T } from "./texts";

/** Toutes les limites que rencontre un client, ou celles qu'une recherche garde. */
export function LimitsTable({ limits, found }: { limits: Limits; found: (...texts: string[]) => boolean }) {
  const families = LIMITS.map(
    ([family, rows]) => [family, rows.filter(([label]) => found(T.limits, family, label))] as const,
  ).filter(([, rows]) => rows.length > 0);
  if (families.length === 0) return null;
  return (
    <Box component="section" aria-labelledby="limits-title">
      <Typography id="limits-title" variant="h2">
        {T.limits}
      </Typography>
      <Typography variant="body2" color="textSecondary" sx={{ mb: 1.5 }}>
        {T.limitsHelp}
      </Typography>
      <Box sx={{ columns: { xs: 1, lg: 2 }, columnGap: 2 }}>
        {families.map(([family, rows]) => (
          <Paper key={family} variant="outlined" sx={{ breakInside: "avoid", mb: 2, overflow: "hidden" }}>
            <Table size="small">
              <TableHead>
                <TableRow>
                  <TableCell component="th" colSpan={2} scope="colgroup" sx={{ fontWeight: 650 }}>
                    {family}
                  </TableCell>
                </TableRow>
              </TableHead>
              <TableBody>
                {rows.map(([label, value]) => (
                  <TableRow key={label} data-testid="limit" sx={{ "&:last-child > *": { borderBottom: 0 } }}>
                    <TableCell component="th" scope="row">
                      {label}
                    </TableCell>
                    <TableCell align="right" sx={{ fontVariantNumeric: "tabular-nums" }}>
                      {value(limits)}
                    </TableCell>
                  </TableRow>
                ))}
              </TableBody>
            </Table>
          </Paper>
        ))}
      </Box>
    </Box>
  );
}
