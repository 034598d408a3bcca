import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  mdiChevronDown,
  mdiCogOutline,
  mdiDownloadOutline,
  mdiPlayCircleOutline,
  mdiReload,
  mdiRestart,
  mdiSleep,
  mdiStopCircleOutline,
  mdiWeatherSunsetUp,
} from "@mdi/js";
import {
  Accordion,
  AccordionDetails,
  AccordionSummary,
  Box,
  Paper,
  Stack,
  type SvgIconProps,
  Typography,
} from "@mui/material";
import { admin } from "../api/admin";
import { memory } from "../format";
import { OPERATIONS, PHASES } from "../fr";
import { type Operation, OperationKind, OperationState, type PhaseDuration } from "../gen/passerelle/v1/operation_pb";
import { CancelButton, Journey } from "../models/progress/OperationPanel";
import { describe } from "../models/progress/phases";
import { remedyOf } from "../models/remedies";
import { useVerb } from "../models/useVerb";
import { Act, FactList, Icon, Note, Tag, Told } from "../shell/kit";
import { french } from "../typography";
import { instant, lastedSeconds, lasting } from "./operations";
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
  const verb = useVerb();
  const { call, busy } = verb;
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
            <Note component="span" noWrap sx={{ display: "block" }}>
              {[
                finishedAt && instant(finishedAt),
                lasted !== undefined && T.lasted(lasting(lasted)),
                error && french(error.message),
              ]
                .filter(Boolean)
                .join(" · ")}
            </Note>
          </Box>
          <Tag color={COLORS[state]} label={endOf(operation)} />
        </Stack>
      </AccordionSummary>
      <AccordionDetails id={`operation-${id}-facts`}>
        <Stack spacing={2} sx={{ alignItems: "flex-start" }}>
          <FactList facts={factsOf(operation)} testId="operation-facts" stacked />
          {retry && (
            <Act
              label={T.retry}
              icon={mdiReload}
              variant="outlined"
              disabled={busy}
              testId="operation-retry"
              onClick={() => void call(retry)}
            />
          )}
          <Refused verb={verb} />
        </Stack>
      </AccordionDetails>
    </Accordion>
  );
}

/** Opération en cours, suivie en direct ; l'annuler se confirme. */
export function RunningRow({ operation }: { operation: Operation }) {
  const { kind, model, startedAt } = operation;
  const verb = useVerb();
  const { call, busy } = verb;
  const { stage, details } = describe(operation);
  return (
    <Paper variant="outlined" sx={{ p: 2 }} data-testid="operation-running">
      <Stack direction="row" spacing={1.5} sx={{ alignItems: "center", mb: 1.5 }}>
        <KindIcon kind={kind} fontSize="small" color="primary" />
        <Box sx={{ flexGrow: 1, minWidth: 0 }}>
          <Typography>{T.of(OPERATIONS[kind], model)}</Typography>
          <Note>{[startedAt && instant(startedAt), stage, ...details].filter(Boolean).join(" · ")}</Note>
        </Box>
        <CancelButton operation={operation} busy={busy} call={call} />
      </Stack>
      <Journey operation={operation} />
      <Refused verb={verb} />
    </Paper>
  );
}

function Refused({ verb: { failure, forget } }: { verb: ReturnType<typeof useVerb> }) {
  return (
    <Told
      severity="error"
      onClose={forget}
      closeText={T.dismiss}
      sx={{ mt: 1.5 }}
      testId="operation-refused"
      text={failure?.message}
    />
  );
}

const SHAPES: Record<OperationKind, string> = {
  [OperationKind.UNSPECIFIED]: mdiCogOutline,
  [OperationKind.DOWNLOAD]: mdiDownloadOutline,
  [OperationKind.LOAD]: mdiPlayCircleOutline,
  [OperationKind.UNLOAD]: mdiStopCircleOutline,
  [OperationKind.RESTART]: mdiRestart,
  [OperationKind.SLEEP]: mdiSleep,
  [OperationKind.WAKE]: mdiWeatherSunsetUp,
};

/** Dessin d'un genre d'opération ; son nom est écrit à côté. */
export function KindIcon({ kind, ...rest }: { kind: OperationKind } & SvgIconProps) {
  return <Icon path={SHAPES[kind]} {...rest} />;
}

/** Ce qu'on sait d'une opération : quand, combien de temps, ce qu'elle a rendu, pourquoi elle a échoué. */
function factsOf(operation: Operation): [string, string | undefined | false][] {
  const { startedAt, finishedAt, progress, phases, freedBytes, elapsed, error, id } = operation;
  const lasted = lastedSeconds(operation);
  const { phase, completedBytes = 0, totalBytes = 0 } = progress ?? {};
  const copied = progress?.completedBytes !== undefined && totalBytes > 0;
  return [
    [T.facts.error, error && `${french(error.message)} (${error.reason})`],
    [T.facts.remedy, error && remedyOf(error.reason)],
    [T.facts.started, startedAt && instant(startedAt)],
    [T.facts.finished, finishedAt && instant(finishedAt)],
    [T.facts.lasted, lasted !== undefined && lasting(lasted)],
    [T.facts.phase, phase && (PHASES[phase] ?? phase)],
    [T.facts.phases, phases.map(phaseTime).join(" · ")],
    [T.facts.bytes, copied && T.facts.bytesOf(memory(completedBytes), memory(totalBytes))],
    [T.facts.freed, freedBytes !== undefined && memory(freedBytes)],
    [T.facts.elapsed, elapsed && lasting(durationMs(elapsed) / 1000)],
    [T.facts.id, id],
  ];
}

function phaseTime({ phase, duration }: PhaseDuration): string {
  return `${PHASES[phase] ?? phase} ${lasting(duration ? durationMs(duration) / 1000 : 0)}`;
}

/** Redemande ce qu'une opération voulait ; `undefined` pour un genre qu'on ne sait pas redemander. */
function retryOf({ kind, model }: Operation): (() => Promise<unknown>) | undefined {
  switch (kind) {
    case OperationKind.DOWNLOAD:
      return () => admin.downloadModel({ model });
    // Une relance ratée a laissé le modèle déchargé.
    case OperationKind.LOAD:
    case OperationKind.RESTART:
      return () => admin.loadModel({ model });
    case OperationKind.UNLOAD:
      // Personne n'a confirmé d'interrompre ceux qui s'en servent maintenant.
      return () => admin.unloadModel({ model, onlyIfIdle: true });
    case OperationKind.SLEEP:
      return () => admin.sleepModel({ model });
    case OperationKind.WAKE:
      return () => admin.wakeModel({ model });
    default:
      return undefined;
  }
}
