import { Alert, Typography } from "@mui/material";
import { useMemo, useState } from "react";
import { Section } from "../form/Section";
import type { Source } from "../job/session";
import type { Desk } from "../job/useDesk";
import { Passages } from "../play/Passages";
import { Player } from "../play/Player";
import { Timeline } from "../play/Timeline";
import { usePlayer } from "../play/usePlayer";
import { T } from "../texts";
import { Downloads } from "./Downloads";
import { Facts } from "./Facts";
import { lanesOf, type Passage, passagesOf } from "./lanes";
import { WaveNote } from "./WaveNote";

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
      {failed && (
        <Alert severity="info" data-testid="audio-unplayable">
          {T.unplayable}
        </Alert>
      )}
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
      {result && passages.length === 0 && <Alert severity="info">{T.empty}</Alert>}
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
      {renamed && (
        <Typography variant="caption" color="textSecondary">
          {T.labelsKept}
        </Typography>
      )}
    </Section>
  );
}
