import { Alert, Box, Tooltip, Typography } from "@mui/material";
import { useEffect, useRef } from "react";
import { Section } from "../audio/form/parts";
import type { Segment } from "../audio/job/send";
import { Doubtful } from "../audio/result/Doubtful";
import { Downloads } from "../audio/result/Downloads";
import { colorOf, doubtsOf } from "../audio/result/lanes";
import { T as AUDIO, languageName } from "../audio/texts";
import { Act, Hint } from "../shell/kit";
import type { State } from "./session/session";
import { type Piece, partsOf, resultOf } from "./session/transcript";
import { T } from "./texts";
import { type Studio, stopwatch, useElapsed } from "./useLive";

/** Le texte, à mesure qu'il vient, et ce qu'on en emporte. */
export function TranscriptCard({ studio: { session, state, busy } }: { studio: Studio }) {
  const { transcript } = state;
  const { finals, partial, speaker, unheard } = transcript;
  const result = resultOf(transcript);
  const doubts = doubtsOf(finals);
  const empty = finals.length === 0 && !partial;
  const clear = !busy && !empty && <Act label={T.clear} color="inherit" onClick={session.clear} testId="live-clear" />;
  return (
    <Section title={T.transcript} side={clear}>
      {empty ? (
        <Typography color="textSecondary" data-testid="live-empty" sx={{ py: 3 }}>
          {emptyText(state)}
        </Typography>
      ) : (
        <Lines finals={finals} partial={partial} speaker={speaker} />
      )}
      <Facts state={state} />
      {doubts > 0 && <Hint data-testid="live-doubts">{AUDIO.doubts(doubts)}</Hint>}
      {unheard > 0 && <Alert severity="info">{T.unheard(unheard)}</Alert>}
      {!busy && finals.length > 0 && (
        <Downloads audio="direct" result={result} json={`${JSON.stringify(result, null, 2)}\n`} page="live" />
      )}
    </Section>
  );
}

/** Pourquoi rien n'est écrit : rien n'est dit, ou le texte tarde. */
function emptyText({ phase, late, transcript, failure }: State): string {
  if (late > 0) return T.lateWords(late);
  if (phase === "listening") return transcript.speaking ? T.hearing : T.waitingWords;
  return phase === "done" && !failure ? T.nothing : T.hint;
}

/** Pixels du bas où l'on est encore « à la fin ». */
const NEAR = 48;

/** Les phrases finies, avec leur instant, puis le texte provisoire ; suit la fin, sauf si on est remonté lire. */
export function Lines({ finals, partial, speaker }: { finals: Segment[]; partial: string; speaker?: string }) {
  const parts = finals.flatMap((final) =>
    partsOf(final).map((part, rank) => ({ ...part, key: `${final.index}-${rank}` })),
  );
  // Une couleur par locuteur, dans l'ordre de leur entrée : une correction ne change que celle des mots qu'elle nomme.
  const order = [...new Set(parts.map((part) => part.speaker))];
  const color = (who: string | undefined) => (who === undefined ? undefined : colorOf(order.indexOf(who)));
  const box = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: chaque changement du texte peut l'allonger.
  useEffect(() => {
    if (box.current && following.current) box.current.scrollTop = box.current.scrollHeight;
  }, [finals, partial]);
  return (
    <Box
      ref={box}
      // Elle défile : le clavier doit pouvoir y entrer.
      tabIndex={0}
      role="region"
      aria-label={T.newest}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        following.current = scrollHeight - scrollTop - clientHeight < NEAR;
      }}
      sx={{ maxHeight: { xs: 360, lg: 480 }, overflowY: "auto", fontSize: "1.05rem", lineHeight: 1.6 }}
    >
      <Box role="log" aria-label={T.transcript} data-testid="live-finals">
        {parts.map(({ key, speaker: who, start, text, pieces }, rank) => (
          <Line
            key={key}
            at={stopwatch(start)}
            color={color(who)}
            // Le nom ne se redit pas d'une phrase à la suivante.
            name={parts[rank - 1]?.speaker === who ? undefined : who}
          >
            {pieces ? <Pieces pieces={pieces} /> : text.trim()}
          </Line>
        ))}
      </Box>
      {partial && (
        <Line at="…" color={color(speaker)}>
          <Box component="span" data-testid="live-partial" sx={{ color: "text.secondary", fontStyle: "italic" }}>
            {partial}
          </Box>
        </Line>
      )}
    </Box>
  );
}

function Pieces({ pieces }: { pieces: Piece[] }) {
  return pieces.map(({ text, doubt }, rank) =>
    doubt ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: les mots d'une phrase finie ne changent pas de rang.
      <Doubtful key={rank} confidence={doubt.confidence}>
        {text}
      </Doubtful>
    ) : (
      text
    ),
  );
}

interface LineProps {
  at: string;
  color?: string;
  name?: string;
  children: React.ReactNode;
}

function Line({ at, color, name, children }: LineProps) {
  return (
    <Box sx={{ display: "grid", gridTemplateColumns: "3.5rem minmax(0, 1fr)", py: 0.5 }}>
      <Hint component="span" sx={{ pt: 0.4 }}>
        {at}
      </Hint>
      <Box
        component="span"
        style={{ borderLeftColor: color }}
        sx={{ overflowWrap: "anywhere", ...(color && { borderLeft: "3px solid", pl: 1 }) }}
      >
        {name && (
          <Hint component="span" sx={{ display: "block", fontWeight: 600 }}>
            {name}
          </Hint>
        )}
        {children}
      </Box>
    </Box>
  );
}

/** Durée, latence, langue et modèle du flux ; rien avant lui. */
export function Facts({ state: { transcript, latency } }: { state: State }) {
  const elapsed = useElapsed();
  if (elapsed === undefined) return null;
  const { language, model } = transcript;
  return (
    <Box component="dl" sx={{ display: "flex", flexWrap: "wrap", columnGap: 4, rowGap: 1, m: 0 }}>
      <Fact name={T.facts.elapsed} value={stopwatch(elapsed)} testId="live-elapsed" />
      {latency !== undefined && (
        <Fact
          name={T.facts.latency}
          value={T.latency(latency.toFixed(1).replace(".", ","))}
          help={T.latencyHelp}
          testId="live-latency"
        />
      )}
      {language && <Fact name={T.facts.language} value={languageName(language)} testId="live-language-found" />}
      {model && <Fact name={T.facts.model} value={model} />}
    </Box>
  );
}

function Fact({ name, value, help, testId }: { name: string; value: string; help?: string; testId?: string }) {
  return (
    <div>
      <Tooltip title={help ?? ""}>
        <Hint component="dt">{name}</Hint>
      </Tooltip>
      <Typography component="dd" data-testid={testId} sx={{ m: 0, fontWeight: 600 }}>
        {value}
      </Typography>
    </div>
  );
}
