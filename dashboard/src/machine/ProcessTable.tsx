import { Table, TableBody, TableCell, TableHead, TableRow } from "@mui/material";
import type { ServerProcess } from "../gen/passerelle/v1/machine_pb";
import { T } from "./texts";

/** Les processus du produit, tels que leur superviseur les voit. */
export function ProcessTable({ processes, labelledBy }: { processes: ServerProcess[]; labelledBy: string }) {
  const number = { fontVariantNumeric: "tabular-nums" } as const;
  return (
    <Table
      size="small"
      aria-labelledby={labelledBy}
      data-testid="process-table"
      sx={{ "& td, & th": { px: { xs: 1, sm: 2 } } }}
    >
      <TableHead>
        <TableRow>
          <TableCell>{T.process}</TableCell>
          <TableCell>{T.processState}</TableCell>
          <TableCell align="right">{T.pid}</TableCell>
          <TableCell align="right">{T.restarts}</TableCell>
        </TableRow>
      </TableHead>
      <TableBody>
        {processes.map((process) => (
          <TableRow
            key={process.name}
            data-testid={`process-${process.name}`}
            sx={{ "&:last-child td": { border: 0 } }}
          >
            <TableCell>{process.name}</TableCell>
            <TableCell sx={{ color: process.broken ? "error.main" : undefined }}>{stateOf(process)}</TableCell>
            <TableCell align="right" sx={number}>
              {process.pid || "–"}
            </TableCell>
            <TableCell align="right" sx={number}>
              {process.restarts}
            </TableCell>
          </TableRow>
        ))}
      </TableBody>
    </Table>
  );
}

function stateOf({ broken, pid }: ServerProcess): string {
  if (broken) return T.broken;
  return pid ? T.running : T.stopped;
}
