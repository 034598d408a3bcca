import { mdiMicrophone, mdiMicrophoneOff, mdiStop } from "@mdi/js";
import { Alert, AlertTitle, Box, Button, Stack, Typography } from "@mui/material";
import { ActionBar } from "../../audio/form/ActionBar";
import { Choice, LanguageChoice } from "../../audio/form/Choice";
import { ModelLine } from "../../audio/form/ModelLine";
import { Section } from "../../audio/form/Section";
import { T as AUDIO } from "../../audio/texts";
import { Icon } from "../../shell/Icon";
import { Spoken } from "../../shell/Spoken";
import { single } from "../../shell/single";
import { useAway } from "../../status/StatusProvider";
import { canListen } from "../capture/problems";
import { T } from "../texts";
import type { Studio } from "../useStudio";
import { Meter } from "./Meter";
import { useDevices } from "./useDevices";

const SAID = { idle: "", asking: T.asking, connecting: T.connecting, listening: T.listening, closing: T.closing };

/** Le microphone : lequel, quelle langue, son niveau, et le bouton qui l'ouvre et le ferme. */
export function ControlCard({ studio }: { studio: Studio }) {
  const { session, state, models, model, capabilities, rates, busy } = studio;
  const { phase, options, failure, late } = state;
  const secure = canListen();
  const devices = useDevices(phase);
  const away = useAway();
  const said = phase === "done" ? "" : SAID[phase];
  return (
    <Section title={T.control}>
      <ModelLine
        label={AUDIO.transcriber}
        models={models}
        model={model}
        disabled={busy}
        onChoose={(key) => session.choose({ model: key })}
        testId="live-model"
      />
      {devices.length > 0 && (
        <Choice
          label={T.device}
          value={options.device}
          options={[
            ["", T.defaultDevice],
            ...devices.map(({ id, label }, rank) => [id, label || T.unnamedDevice(rank + 1)] as const),
          ]}
          disabled={busy}
          onChoose={(device) => session.choose({ device })}
          testId="live-device"
        />
      )}
      <LanguageChoice
        capabilities={capabilities}
        value={options.language}
        disabled={busy}
        onChoose={(language) => session.choose({ language })}
        testId="live-language"
      />
      {!secure && (
        <Alert severity="warning" data-testid="live-insecure">
          <AlertTitle>{T.secure.title}</AlertTitle>
          {T.secure.cure(location.origin, local())}
        </Alert>
      )}
      <ActionBar held={busy || failure !== undefined}>
        {said && (
          <Stack direction="row" spacing={1} sx={{ alignItems: "center" }}>
            {phase === "listening" && <Box aria-hidden sx={ON_AIR} />}
            <Typography variant="body2" color="textSecondary" data-testid="live-phase">
              {said}
              {late > 0 && ` ; ${T.late(late)}`}
            </Typography>
          </Stack>
        )}
        {away && <Alert severity="warning">{away}</Alert>}
        {failure && (
          <Alert severity="error" data-testid="live-failure">
            {failure}
          </Alert>
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
      </ActionBar>
      <Spoken>{late > 0 ? `${said} ; ${T.isLate}` : said}</Spoken>
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
