import { useMemo, useState } from "react";
import { seconds } from "../../format";
import { Hint, Note, Told } from "../../shell/kit";
import { Section } from "../form/parts";
import type { AudioResult } from "../job/send";
import type { Source } from "../job/session";
import type { Desk } from "../job/useDesk";
import { Passages } from "../play/Passages";
import { Player, usePlayer } from "../play/Player";
import { Timeline } from "../play/Timeline";
import { languageName, T } from "../texts";
import { MAX_DECODED_SECONDS, type Wave } from "../wave/wave";
import { Downloads } from "./Downloads";
import { doubtsOf, lanesOf, type Passage, passagesOf } from "./lanes";

/** Où aller voir un résultat. */
export const RESULT_ID = "resultat";

/** Ce que l'on entend, ce que le serveur en dit à mesure, et ce que l'on emporte. */
export function ResultCard({ desk, source }: { desk: Desk; source: Source }) {
  const { session, state } = desk;
  const { job, names, options } = state;
  const [player] = useState(() => new Player());
  const failed = usePlayer(player, ({ failed }) => failed);
  const result = job?.result;
  const passages = useMemo<Passage[]>(
    () => (result ? passagesOf(result, options.exclusive) : (job?.segments ?? [])),
    [result, options.exclusive, job?.segments],
  );
  const lanes = useMemo(() => lanesOf(passages), [passages]);
  const speakers = useMemo(() => lanes.map(({ speaker }) => speaker), [lanes]);
  const nameOf = (speaker: string) => names[speaker] || speaker;
  const { wave } = source;
  const drawn = wave.state === "ready" ? wave : undefined;
  const duration = result?.duration ?? drawn?.duration ?? source.duration;
  const renamed = Object.values(names).some(Boolean);

  return (
    <Section id={RESULT_ID} title={job ? T.result : T.player}>
      {/* biome-ignore lint/a11y/useMediaCaption: le texte est ce que cette page calcule. */}
      <audio ref={player.attach} src={source.url} preload="metadata" data-testid="audio-player" />
      <Told severity="info" testId="audio-unplayable" text={failed && T.unplayable} />
      {duration ? (
        <Timeline
          player={player}
          peaks={drawn?.peaks}
          duration={duration}
          lanes={lanes}
          nameOf={nameOf}
          onRename={session.rename}
        />
      ) : null}
      <WaveNote wave={wave} />
      <Told severity="info" text={result && passages.length === 0 && T.empty} />
      {passages.length > 0 && (
        <Passages
          label={result?.turns ? T.turns : T.segments}
          passages={passages}
          speakers={speakers}
          nameOf={nameOf}
          words={options.words}
          player={player}
        />
      )}
      {result && <Facts result={result} elapsed={job.elapsed} />}
      {result && job.json && <Downloads audio={source.file.name} result={result} json={job.json} page="audio" />}
      {renamed && <Hint>{T.labelsKept}</Hint>}
    </Section>
  );
}

/** Ce que l'on sait d'un résultat : sa langue, ce qu'il a coûté, ce qui n'a pas été reconnu. */
export function Facts({ result, elapsed }: { result: AudioResult; elapsed: number | undefined }) {
  const { language, language_probability: sure, language_assumed: assumed, duration, coverage } = result;
  const unheard = coverage?.speech_without_words.length ?? 0;
  const doubts = doubtsOf(result.segments ?? []);
  const facts = [
    language && languageFact(languageName(language), sure, assumed),
    elapsed && T.speed(elapsed < 10 ? `${decimal(elapsed)} s` : seconds(elapsed), decimal(duration / elapsed)),
    // Une diarisation ne cherche pas de mots.
    result.segments && unheard > 0 && T.unheard(unheard),
    doubts > 0 && T.doubts(doubts),
  ];
  return <Note data-testid="audio-end">{facts.filter(Boolean).join(" · ")}</Note>;
}

function languageFact(name: string, sure: number | undefined, assumed: boolean | undefined): string {
  return assumed
    ? T.languageAssumed(name)
    : T.languageFound(name, sure === undefined ? undefined : Math.round(100 * sure));
}

function decimal(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0).replace(".", ",");
}

/** Où en est l'onde, ou pourquoi elle manque ; rien quand elle est dessinée. */
export function WaveNote({ wave }: { wave: Wave }) {
  if (wave.state === "ready") return null;
  const said = {
    reading: () => T.wave.reading(Math.round(100 * ("ratio" in wave ? wave.ratio : 0))),
    long: () => T.wave.long(seconds(MAX_DECODED_SECONDS)),
    unreadable: () => T.wave.unreadable,
  }[wave.state === "reading" ? "reading" : wave.why];
  return <Note data-testid="audio-wave-note">{said()}</Note>;
}
