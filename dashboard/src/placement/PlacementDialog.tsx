import { durationMs } from "@bufbuild/protobuf/wkt";
import { mdiCheckCircleOutline, mdiCloseCircleOutline } from "@mdi/js";
import {
  Alert,
  AlertTitle,
  Box,
  Checkbox,
  Dialog,
  DialogActions,
  DialogContent,
  DialogTitle,
  FormControlLabel,
  LinearProgress,
  Stack,
  Typography,
  useMediaQuery,
  useTheme,
} from "@mui/material";
import { memory, seconds } from "../format";
import type { Gpu } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import type { GpuVerdict } from "../gen/passerelle/v1/model_verbs_pb";
import { StackBar } from "../machine/StackBar";
import { needParts } from "../machine/stacks";
import { isLoaded, requestsOf } from "../models/model";
import { Act, Icon, Note, Part, Told } from "../shell/kit";
import { useCapabilities } from "../status/StatusProvider";
import { french } from "../typography";
import { HowSection } from "./HowSection";
import { hasPlace } from "./order";
import { P } from "./texts";
import type { Verdict } from "./usePlacement";
import { usePlacement } from "./usePlacement";
import { WhereSection } from "./WhereSection";

interface Props {
  model: Model;
  models: Model[];
  gpus: Gpu[];
  onClose: () => void;
}

const AREAS = {
  display: "grid",
  gap: 3,
  gridTemplateColumns: { xs: "minmax(0, 1fr)", md: "repeat(2, minmax(0, 1fr))" },
  gridTemplateRows: { md: "auto 1fr" },
};

/** Où et comment charger un modèle, avec le verdict du serveur avant de rien lancer. */
export function PlacementDialog({ model, models, gpus, onClose }: Props) {
  const phone = useMediaQuery(useTheme().breakpoints.down("sm"));
  const placement = usePlacement(model, gpus, onClose);
  const { verdict, summary, evictions, makeRoom, agree, ready, start, refused } = placement;
  const name = model.displayName || model.key;
  const loaded = isLoaded(model);
  const label = loaded ? P.startLoaded : P.start;
  return (
    <Dialog open fullScreen={phone} maxWidth="md" fullWidth onClose={onClose} aria-labelledby="placement-title">
      <DialogTitle id="placement-title">{loaded ? P.titleLoaded(name) : P.title(name)}</DialogTitle>
      <DialogContent dividers data-testid="placement-dialog">
        <Box sx={AREAS}>
          <WhereSection model={model} models={models} gpus={gpus} placement={placement} />
          <Stack
            spacing={2}
            // Le verdict reste sous les yeux pendant qu'on parcourt la colonne qui le commande.
            sx={{
              gridColumn: { md: 2 },
              gridRow: { md: "1 / span 2" },
              position: { md: "sticky" },
              top: 0,
              alignSelf: "start",
            }}
          >
            <VerdictPanel
              title={loaded ? P.verdict.titleLoaded : P.verdict.title}
              verdict={verdict}
              summary={summary}
            />
            {verdict.response?.fits && verdict.response.leaving.length > 0 && (
              <LeavingNote model={model} leaving={verdict.response.leaving} />
            )}
            {verdict.response && !verdict.response.fits && (
              <RoomAsk
                evicted={models.filter((one) => evictions.includes(one.key))}
                agreed={makeRoom}
                onAgree={agree}
              />
            )}
          </Stack>
          <HowSection model={model} placement={placement} />
        </Box>
      </DialogContent>
      <DialogActions sx={{ px: 3, py: 2, flexWrap: "wrap", gap: 1 }}>
        <Told
          severity="error"
          testId="placement-failure"
          sx={{ flexBasis: "100%" }}
          text={refused && !hasPlace(refused.field) && refused.message}
        />
        <Note sx={{ flexGrow: 1 }} data-testid="placement-why">
          {model.operation ? P.busy : summary}
        </Note>
        <Act label={P.cancel} size="medium" onClick={onClose} testId="placement-cancel" />
        <Act
          label={makeRoom ? P.startRoom : label}
          size="medium"
          variant="contained"
          disabled={!ready}
          onClick={() => void start()}
          testId="placement-start"
        />
      </DialogActions>
    </Dialog>
  );
}

