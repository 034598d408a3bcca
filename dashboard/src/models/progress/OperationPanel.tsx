import { mdiCheck, mdiChevronDown } from "@mdi/js";
import { Box, Button, Collapse, LinearProgress, Stack, Typography } from "@mui/material";
import { useState } from "react";
import { admin } from "../../api/admin";
import { memory, percent } from "../../format";
import { OPERATIONS, PHASES } from "../../fr";
import { type FileProgress, type Operation, OperationKind } from "../../gen/passerelle/v1/operation_pb";
import { Act, Hint, Icon } from "../../shell/kit";
import { ConfirmDialog } from "../ConfirmDialog";
import { T } from "../texts";
import type { Call } from "../useVerb";
import { describe, phasesOf } from "./phases";

interface Props {
  operation: Operation;
  busy: boolean;
  call: Call;
}

/** L'opération en cours : étape, octets, débit, temps restant, fichiers, et de quoi l'annuler. */
export function OperationPanel({ operation, busy, call }: Props) {
  const { phase, step, share, details, files } = describe(operation);
  return (
    <Box sx={{ p: 1.5, borderRadius: 1, bgcolor: "action.hover" }} data-testid={`operation-${operation.model}`}>
      <Stack direction="row" spacing={1} sx={{ alignItems: "center", minHeight: 32 }}>
        <Typography variant="body2" sx={{ fontWeight: 600, flexGrow: 1, minWidth: 0 }}>
          {step}
        </Typography>
        {phase === "downloading" && (
          <Typography variant="body2" sx={{ fontWeight: 600 }}>
            {share}
          </Typography>
        )}
        <CancelButton key={operation.id} operation={operation} busy={busy} call={call} />
      </Stack>
      <Journey operation={operation} />
      {details.length > 0 && (
        <Hint data-testid={`progress-details-${operation.model}`} sx={{ display: "block", mt: 0.75 }}>
          {details.join(" · ")}
        </Hint>
      )}
      <PhaseList operation={operation} />
      {files.length > 0 && <FileList files={files} model={operation.model} />}
    </Box>
  );
}

/** L'avancement fichier par fichier, déplié à la demande. */
export function FileList({ files, model }: { files: FileProgress[]; model: string }) {
  const [open, setOpen] = useState(false);
  const list = `files-${model}`;
  return (
    <Box sx={{ mt: 0.5 }}>
      <Button
        size="small"
        color="inherit"
        aria-expanded={open}
        aria-controls={list}
        data-testid={`progress-files-${model}`}
        onClick={() => setOpen(!open)}
        endIcon={<Icon path={mdiChevronDown} sx={{ transform: open ? "rotate(180deg)" : "none" }} />}
        sx={{ ml: -0.5 }}
      >
        {T.progress.files(files.length)}
      </Button>
      <Collapse in={open} unmountOnExit id={list}>
        <Stack
          component="ul"
          spacing={1}
          // Défile au clavier : un dépôt peut avoir des centaines de fichiers.
          tabIndex={0}
          aria-label={T.progress.files(files.length)}
          sx={{ listStyle: "none", p: 0, m: 0, mt: 0.5, maxHeight: 220, overflowY: "auto" }}
        >
          {files.map((file) => (
            <File key={file.name} file={file} />
          ))}
        </Stack>
      </Collapse>
    </Box>
  );
}

function File({ file: { name, completedBytes, totalBytes } }: { file: FileProgress }) {
  const done = totalBytes === 0 ? 100 : (percent(completedBytes, totalBytes) ?? 0);
  const count = T.progress.bytes(memory(completedBytes), memory(totalBytes));
  return (
    <Box component="li" data-testid="progress-file">
      <Stack direction="row" spacing={1} sx={{ justifyContent: "space-between" }}>
        <Typography variant="caption" noWrap title={name} sx={{ minWidth: 0 }}>
          {name}
        </Typography>
        <Hint noWrap sx={{ flexShrink: 0 }}>
          {count}
        </Hint>
      </Stack>
      <LinearProgress
        variant="determinate"
        value={Math.floor(done)}
        aria-label={name}
        aria-valuetext={count}
        sx={{ height: 4, borderRadius: 1 }}
      />
    </Box>
  );
}

