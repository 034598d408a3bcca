import { Alert, Button, Typography } from "@mui/material";
import { Section } from "../../audio/form/Section";
import { Downloads } from "../../audio/result/Downloads";
import type { State } from "../session/session";
import { resultOf } from "../session/transcript";
import { T } from "../texts";
import type { Studio } from "../useStudio";
import { Facts } from "./Facts";
import { Lines } from "./Lines";

/** Le texte, à mesure qu'il vient, et ce qu'on en emporte. */
export function TranscriptCard({ studio: { session, state, busy } }: { studio: Studio }) {
  const { transcript } = state;
  const { finals, partial, unheard } = transcript;
  const result = resultOf(transcript);
  const empty = finals.length === 0 && !partial;
  const clear = !busy && !empty && (
    <Button size="small" color="inherit" onClick={session.clear} data-testid="live-clear">
      {T.clear}
    </Button>
  );
  return (
    <Section title={T.transcript} side={clear}>
      {empty ? (
        <Typography color="textSecondary" data-testid="live-empty" sx={{ py: 3 }}>
          {emptyText(state)}
        </Typography>
      ) : (
        <Lines finals={finals} partial={partial} />
      )}
      <Facts state={state} />
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
