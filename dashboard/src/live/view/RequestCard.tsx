import { Section } from "../../audio/form/Section";
import type { StreamTranscribeConfig } from "../../gen/passerelle/v1/transcribe_pb";
import { RequestSnippets } from "../../snippets/RequestSnippets";
import { thisServer } from "../../snippets/sketch";
import { useKeyed } from "../../status/useKeyed";
import { configFor } from "../session/request";
import { snippetsOf } from "../snippets";
import { T } from "../texts";
import type { Studio } from "../useStudio";

/** Le même flux, à ouvrir soi-même. */
export function RequestCard({ studio: { state, capabilities } }: { studio: Studio }) {
  const keyed = useKeyed();
  const write = (config: StreamTranscribeConfig | undefined) => config && snippetsOf(config, thisServer(keyed));
  // La fréquence, que seul le microphone ouvert connaît, n'est pas dans les extraits : ils prennent celle du fichier.
  const next = capabilities && configFor(capabilities, state.options.language, 0);
  return (
    <Section title={T.request}>
      <RequestSnippets
        sent={write(state.sent)}
        next={write(next)}
        help={`${T.requestHelp} ${T.requestPackages}`}
        testId="live-snippets"
      />
    </Section>
  );
}
