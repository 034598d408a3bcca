import { Typography } from "@mui/material";
import { seconds } from "../../format";
import { T } from "../texts";
import { MAX_DECODED_SECONDS, type Wave } from "../wave/read";

/** Où en est l'onde, ou pourquoi elle manque ; rien quand elle est dessinée. */
export function WaveNote({ wave }: { wave: Wave }) {
  if (wave.state === "ready") return null;
  const said = {
    reading: () => T.wave.reading(Math.round(100 * ("ratio" in wave ? wave.ratio : 0))),
    long: () => T.wave.long(seconds(MAX_DECODED_SECONDS)),
    unreadable: () => T.wave.unreadable,
  }[wave.state === "reading" ? "reading" : wave.why];
  return (
    <Typography variant="body2" color="textSecondary" data-testid="audio-wave-note">
      {said()}
    </Typography>
  );
}
