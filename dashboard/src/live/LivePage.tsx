import { mdiMicrophone } from "@mdi/js";
import { Alert, Link, Paper } from "@mui/material";
import { useEffect } from "react";
import { useLocation } from "wouter";
import { Bench, RequestCard } from "../audio/form/parts";
import { useKept } from "../shell/kept";
import { Act, Icon } from "../shell/kit";
import { useDrop } from "../shell/useDrop";
import { ControlCard } from "./ControlCard";
import { configFor } from "./session/socket";
import { snippetsOf } from "./snippets";
import { TranscriptCard } from "./TranscriptCard";
import { T } from "./texts";
import { stopwatch, useElapsed, useLive, useStudio } from "./useLive";

/** Essayer la transcription en direct : un microphone, le texte à mesure, ce qu'on en emporte, et la requête. */
export function LivePage() {
  const studio = useStudio();
  const { remind } = useKept();
  // Venu avec la page, le bandeau ne peut pas manquer quand on la quitte, fût-ce après une mise à jour du serveur.
  useEffect(() => remind(<LiveBadge />), [remind]);
  // Un fichier lâché ici n'ouvre rien : il prendrait la place de la page, et du flux.
  useDrop();
  const { ready, model, capabilities, failure, state } = studio;
  if (!ready) return null;
  if (!model) return <Alert severity="info">{T.noModel}</Alert>;
  return (
    <Bench
      testId="live-page"
      failure={failure}
      asked={<ControlCard studio={studio} />}
      given={
        <>
          <TranscriptCard studio={studio} />
          <RequestCard
            sent={state.sent}
            // La fréquence, que seul le microphone ouvert connaît, n'est pas dans les extraits : ils prennent celle du fichier.
            next={
              capabilities &&
              configFor(capabilities, state.options.language, 0, state.options.speakers, state.options.phrases)
            }
            write={snippetsOf}
            help={`${T.requestHelp} ${T.requestPackages}`}
            testId="live-snippets"
          />
        </>
      }
    />
  );
}

const PLACE = "/essayer/micro";

/** Bandeau qui rappelle un microphone ouvert sur toute autre page que la sienne. */
function LiveBadge() {
  const { session, state } = useLive();
  const [path] = useLocation();
  const elapsed = useElapsed();
  const open = state.phase === "connecting" || state.phase === "listening";
  if (!open || path === PLACE) return null;
  return (
    <Paper elevation={6} component="aside" aria-label={T.title} data-testid="live-badge" sx={BADGE}>
      <Icon path={mdiMicrophone} color="error" fontSize="small" />
      <Link href={`#${PLACE}`} color="inherit" title={T.back}>
        {T.badge(stopwatch(elapsed ?? 0))}
      </Link>
      <Act label={T.stop} color="error" onClick={() => void session.stop()} testId="live-badge-stop" />
    </Paper>
  );
}

const BADGE = {
  position: "fixed",
  right: 16,
  bottom: { xs: 72, md: 16 },
  // Sous une boîte de dialogue, dont il couvrirait les boutons.
  zIndex: "fab",
  display: "flex",
  alignItems: "center",
  gap: 1,
  pl: 2,
  pr: 1,
  py: 0.5,
  borderRadius: 8,
} as const;
