import { Box, Typography } from "@mui/material";
import { bytes } from "../format";
import { T } from "../fr";
import { type Model, ModelState } from "../gen/passerelle/v1/admin_pb";

/** Ce qu'on sait d'un modèle : sa taille, son moteur, et sa charge quand il est prêt. */
export function ModelFacts({ model }: { model: Model }) {
  return (
    <Box component="dl" sx={{ display: "grid", gridTemplateColumns: "auto 1fr", columnGap: 2, rowGap: 0.25, my: 1.5 }}>
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
  const facts: [string, string][] = [
    [T.facts.size, size(model)],
    [T.facts.engine, model.engine],
  ];
  if (model.source?.license) facts.push([T.facts.license, model.source.license]);
  if (model.state === ModelState.READY) {
    const total = (value: (replica: Model["replicas"][number]) => number) =>
      model.replicas.reduce((sum, replica) => sum + value(replica), 0);
    const running = total((replica) => replica.runningRequests);
    const waiting = total((replica) => replica.waitingRequests);
    facts.push([T.facts.memory, bytes(total((replica) => replica.residentBytes))]);
    facts.push([T.facts.requests, T.facts.requestCount(running, waiting)]);
  }
  return facts;
}

function size({ artifactsCached, cachedBytes, totalBytes }: Model): string {
  if (artifactsCached) return bytes(cachedBytes);
  if (cachedBytes > 0) return T.facts.sizePartial(bytes(cachedBytes), bytes(totalBytes));
  return T.facts.sizeMissing(bytes(totalBytes));
}
