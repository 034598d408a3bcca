import { Box, ButtonBase, Paper, Table, TableBody, TableCell, TableHead, TableRow } from "@mui/material";
import { memo } from "react";
import type { Request } from "../gen/passerelle/v1/requests_pb";
import { french } from "../typography";
import { arrival, short } from "./requests";
import { T } from "./texts";

const CLOCK = new Intl.DateTimeFormat("fr-FR", { timeStyle: "medium" });
const NUMBER = new Intl.NumberFormat("fr-FR", { maximumFractionDigits: 1 });
const FIGURES = { fontVariantNumeric: "tabular-nums", whiteSpace: "nowrap" };

/** Une ligne par requête ; sur un petit écran, le tableau défile dans son cadre. */
export function RequestTable({ requests, open }: { requests: Request[]; open: (request: Request) => void }) {
  return (
    <Paper variant="outlined" sx={{ overflowX: "auto" }} tabIndex={0} role="region" aria-label={T.title}>
      <Table size="small" data-testid="requests-table">
        <TableHead>
          <TableRow>
            {T.columns.map((name) => (
              <TableCell key={name} sx={{ whiteSpace: "nowrap" }}>
                {name}
              </TableCell>
            ))}
          </TableRow>
        </TableHead>
        <TableBody>
          {requests.map((request) => (
            <Row key={request.call} request={request} open={open} />
          ))}
        </TableBody>
      </Table>
    </Paper>
  );
}

/** Une ligne ne se redessine que si sa requête change. */
const Row = memo(function Row({ request, open }: { request: Request; open: (request: Request) => void }) {
  const { id, call, model, first, ended, tokensIn, tokensOut, tokensPerSecond, key, client, replicas } = request;
  const clock = CLOCK.format(arrival(request));
  const count = (value: number | undefined) => (value === undefined ? T.none : NUMBER.format(value));
  return (
    <TableRow data-testid={`request-${call}`} hover>
      <TableCell sx={FIGURES}>
        <ButtonBase aria-label={T.open(clock, id)} onClick={() => open(request)} sx={{ textDecoration: "underline" }}>
          {clock}
        </ButtonBase>
      </TableCell>
      <TableCell>{model || T.none}</TableCell>
      <TableCell>
        <Outcome request={request} />
      </TableCell>
      <TableCell sx={FIGURES}>{first === undefined ? T.none : french(short(first))}</TableCell>
      <TableCell sx={FIGURES}>{french(short(ended))}</TableCell>
      <TableCell sx={FIGURES}>
        {count(tokensIn)}, {count(tokensOut)}
      </TableCell>
      <TableCell sx={FIGURES}>{tokensPerSecond ? NUMBER.format(tokensPerSecond) : T.none}</TableCell>
      <TableCell>{[key, client].filter(Boolean).join(" · ") || T.none}</TableCell>
      <TableCell>{replicas.join(", ") || T.none}</TableCell>
    </TableRow>
  );
});

/** Issue d'une requête : en cours, bien finie, client parti, ou le motif de son échec. */
export function Outcome({ request: { running, status } }: { request: Request }) {
  const wrong = !running && status !== "OK" && status !== "CANCELLED";
  return (
    <Box
      component="span"
      sx={{ whiteSpace: "nowrap", color: wrong ? "error.main" : running ? "primary.main" : undefined }}
    >
      {running ? T.running : status === "CANCELLED" ? T.departed : status}
    </Box>
  );
}
