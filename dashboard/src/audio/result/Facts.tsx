import { Typography } from "@mui/material";
import { seconds } from "../../format";
import type { AudioResult } from "../job/events";
import { languageName, T } from "../texts";

/** Ce que l'on sait d'un résultat : sa langue, ce qu'il a coûté, ce qui n'a pas été reconnu. */
export function Facts({ result, elapsed }: { result: AudioResult; elapsed: number | undefined }) {
  const { language, language_probability: sure, language_assumed: assumed, duration, coverage } = result;
  const unheard = coverage?.speech_without_words.length ?? 0;
  const facts = [
    language && languageFact(languageName(language), sure, assumed),
    elapsed && T.speed(elapsed < 10 ? `${decimal(elapsed)} s` : seconds(elapsed), decimal(duration / elapsed)),
    // Une diarisation ne cherche pas de mots.
    result.segments && unheard > 0 && T.unheard(unheard),
  ];
  return (
    <Typography variant="body2" color="textSecondary" data-testid="audio-end">
      {facts.filter(Boolean).join(" · ")}
    </Typography>
  );
}

function languageFact(name: string, sure: number | undefined, assumed: boolean | undefined): string {
  return assumed
    ? T.languageAssumed(name)
    : T.languageFound(name, sure === undefined ? undefined : Math.round(100 * sure));
}

function decimal(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0).replace(".", ",");
}