/** Les étapes d'une opération ; celles qui sont faites, et celle qui est en cours. */
export function PhaseList({ operation }: { operation: Operation }) {
  const { phases, current } = phasesOf(operation);
  if (phases.length < 2) return null;
  return (
    <Box
      component="ol"
      aria-label={T.progress.steps}
      sx={{ display: "flex", flexWrap: "wrap", columnGap: 1.25, listStyle: "none", p: 0, m: 0, mt: 0.75 }}
    >
      {phases.map((phase, rank) => (
        <Typography
          key={phase}
          component="li"
          variant="caption"
          aria-current={rank === current ? "step" : undefined}
          sx={{
            display: "flex",
            alignItems: "center",
            gap: 0.25,
            color: rank === current ? "text.primary" : "text.secondary",
            fontWeight: rank === current ? 700 : 400,
          }}
        >
          {rank < current && <Icon path={mdiCheck} color="success" sx={{ fontSize: 14 }} />}
          {PHASES[phase] ?? phase}
        </Typography>
      ))}
    </Box>
  );
}

/** Part de la barre que prend une étape ; 1 pour celles qui sont brèves. */
const WEIGHTS: Record<string, number> = { downloading: 6, opening: 3, draining: 2 };

/** Une seule barre, du premier octet à la première inférence : un segment par étape. */
export function Journey({ operation }: { operation: Operation }) {
  const { step, done, share, details } = describe(operation);
  const { phases, current } = phasesOf(operation);
  return (
    <Box
      role="progressbar"
      aria-label={T.progress.label(OPERATIONS[operation.kind], operation.model)}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={done === undefined ? undefined : Math.floor(done * 10) / 10}
      aria-valuetext={[step, share, ...details].filter(Boolean).join(", ")}
      data-testid={`progress-${operation.model}`}
      sx={{ display: "flex", gap: "3px", height: 8, mt: 0.5 }}
    >
      {phases.map((phase, rank) => (
        <Segment
          key={phase}
          weight={WEIGHTS[phase] ?? 1}
          filled={rank < current ? 1 : rank > current ? 0 : phase === "downloading" ? (done ?? 0) / 100 : undefined}
        />
      ))}
    </Box>
  );
}

/** `filled` va de 0 à 1 ; `undefined` : en cours, sans mesure. */
function Segment({ weight, filled }: { weight: number; filled: number | undefined }) {
  return (
    <Box sx={{ flex: weight, borderRadius: 1, overflow: "hidden", bgcolor: "action.selected" }}>
      <Box
        style={{ transform: filled === undefined ? undefined : `scaleX(${filled})` }}
        sx={{
          height: "100%",
          bgcolor: "primary.main",
          transformOrigin: "left",
          transition: "transform 200ms linear",
          animation: filled === undefined ? "passerelle-work 1.2s ease-in-out infinite" : "none",
          "@keyframes passerelle-work": { "0%, 100%": { opacity: 0.35 }, "50%": { opacity: 1 } },
          "@media (prefers-reduced-motion: reduce)": { animation: "none", transition: "none" },
        }}
      />
    </Box>
  );
}

/** Avancement d'une opération en deux lignes, là où la place manque ; seule l'étape s'annonce, non chaque octet. */
export function OperationProgressBar({ operation }: { operation: Operation }) {
  const { step, details } = describe(operation);
  return (
    <Stack spacing={0.5} sx={{ flexGrow: 1, minWidth: 0 }}>
      <Journey operation={operation} />
      <Hint>
        <span role="status">{step}</span>
        {details.map((detail) => ` · ${detail}`)}
      </Hint>
    </Stack>
  );
}

interface CancelButtonProps {
  operation: Operation;
  busy: boolean;
  call: Call;
}

/** Annule une opération, une fois confirmé ; un déchargement et un réveil vont toujours à leur terme. */
export function CancelButton({ operation, busy, call }: CancelButtonProps) {
  const [asking, setAsking] = useState(false);
  const { id, kind, model } = operation;
  if (kind === OperationKind.UNLOAD || kind === OperationKind.WAKE) return null;
  return (
    <>
      <Act
        label={T.cancel.action}
        color="inherit"
        disabled={busy}
        aria-label={`${T.cancel.action} : ${OPERATIONS[kind].toLowerCase()} de ${model}`}
        testId={`action-cancel-${model}`}
        onClick={() => setAsking(true)}
      />
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title={T.cancel.title(OPERATIONS[kind], model)}
        keep={T.cancel.keep}
        choices={[
          {
            label: T.cancel.confirm,
            testId: "confirm-cancel",
            color: "warning",
            onChoose: () => void call(() => admin.cancelOperation({ operationId: id })),
          },
        ]}
      >
        <Typography>{consequenceOf(kind)}</Typography>
      </ConfirmDialog>
    </>
  );
}

function consequenceOf(kind: OperationKind): string {
  if (kind === OperationKind.DOWNLOAD) return T.cancel.download;
  return kind === OperationKind.SLEEP ? T.cancel.other : T.cancel.load;
}
