import { mdiClose } from "@mdi/js";
import { Alert, Box, Link as MuiLink, Typography } from "@mui/material";
import type { ReactNode } from "react";
import { useEffect } from "react";
import { Link } from "wouter";
import { OPERATIONS } from "../fr";
import { type Operation, OperationState } from "../gen/passerelle/v1/operation_pb";
import { describe } from "../models/progress/phases";
import { Gauge, IconAct } from "../shell/kit";
import { useServer } from "../status/StatusProvider";
import { useRecent } from "./RecentProvider";
import { endOf, T } from "./texts";

const SHOWN_MS = 4_000;
const SEVERITY = {
  [OperationState.UNSPECIFIED]: "info",
  [OperationState.RUNNING]: "info",
  [OperationState.SUCCEEDED]: "success",
  [OperationState.FAILED]: "error",
  [OperationState.CANCELLED]: "info",
} as const;

// Elle se pose dans la marge au-dessus du contenu, ou sur lui quand il a défilé.
const OVER = { pointerEvents: "auto", boxShadow: 2 } as const;

/** Une ligne sous l'en-tête, où qu'on soit : ce qui vient d'échouer, sinon ce qui tourne, sinon ce qui vient de finir. */
export function OperationStrip() {
  const { ended: last, unseen, dismiss } = useRecent();
  const running = (useServer().status?.models ?? []).flatMap(({ operation }) => operation ?? []);
  const failed = last?.state === OperationState.FAILED;
  // Un échec qu'on a regardé n'est plus une nouvelle.
  const ended = failed && !unseen.some(({ id }) => id === last.id) ? undefined : last;
  useEffect(() => {
    if (!ended || failed) return;
    const timer = setTimeout(dismiss, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [ended, failed, dismiss]);
  if (ended && (failed || running.length === 0)) return <Outcome operation={ended} onClose={dismiss} />;
  const [first, ...others] = running;
  return first ? <Running operation={first} others={others.length} /> : null;
}

function Outcome({ operation, onClose }: { operation: Operation; onClose: () => void }) {
  const { kind, model, state, error } = operation;
  return (
    <Alert
      severity={SEVERITY[state]}
      square
      data-testid="outcome"
      action={
        <IconAct
          label={T.dismiss}
          icon={mdiClose}
          color="inherit"
          size="small"
          onClick={onClose}
          testId="outcome-close"
        />
      }
      sx={{
        ...OVER,
        alignItems: "center",
        py: 0,
        px: { xs: 2, md: 3 },
        "& .MuiAlert-icon, & .MuiAlert-action": { py: 0 },
        "& .MuiAlert-message": { minWidth: 0, overflow: "hidden", flexGrow: 1, py: 0.5 },
      }}
    >
      <Line>
        {T.ended(OPERATIONS[kind], model, endOf(operation))}
        {error && ` ${error.message}`}
      </Line>
    </Alert>
  );
}

function Running({ operation, others }: { operation: Operation; others: number }) {
  const { stage, done, details } = describe(operation);
  const what = T.of(OPERATIONS[operation.kind], operation.model);
  return (
    <Box sx={{ ...OVER, bgcolor: "background.paper" }} data-testid="strip">
      <Gauge label={what} done={done} height={3} />
      <Box sx={{ px: { xs: 2, md: 3 }, py: 0.5 }}>
        <Line>{[what, stage, ...details, others ? T.others(others) : ""].filter(Boolean).join(" · ")}</Line>
      </Box>
    </Box>
  );
}

function Line({ children }: { children: ReactNode }) {
  return (
    <MuiLink component={Link} href="/activite" color="inherit" underline="hover" title={T.see} data-testid="strip-link">
      <Typography component="span" variant="body2" noWrap sx={{ display: "block" }}>
        {children}
      </Typography>
    </MuiLink>
  );
}
