import { mdiChevronDown, mdiReload } from "@mdi/js";
import {
  Accordion,
  AccordionDetails,
  AccordionSummary,
  Alert,
  Box,
  Button,
  Chip,
  Stack,
  Typography,
} from "@mui/material";
import { OPERATIONS } from "../fr";
import { type Operation, OperationState } from "../gen/passerelle/v1/operation_pb";
import { useVerb } from "../models/useVerb";
import { Icon } from "../shell/Icon";
import { french } from "../typography";
import { KindIcon } from "./KindIcon";
import { OperationFacts } from "./OperationFacts";
import { instant, lastedSeconds, lasting } from "./progress";
import { retryOf } from "./retry";
import { endOf, T } from "./texts";

const COLORS = {
  [OperationState.UNSPECIFIED]: "default",
  [OperationState.RUNNING]: "info",
  [OperationState.SUCCEEDED]: "success",
  [OperationState.FAILED]: "error",
  [OperationState.CANCELLED]: "default",
} as const;

/** Opération finie, et ses détails à la demande. */
export function OperationRow({ operation }: { operation: Operation }) {
  const { id, kind, model, state, finishedAt, error } = operation;
  const { call, busy, failure, forget } = useVerb();
  const lasted = lastedSeconds(operation);
  const retry = state === OperationState.FAILED ? retryOf(operation) : undefined;
  return (
    <Accordion
      variant="outlined"
      disableGutters
      square
      data-testid="operation"
      slotProps={{ transition: { unmountOnExit: true } }}
      // Chaque ligne est une carte ; MUI n'arrondirait que la première et la dernière.
      sx={{ borderRadius: 1, "&::before": { display: "none" } }}
    >
      <AccordionSummary
        id={`operation-${id}`}
        aria-controls={`operation-${id}-facts`}
        expandIcon={<Icon path={mdiChevronDown} />}
        data-testid="operation-open"
        // Sans quoi un message d'une ligne élargit la page.
        sx={{ "& .MuiAccordionSummary-content": { minWidth: 0 } }}
      >
        <Stack direction="row" spacing={1.5} sx={{ alignItems: "center", minWidth: 0, width: "100%", pr: 1 }}>
          <KindIcon kind={kind} fontSize="small" color={state === OperationState.FAILED ? "error" : "action"} />
          <Box sx={{ minWidth: 0, flexGrow: 1 }}>
            <Typography component="span" sx={{ display: "block", overflowWrap: "anywhere" }}>
              {T.of(OPERATIONS[kind], model)}
            </Typography>
            <Typography
              component="span"
              variant="body2"
              color="textSecondary"
              noWrap
              sx={{ display: "block", fontVariantNumeric: "tabular-nums" }}
            >
              {[
                finishedAt && instant(finishedAt),
                lasted !== undefined && T.lasted(lasting(lasted)),
                error && french(error.message),
              ]
                .filter(Boolean)
                .join(" · ")}
            </Typography>
          </Box>
          <Chip size="small" variant="outlined" color={COLORS[state]} label={endOf(operation)} />
        </Stack>
      </AccordionSummary>
      <AccordionDetails id={`operation-${id}-facts`}>
        <Stack spacing={2} sx={{ alignItems: "flex-start" }}>
          <OperationFacts operation={operation} />
          {retry && (
            <Button
              size="small"
              variant="outlined"
              startIcon={<Icon path={mdiReload} />}
              disabled={busy}
              data-testid="operation-retry"
              onClick={() => void call(retry)}
            >
              {T.retry}
            </Button>
          )}
          {failure && (
            <Alert severity="error" onClose={forget} closeText={T.dismiss} data-testid="operation-refused">
              {failure.message}
            </Alert>
          )}
        </Stack>
      </AccordionDetails>
    </Accordion>
  );
}
