import { RequestSnippets } from "../snippets/RequestSnippets";
import { thisServer } from "../snippets/sketch";
import { useKeyed } from "../status/useKeyed";
import { Section } from "./form/Section";
import type { AudioRequest } from "./job/request";
import { snippetsFor } from "./job/snippets";
import { T } from "./texts";

interface Props {
  /** Requête du travail montré. */
  sent: AudioRequest | undefined;
  /** Celle que les réglages donnent à présent. */
  next: AudioRequest | undefined;
  file: string;
}

/** La même requête, à écrire soi-même. */
export function RequestCard({ sent, next, file }: Props) {
  const keyed = useKeyed();
  const write = (request: AudioRequest | undefined) => request && snippetsFor(request, file, thisServer(keyed));
  return (
    <Section title={T.request}>
      <RequestSnippets sent={write(sent)} next={write(next)} help={T.requestHelp} testId="audio-snippets" />
    </Section>
  );
}
