import { Box, ButtonBase, Paper, Table, TableBody, TableCell, TableHead, TableRow } from "@mui/material";
import type { ReactNode } from "react";
import { seconds } from "../format";
import type { UsageRow } from "../gen/passerelle/v1/usage_pb";
import { short } from "../requests/requests";
import { Hint } from "../shell/kit";
import { french } from "../typography";
import type { GroupName, Step } from "./choices";
import type { Drawn } from "./lines";
import { T } from "./texts";

const NUMBER = new Intl.NumberFormat("fr-FR");
const MOMENT = new Intl.DateTimeFormat("fr-FR", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("fr-FR", { day: "numeric", month: "short", timeZone: "UTC" });

type Wait = UsageRow["firstP50"];

/** Un tableau qui défile dans son cadre : la page, elle, ne déborde pas. */
function Framed({ label, testid, head, rows }: { label: string; testid: string; head: ReactNode[]; rows: Row[] }) {
  const look = { whiteSpace: "nowrap", fontVariantNumeric: "tabular-nums" } as const;
  return (
    <Paper
      variant="outlined"
      sx={{ overflow: "auto", maxHeight: 480 }}
      tabIndex={0}
      role="region"
      aria-label={label}
      data-testid={testid}
    >
      <Table size="small" stickyHeader>
        <TableHead>
          <TableRow>
            {head.map((name, rank) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: les colonnes ne bougent pas
              <TableCell key={rank} align={rank > 0 ? "right" : "left"} sx={look}>
                {name}
              </TableCell>
            ))}
          </TableRow>
        </TableHead>
        <TableBody>
          {rows.map(({ name, key, cells }) => (
            <TableRow key={key}>
              <TableCell component="th" scope="row" sx={{ minWidth: 168, overflowWrap: "anywhere" }}>
                {name}
              </TableCell>
              {cells.map((cell, rank) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: une cellule n'est que la valeur de sa colonne
                <TableCell key={rank} align="right" sx={look}>
                  {cell}
                </TableCell>
              ))}
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </Paper>
  );
}

interface Row {
  key: string;
  name: ReactNode;
  cells: string[];
}

interface TotalsProps {
  /** Ce que les lignes distinguent. */
  group: GroupName;
  totals: UsageRow[];
  nameOf: (row: UsageRow) => string;
  /** Ne montre que ce groupe ; absent, s'il ne se choisit pas. */
  onlyOf: (row: UsageRow) => (() => void) | undefined;
}

/** Un groupe par ligne, du plus au moins de requêtes, et toutes ses mesures. */
export function TotalsTable({ group, totals, nameOf, onlyOf }: TotalsProps) {
  const rows = [...totals]
    .sort((one, other) => other.requests - one.requests)
    .map((row): Row => {
      const name = nameOf(row);
      const only = onlyOf(row);
      const [ok, departed] = [row.outcomes.OK ?? 0, row.outcomes.CANCELLED ?? 0];
      return {
        key: name,
        name: only ? (
          <ButtonBase aria-label={T.only(name)} onClick={only} sx={{ textDecoration: "underline", textAlign: "left" }}>
            {name}
          </ButtonBase>
        ) : (
          name
        ),
        cells: [
          ...[row.requests, ok, departed, row.requests - ok - departed, row.tokensIn, row.tokensOut].map((count) =>
            NUMBER.format(count),
          ),
          row.audioSeconds ? seconds(row.audioSeconds) : T.none,
          waits(row.firstP50, row.firstP95),
          waits(row.durationP50, row.durationP95),
        ],
      };
    });
  const head = [
    T.groups[group],
    ...T.columns.map((name, rank) => (
      <Box key={name}>
        {name}
        {rank > 6 && <Hint component="div">{T.waits}</Hint>}
      </Box>
    )),
  ];
  return <Framed label={T.totals} testid="usage-totals" head={head} rows={rows} />;
}

/** Ce que la courbe montre, en chiffres : les pas où il s'est passé quelque chose, du plus récent au plus ancien. */
export function PointsTable({ drawn, step, format }: { drawn: Drawn; step: Step; format: (value: number) => string }) {
  const rows = drawn.times
    .map((at, rank): Row & { busy: boolean } => {
      const values = drawn.lines.map((line) => line.values[rank] ?? null);
      return {
        key: `${at}`,
        name: (step === "jour" ? DAY : MOMENT).format(at * 1_000),
        cells: values.map((value) => (value === null ? T.none : format(value))),
        busy: values.some((value) => value),
      };
    })
    .filter(({ busy }) => busy)
    .reverse();
  const head = [T.when, ...drawn.lines.map(({ name }) => name)];
  return <Framed label={T.table} testid="usage-points" head={head} rows={rows} />;
}

function waits(half: Wait, most: Wait): string {
  const said = (wait: Wait) => (wait ? short(Number(wait.seconds) + wait.nanos / 1e9) : T.none);
  return half ? french(`${said(half)}, ${said(most)}`) : T.none;
}
