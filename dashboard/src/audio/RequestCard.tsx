import { Typography } from "@mui/material";
import { useMemo } from "react";
import { Snippets } from "../snippets/Snippets";
import { thisServer } from "../snippets/server";
import { useKeyed } from "../status/useKeyed";
import { Section } from "./form/Section";
import type { AudioRequest } from "./job/request";
import { snippetsFor } from "./job/snippets";
import { T } from "./texts";

/** La même requête, à écrire soi-même. */
export function RequestCard({ request, file }: { request: AudioRequest; file: string }) {
  const keyed = useKeyed();
  const snippets = useMemo(() => snippetsFor(request, file, thisServer(keyed)), [request, file, keyed]);
  return (
    <Section title={T.request}>
      <Typography variant="body2" color="textSecondary">
        {T.requestHelp}
      </Typography>
      <Snippets snippets={snippets} testId="audio-snippets" />
    </Section>
  );
}
