import { Box, Chip, Paper, Stack, Typography } from "@mui/material";
import { useCallback, useMemo, useState } from "react";
import { useSearchParams } from "wouter";
import type { UsageRow } from "../gen/passerelle/v1/usage_pb";
import { Note, Part } from "../shell/kit";
import { usageChart } from "./chart";
import type { Measure, Wanted } from "./choices";
import { Legend } from "./Legend";
import { drawn as drawnOf, outcomesOf } from "./lines";
import { PointsTable, TotalsTable } from "./Tables";
import { T } from "./texts";
import type { Read } from "./useUsage";

const NUMBER = new Intl.NumberFormat("fr-FR", { maximumFractionDigits: 2 });
const format = (value: number) => NUMBER.format(value);

interface Props {
  read: Read;
  wanted: Wanted;
  measure: Measure;
  nameOfKey: (key: string) => string;
}

/** L'usage lu : ses issues, sa courbe, la même en tableau, et ses totaux. */
export function UsageView({ read, wanted, measure, nameOfKey }: Props) {
  const [params, setParams] = useSearchParams();
  const [at, setAt] = useState<number>();
  const { group, step } = wanted;
  const named = useCallback(
    (row: UsageRow) => {
      const names = [group !== "modele" && nameOfKey(row.key), group !== "cle" && (row.model || T.noModel)];
      return names.filter(Boolean).join(" · ");
    },
    [group, nameOfKey],
  );
  // La courbe ne se redessine que si ce qu'elle montre a changé.
  const drawn = useMemo(() => drawnOf(read.rows, measure, step, read.span, named), [read, measure, step, named]);
  if (read.totals.length === 0) return <Typography data-testid="usage-empty">{T.empty}</Typography>;

  /** Ne garde qu'une clé, ou qu'un modèle, et montre ce qu'elle emploie, ou qui l'emploie. */
  const onlyOf = (row: UsageRow) => {
    const [name, value, next] = group === "cle" ? ["cle", row.key, "modele"] : ["modele", row.model, "cle"];
    if (!value || group === "cle-modele") return undefined;
    return () => {
      const after = new URLSearchParams(params);
      after.set(name as string, value);
      after.set("par", next as string);
      setParams(after);
    };
  };
  const Chart = usageChart.view;
  const label = T.chart(T.measures[measure], drawn.lines.map(({ name }) => name).join(", "));
  return (
    <>
      <Stack spacing={1.5}>
        <Paper variant="outlined" sx={{ p: { xs: 1, sm: 2 }, minWidth: 0 }}>
          <Chart drawn={drawn} label={label} format={format} onPoint={setAt} />
        </Paper>
        <Legend drawn={drawn} at={at} format={format} />
        {drawn.left > 0 && <Note>{T.others(drawn.left)}</Note>}
        <Box component="details" data-testid="usage-details">
          <Typography component="summary" variant="body2" sx={{ cursor: "pointer" }}>
            {T.table}
          </Typography>
          <Box sx={{ mt: 1 }}>
            <PointsTable drawn={drawn} step={step} format={format} />
          </Box>
        </Box>
      </Stack>
      <Part title={T.totals} variant="h3">
        <Stack
          direction="row"
          component="ul"
          aria-label={T.issues}
          useFlexGap
          sx={{ flexWrap: "wrap", gap: 1, m: 0, mb: 1.5, p: 0, listStyle: "none" }}
          data-testid="usage-issues"
        >
          {outcomesOf(read.totals).map(([outcome, count]) => (
            <Chip
              key={outcome}
              component="li"
              size="small"
              variant="outlined"
              color={outcome === "OK" ? "success" : outcome === "CANCELLED" ? "default" : "error"}
              label={`${outcome === "CANCELLED" ? T.departed : outcome} : ${format(count)}`}
            />
          ))}
        </Stack>
        <TotalsTable group={group} totals={read.totals} nameOf={named} onlyOf={onlyOf} />
      </Part>
    </>
  );
}
