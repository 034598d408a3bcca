import {
  Alert,
  Box,
  Button,
  Dialog,
  DialogActions,
  DialogContent,
  DialogTitle,
  Stack,
  TextField,
  Typography,
  useMediaQuery,
  useTheme,
} from "@mui/material";
import type { Gpu, Model } from "../gen/passerelle/v1/admin_pb";
import { GpuMenu } from "./GpuMenu";
import { KeepFields } from "./KeepFields";
import { OptionFields } from "./OptionFields";
import { optionsOf } from "./options";
import { chosenGpus, isLoaded } from "./order";
import { RoomAsk } from "./RoomAsk";
import { hasPlace } from "./refusal";
import { summaryOf } from "./summary";
import { P } from "./texts";
import { usePlacement } from "./usePlacement";
import { VerdictPanel } from "./VerdictPanel";

interface Props {
  model: Model;
  models: Model[];
  gpus: Gpu[];
  onClose: () => void;
}

/** Où et comment charger un modèle, avec le verdict du serveur avant de rien lancer. */
export function PlacementDialog({ model, models, gpus, onClose }: Props) {
  const phone = useMediaQuery(useTheme().breakpoints.down("sm"));
  const loaded = isLoaded(model);
  const { draft, change, verdict, faults, evictions, makeRoom, setMakeRoom, ready, start, refused } = usePlacement(
    model,
    gpus,
    onClose,
  );
  const { response } = verdict;
  const summary = summaryOf(model, verdict);
  const options = optionsOf(model);
  const name = model.displayName || model.key;
  const replicas = response?.replicas ?? model.selectedReplicas;
  const per = response?.gpusPerReplica ?? model.gpusPerReplica;
  const label = loaded ? P.startLoaded : makeRoom ? P.startRoom : P.start;
  return (
    <Dialog open fullScreen={phone} maxWidth="md" fullWidth onClose={onClose} aria-labelledby="placement-title">
      <DialogTitle id="placement-title">{loaded ? P.titleLoaded(name) : P.title(name)}</DialogTitle>
      <DialogContent dividers data-testid="placement-dialog">
        <Box
          sx={{
            display: "grid",
            gap: 3,
            gridTemplateColumns: { xs: "minmax(0, 1fr)", md: "repeat(2, minmax(0, 1fr))" },
          }}
        >
          <Stack spacing={3}>
            {model.gpusPerReplica > 0 && (
              <Box component="section" aria-labelledby="placement-gpu-title">
                <Typography id="placement-gpu-title" variant="h3" sx={{ mb: 1 }}>
                  {P.gpu.title}
                </Typography>
                <GpuMenu
                  gpus={gpus}
                  models={models}
                  chosen={chosenGpus(model, draft, response)}
                  own={draft.gpus !== undefined}
                  verdicts={response?.gpus ?? []}
                  summary={summary}
                  error={faults.gpus}
                  onChange={(chosen) => change({ gpus: chosen })}
                />
              </Box>
            )}
            <TextField
              size="small"
              type="number"
              label={P.replicas.label}
              value={draft.replicas ?? replicas}
              error={!!faults.replicas}
              helperText={faults.replicas ?? `${P.replicas.layout(replicas, per)}. ${P.replicas.explained}`}
              onChange={(event) => change({ replicas: event.target.value })}
              slotProps={{ htmlInput: { min: 1, "data-testid": "placement-replicas" } }}
            />
            {options.length > 0 && (
              <Box component="section" aria-labelledby="placement-options-title">
                <Typography id="placement-options-title" variant="h3" sx={{ mb: 1.5 }}>
                  {P.options.title}
                </Typography>
                {loaded ? (
                  <Typography variant="body2" color="textSecondary">
                    {P.options.frozen}
                  </Typography>
                ) : (
                  <OptionFields
                    options={options}
                    texts={draft.options}
                    faults={faults}
                    onChange={(option, text) => change({ options: { ...draft.options, [option]: text } })}
                  />
                )}
              </Box>
            )}
            <KeepFields model={model} draft={draft} fault={faults.idle_unload} onChange={change} />
          </Stack>
          <Stack spacing={2} sx={{ alignSelf: "start", position: { md: "sticky" }, top: 0 }}>
            <VerdictPanel verdict={verdict} summary={summary} />
            {response && !response.fits && (
              <RoomAsk
                evicted={models.filter((one) => evictions.includes(one.key))}
                agreed={makeRoom}
                onAgree={setMakeRoom}
              />
            )}
          </Stack>
        </Box>
      </DialogContent>
      <DialogActions sx={{ px: 3, py: 2, flexWrap: "wrap", gap: 1 }}>
        {refused && !hasPlace(refused.field) && (
          <Alert severity="error" data-testid="placement-failure" sx={{ flexBasis: "100%" }}>
            {refused.message}
          </Alert>
        )}
        {model.operation && (
          <Typography variant="body2" color="textSecondary" sx={{ flexGrow: 1 }}>
            {P.busy}
          </Typography>
        )}
        <Button onClick={onClose} data-testid="placement-cancel">
          {P.cancel}
        </Button>
        <Button
          variant="contained"
          color={makeRoom ? "warning" : "primary"}
          disabled={!ready}
          onClick={() => void start()}
          data-testid="placement-start"
        >
          {label}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
