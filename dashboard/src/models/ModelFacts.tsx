import { Box, Typography } from "@mui/material";
import { memory } from "../format";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { T } from "./texts";

const SHORT_COMMIT = 7;

/** Ce qu'on sait d'un modèle, chargé ou non : taille, origine, licence, moteur. */
export function ModelFacts({ model }: { model: Model }) {
  return (
    <Box component="dl" sx={{ display: "grid", gridTemplateColumns: "auto 1fr", columnGap: 2, rowGap: 0.25, m: 0 }}>
      {factsOf(model).map(([name, value]) => (
        <Box key={name} sx={{ display: "contents" }}>
          <Typography component="dt" variant="body2" color="textSecondary">
            {name}
          </Typography>
          <Typography component="dd" variant="body2" sx={{ m: 0, overflowWrap: "anywhere" }}>
            {value}
          </Typography>
        </Box>
      ))}
    </Box>
  );
}

function factsOf(model: Model): [string, string][] {
  const { source, engine } = model;
  const facts: [string, string][] = [[T.facts.size, sizeOf(model)]];
  if (source?.repository) {
    const name = source.kind === "package" ? T.facts.package(source.repository) : source.repository;
    const commit = source.commit && T.facts.commit(source.commit.slice(0, SHORT_COMMIT));
    facts.push([T.facts.origin, name]);
    facts.push([T.facts.revision, [source.revision, commit].filter(Boolean).join(" · ")]);
  }
  if (source?.license) facts.push([T.facts.license, source.license]);
  facts.push([T.facts.engine, engine]);
  return facts;
}

/** Taille des poids, là ou à venir : le badge dit s'ils y sont, et ce qui est déjà copié se lit près du bouton. */
export function sizeOf({ artifactsCached, cachedBytes, totalBytes }: Model): string {
  const size = artifactsCached ? cachedBytes : totalBytes;
  return size > 0 ? memory(size) : T.facts.sizeUnknown;
}