/** Verdict du serveur, avant de rien lancer : ce qui tient, ce qui ne tient pas, et pourquoi. */
export function VerdictPanel({ title, verdict, summary }: { title: string; verdict: Verdict; summary: string }) {
  const { response, refusal, fresh } = verdict;
  const known = response !== undefined || refusal !== undefined;
  // Chaque place dit son refus ; ne l'écrire ici que si aucune ne le dit.
  const unsaid = response?.gpus.every((one) => one.fits) ? response.error?.message : undefined;
  const message = unsaid !== undefined ? french(unsaid) : refusal && !hasPlace(refusal.field) ? refusal.message : "";
  return (
    <Part title={title} variant="h3">
      <Box sx={{ height: 2, mb: 1 }}>{!fresh && <LinearProgress aria-hidden sx={{ height: 2 }} />}</Box>
      <Alert
        severity={!known ? "info" : response?.fits ? "success" : "error"}
        variant="outlined"
        role="status"
        data-testid="placement-verdict"
      >
        {summary}
        {message && <Box data-testid="placement-message">{message}</Box>}
      </Alert>
      <Stack component="ul" spacing={1.5} sx={{ listStyle: "none", p: 0, mt: 2, mb: 0 }}>
        {response?.gpus.map((one) => (
          <Seat key={`${one.replica} ${one.index}`} verdict={one} />
        ))}
      </Stack>
    </Part>
  );
}

function Seat({ verdict }: { verdict: GpuVerdict }) {
  const { index, replica, fits, reason, neededBytes, availableBytes, totalBytes } = verdict;
  return (
    <Box component="li" data-testid={`placement-seat-${index}`}>
      <Stack direction="row" spacing={1} sx={{ alignItems: "center", color: fits ? "success.main" : "error.main" }}>
        <Icon path={fits ? mdiCheckCircleOutline : mdiCloseCircleOutline} fontSize="small" />
        <Typography variant="body2" sx={{ fontWeight: 600, color: "text.primary" }}>
          {P.verdict.seat(index, replica)}
        </Typography>
        <Typography variant="body2">{fits ? P.verdict.here : P.verdict.refused}</Typography>
      </Stack>
      <Note sx={{ mb: 0.5 }}>{P.verdict.needs(memory(neededBytes), memory(availableBytes))}</Note>
      <StackBar
        parts={needParts(verdict)}
        label={P.verdict.seat(index, replica)}
        format={memory}
        models={[]}
        names={P.verdict.parts}
        named="taken"
        capacity={totalBytes}
      />
      {reason && (
        <Typography variant="body2" sx={{ mt: 0.5 }} data-testid="placement-reason">
          {reason}
        </Typography>
      )}
    </Box>
  );
}

interface RoomAskProps {
  /** Modèles que le serveur déchargerait ; aucun : cela ne suffirait pas. */
  evicted: Model[];
  agreed: boolean;
  onAgree: (agreed: boolean) => void;
}

/** Demande s'il faut décharger d'autres modèles, en les nommant ; rien ne part sans cet accord. */
export function RoomAsk({ evicted, agreed, onAgree }: RoomAskProps) {
  if (evicted.length === 0)
    return (
      <Alert severity="info" role="note">
        {P.room.hopeless}
      </Alert>
    );
  return (
    <Alert severity="warning" variant="outlined" role="group" aria-label={P.room.title} data-testid="placement-room">
      <AlertTitle>{P.room.title}</AlertTitle>
      {evicted.map((model) => (
        <Box key={model.key}>{P.room.idle(model.displayName || model.key, held(model))}</Box>
      ))}
      <FormControlLabel
        control={<Checkbox color="warning" checked={agreed} onChange={(_, checked) => onAgree(checked)} />}
        label={P.room.would(evicted.map((model) => model.displayName || model.key))}
        sx={{ alignItems: "flex-start", mt: 0.5, "& .MuiCheckbox-root": { py: 0 } }}
        data-testid="placement-room-agree"
      />
    </Alert>
  );
}

function held({ replicas }: Model): string {
  const bytes = replicas.reduce((sum, replica) => sum + (replica.gpuBytes ?? 0), 0);
  return bytes > 0 ? memory(bytes) : "";
}

/** Exemplaires qui s'arrêteraient, ce qu'ils servent en ce moment, et le temps que le serveur leur laisserait. */
export function LeavingNote({ model, leaving }: { model: Model; leaving: string[] }) {
  const grace = useCapabilities().known?.limits?.stopGrace;
  const { running, waiting } = requestsOf({ replicas: model.replicas.filter(({ id }) => leaving.includes(id)) });
  const busy = running + waiting > 0;
  return (
    <Alert
      severity={busy ? "warning" : "info"}
      variant="outlined"
      role="group"
      aria-label={P.leaving.title(leaving)}
      data-testid="placement-leaving"
    >
      <Box sx={{ fontWeight: 600 }}>{P.leaving.title(leaving)}</Box>
      {busy ? P.leaving.busy(running, waiting) : P.leaving.free}{" "}
      {P.leaving.grace(grace && seconds(durationMs(grace) / 1000))}
    </Alert>
  );
}
