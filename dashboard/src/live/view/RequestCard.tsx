import { Typography } from "@mui/material";
import { useMemo } from "react";
import { Section } from "../../audio/form/Section";
import type { ModelCapabilities } from "../../gen/passerelle/v1/admin_pb";
import { Snippets } from "../../snippets/Snippets";
import { thisServer } from "../../snippets/server";
import { useKeyed } from "../../status/useKeyed";
import { snippetsOf } from "../snippets";
import { T } from "../texts";

/** Le même flux, à ouvrir soi-même. */
export function RequestCard({ capabilities, language }: { capabilities: ModelCapabilities; language: string }) {
  const keyed = useKeyed();
  const snippets = useMemo(
    () => snippetsOf(capabilities, language, thisServer(keyed)),
    [capabilities, language, keyed],
  );
  return (
    <Section title={T.request}>
      <Typography variant="body2" color="textSecondary">
        {T.requestHelp} {T.requestPackages}
      </Typography>
      <Snippets snippets={snippets} testId="live-snippets" />
    </Section>
  );
}
