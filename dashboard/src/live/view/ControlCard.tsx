import { mdiMicrophone, mdiMicrophoneOff, mdiStop } from "@mdi/js";
import { Alert, AlertTitle, Box, Button, Stack, TextField, Typography } from "@mui/material";
import { Section } from "../../audio/form/Section";
import { T as AUDIO, languageName } from "../../audio/texts";
import { Icon } from "../../shell/Icon";
import { Spoken } from "../../shell/Spoken";
import { single } from "../../shell/single";
import { useAway } from "../../status/StatusProvider";
import { canListen } from "../capture/problems";
import { T } from "../texts";
import type { Studio } from "../useStudio";
import { Meter } from "./Meter";
import { ModelChoice } from "./ModelChoice";
import { useDevices } from "./useDevices";

const SAID = { idle: "", asking: T.asking, connecting: T.connecting, listening: T.listening, closing: T.closing };

/** Le microphone : lequel, quelle langue, son niveau, et le bouton qui l'ouvre et le ferme. */
export function ControlCard({ studio }: { studio: Studio }) {
  const { session, state, capabilities, rates, busy } = studio;
  const { phase, options, failure } = state;
  const secure = canListen();
  const devices = useDevices(phase);
  const languages = (capabilities?.languages ?? [])
    .map((code) => [code, languageName(code)] as const)
    .toSorted(([, a], [, b]) => a.localeCompare(b, "fr"));
  const away = useAway();
  const said = phase === "done" ? "" : SAID[phase];
  return (
    <Section title={T.control}>
      <ModelChoice studio={studio} />
      {devices.length > 0 && (
        <TextField
          select
          fullWidth
          size="small"
          label={T.device}
          value={devices.some(({ id }) => id === options.device) ? options.device : ""}
          disabled={busy}
          onChange={(event) => session.choose({ device: event.target.value })}
          slotProps={{
            select: { native: true },
            inputLabel: { shrink: true },
            htmlInput: { "data-testid": "live-device" },
          }}
        >
          <option value="">{T.defaultDevice}</option>
          {devices.map(({ id, label }, rank) => (
            <option key={id} value={id}>
              {label || T.unnamedDevice(rank + 1)}
            </option>
          ))}
        </TextField>
      )}
      {languages.length > 0 && (
        <TextField
          select
          fullWidth
          size="small"
          label={AUDIO.language}
          value={languages.some(([code]) => code === options.language) ? options.language : ""}
          disabled={busy}
          onChange={(event) => session.choose({ language: event.target.value })}
          slotProps={{
            select: { native: true },
            inputLabel: { shrink: true },
            htmlInput: { "data-testid": "live-language" },
          }}
        >
          <option value="">
            {capabilities?.features.includes("language_detection") ? AUDIO.detect : AUDIO.modelLanguage}
          </option>
          {languages.map(([code, name]) => (
            <option key={code} value={code}>
              {name}
            </option>
          ))}
        </TextField>
      )}
      <Meter session={session} active={busy && phase !== "closing"} />
      {busy ? (
        <Button
          variant="contained"
          color="error"
          size="large"
          startIcon={<Icon path={mdiStop} />}
          onClick={single(() => void session.stop())}
          data-testid="live-stop"
        >
          {phase === "closing" ? T.abandon : T.stop}
        </Button>
      ) : (
        <Button
          variant="contained"
          size="large"
          startIcon={<Icon path={secure ? mdiMicrophone : mdiMicrophoneOff} />}
          disabled={away !== undefined || !secure || !capabilities || !rates}
          onClick={single(() => capabilities && rates && void session.start(capabilities, rates))}
          data-testid="live-start"
        >
          {secure ? T.start : T.unavailable}
        </Button>
      )}
      {said && (
        <Stack direction="row" spacing={1} sx={{ alignItems: "center" }}>
          {phase === "listening" && <Box aria-hidden sx={ON_AIR} />}
          <Typography variant="body2" color="textSecondary" data-testid="live-phase">
            {said}
          </Typography>
        </Stack>
      )}
      <Spoken>{said}</Spoken>
      {!secure && (
        <Alert severity="warning" data-testid="live-insecure">
          <AlertTitle>{T.secure.title}</AlertTitle>
          {T.secure.cure(location.origin, local())}
        </Alert>
      )}
      {away && <Alert severity="warning">{away}</Alert>}
      {failure && (
        <Alert severity="error" data-testid="live-failure">
          {failure}
        </Alert>
      )}
      <Typography variant="caption" color="textSecondary">
        {T.privacy}
      </Typography>
    </Section>
  );
}

/** Le voyant d'un microphone ouvert. */
const ON_AIR = {
  width: 10,
  height: 10,
  borderRadius: "50%",
  bgcolor: "error.main",
  "@keyframes onAir": { "50%": { opacity: 0.35 } },
  animation: "onAir 1.6s ease-in-out infinite",
  "@media (prefers-reduced-motion: reduce)": { animation: "none" },
} as const;

/** La même page, par un nom que le navigateur tient pour sûr. */
function local(): string {
  return `http://localhost${location.port && `:${location.port}`}/`;
}
