import {
  Alert,
  Box,
  Button,
  Dialog,
  DialogActions,
  DialogContent,
  DialogTitle,
  Stack,
  Typography,
  useMediaQuery,
  useTheme,
} from "@mui/material";
import type { Gpu } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { hasPlace } from "./fields";
import { HowSection } from "./HowSection";
import { LeavingNote } from "./LeavingNote";
import { isLoaded } from "./order";
import { RoomAsk } from "./RoomAsk";
import { P } from "./texts";
import { usePlacement } from "./usePlacement";
import { VerdictPanel } from "./VerdictPanel";
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
        {refused && !hasPlace(refused.field) && (
          <Alert severity="error" data-testid="placement-failure" sx={{ flexBasis: "100%" }}>
            {refused.message}
          </Alert>
        )}
        <Typography variant="body2" color="textSecondary" sx={{ flexGrow: 1 }} data-testid="placement-why">
          {model.operation ? P.busy : summary}
        </Typography>
        <Button onClick={onClose} data-testid="placement-cancel">
          {P.cancel}
        </Button>
        <Button variant="contained" disabled={!ready} onClick={() => void start()} data-testid="placement-start">
          {makeRoom ? P.startRoom : label}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
