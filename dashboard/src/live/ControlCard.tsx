import { mdiMicrophone, mdiMicrophoneOff, mdiStop } from "@mdi/js";
import { Alert, AlertTitle, Box, FormControlLabel, Stack, Switch } from "@mui/material";
import { useEffect, useRef, useState } from "react";
import { ActionBar, LanguageChoice, ModelLine, Section } from "../audio/form/parts";
import { T as AUDIO } from "../audio/texts";
import { Act, Choice, Field, Hint, Note, Spoken, Told } from "../shell/kit";
import { single } from "../shell/single";
import { useAway } from "../status/StatusProvider";
import { filled } from "./capture/chunker";
import { canListen } from "./capture/microphone";
import type { LiveSession, Phase } from "./session/session";
import { T } from "./texts";
import type { Studio } from "./useLive";

const SAID: Partial<Record<Phase, string>> = {
  asking: T.asking,
  connecting: T.connecting,
  listening: T.listening,
  closing: T.closing,
};

/** Le microphone : lequel, quelle langue, son niveau, et le bouton qui l'ouvre et le ferme. */
export function ControlCard({ studio }: { studio: Studio }) {
  const { session, state, models, model, capabilities, rates, busy, phrasesFault } = studio;
  const { phase, options, failure, late, resuming } = state;
  const secure = canListen();
  const devices = useDevices(phase);
  const away = useAway();
  const said = resuming ? T.resuming : (SAID[phase] ?? "");
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
          fullWidth
          label={T.device}
          value={options.device}
          options={[["", T.defaultDevice], ...devices]}
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
      {studio.diarizes && (
        <FormControlLabel
          control={<Switch size="small" checked={options.speakers} />}
          label={T.speakers}
          disabled={busy}
          onChange={(_event, speakers) => session.choose({ speakers })}
          data-testid="live-speakers"
        />
      )}
      {capabilities?.features.includes("phrases") && (
        <Field
          fullWidth
          multiline
          maxRows={6}
          label={AUDIO.phrases}
          value={options.phrases}
          disabled={busy}
          onText={(phrases) => session.choose({ phrases })}
          fault={phrasesFault}
          help={AUDIO.phrasesHelp}
          // Micro ouvert, elle ne se change plus, mais son aide se lit encore.
          slotProps={{ formHelperText: { disabled: false } }}
          testId="live-phrases"
        />
      )}
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
            <Note data-testid="live-phase">
              {said}
              {late > 0 && ` ; ${T.late(late)}`}
            </Note>
          </Stack>
        )}
        <Told severity="warning" text={away} />
        <Told severity="error" testId="live-failure" text={failure} />
        <Meter session={session} active={busy && phase !== "closing"} />
        <Act
          label={busy ? (phase === "closing" ? T.abandon : T.stop) : secure ? T.start : T.unavailable}
          icon={busy ? mdiStop : secure ? mdiMicrophone : mdiMicrophoneOff}
          variant="contained"
          color={busy ? "error" : "primary"}
          size="large"
          disabled={!busy && (away !== undefined || !secure || !capabilities || !rates || phrasesFault !== undefined)}
          onClick={single(() => {
            if (busy) void session.stop();
            else if (capabilities && rates) void session.start(capabilities, rates);
          })}
          testId={busy ? "live-stop" : "live-start"}
        />
      </ActionBar>
      <Spoken>{late > 0 ? `${said} ; ${T.isLate}` : said}</Spoken>
      <Hint>{T.privacy}</Hint>
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

/** Niveau du microphone ; dessiné hors de React, dix fois par seconde. */
export function Meter({ session, active }: { session: LiveSession; active: boolean }) {
  const meter = useRef<HTMLDivElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const draw = () => {
      const part = active ? filled(session.level) : 0;
      if (bar.current) bar.current.style.clipPath = `inset(0 ${(100 * (1 - part)).toFixed(1)}% 0 0)`;
      meter.current?.setAttribute("aria-valuenow", String(Math.round(100 * part)));
    };
    draw();
    if (!active) return;
    const timer = setInterval(draw, 100);
    return () => clearInterval(timer);
  }, [session, active]);
  return (
    <Box
      ref={meter}
      role="meter"
      aria-label={T.level}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={0}
      data-testid="live-level"
      sx={{ height: 10, borderRadius: 5, bgcolor: "action.selected", overflow: "hidden" }}
    >
      <Box
        ref={bar}
        sx={{
          height: "100%",
          // Découvert, non étiré : chaque force garde sa couleur, et le rouge ne vient qu'à la fin.
          clipPath: "inset(0 100% 0 0)",
          background: ({ vars }) =>
            `linear-gradient(90deg, ${vars?.palette.success.main} 60%, ${vars?.palette.warning.main} 85%, ${vars?.palette.error.main})`,
          transition: "clip-path 100ms linear",
          "@media (prefers-reduced-motion: reduce)": { transition: "none" },
        }}
      />
    </Box>
  );
}

/** Identifiant et nom. */
type Device = [string, string];

/** Les microphones branchés ; relus quand il en vient, et quand l'autorisation a pu changer (`phase`). */
function useDevices(phase: Phase): Device[] {
  const [devices, setDevices] = useState<Device[]>([]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: les noms n'apparaissent qu'une fois le microphone ouvert.
  useEffect(() => {
    const { mediaDevices } = navigator;
    if (!mediaDevices) return;
    const stop = new AbortController();
    const list = async () => {
      const found = await mediaDevices.enumerateDevices().catch(() => []);
      if (stop.signal.aborted) return;
      // Sans autorisation, l'identifiant est vide : il n'y a rien à choisir. « default » répète l'un des autres.
      const named = found.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId && deviceId !== "default");
      // Le nom est vide tant que la personne n'a rien autorisé.
      setDevices(named.map(({ deviceId, label }, rank) => [deviceId, label || T.unnamedDevice(rank + 1)]));
    };
    void list();
    mediaDevices.addEventListener("devicechange", () => void list(), { signal: stop.signal });
    return () => stop.abort();
  }, [phase]);
  return devices;
}
