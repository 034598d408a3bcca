import { Alert, Box, Paper, Stack, Table, TableBody, TableCell, TableHead, TableRow, Typography } from "@mui/material";
import { CAPABILITIES } from "../fr";
import type { Limits, ModelCapabilities } from "../gen/passerelle/v1/limits_pb";
import { CARDS, Choice, FactList, Field, Note, Part, Tag, Told } from "../shell/kit";
import { useQuery } from "../shell/useQuery";
import { CopyButton } from "../snippets/CopyButton";
import { useCapabilities, useKeyed, useServer } from "../status/StatusProvider";
import { FamilyCard } from "./FamilyCard";
import { LIMITS } from "./limits";
import { familiesOf, hostsOf } from "./routes";
import { finder } from "./search";
import { FEATURES, GROUPS, T } from "./texts";

const PAPER = { bgcolor: "background.paper", borderRadius: 1 };

/** Où joindre chaque capacité, avec quelle clé, et dans quelles limites. */
export function EndpointsPage() {
  const { known, failure } = useCapabilities();
  const { status } = useServer();
  const keyed = useKeyed();
  const { get, set } = useQuery();
  if (!known) {
    return failure ? <Alert severity="error">{failure}</Alert> : <Typography role="status">{T.loading}</Typography>;
  }
  const hosts = hostsOf(known.endpoints);
  const host = hosts.find((one) => one === get("hote")) ?? "";
  const query = get("cherche");
  const found = finder(query);
  const families = familiesOf(known.endpoints, host)
    .map(({ group, routes }) => ({
      group,
      routes: routes.filter(({ name, method, path }) => found(GROUPS[group].title, name, method, path)),
    }))
    .filter(({ routes }) => routes.length > 0);
  const limits =
    known.limits && LIMITS.some(([family, rows]) => rows.some(([label]) => found(T.limits, family, label)));
  const keys = { apiKeyRequired: keyed, adminKeyRequired: status?.adminKeyRequired ?? false };
  return (
    <Stack spacing={3}>
      <Stack spacing={2}>
        <Typography variant="h2">{T.title}</Typography>
        <Typography color="textSecondary">
          {keys.apiKeyRequired || keys.adminKeyRequired ? T.keyHelp.some : T.keyHelp.none}
        </Typography>
        <Told
          severity="info"
          variant="outlined"
          sx={{ bgcolor: "background.paper" }}
          testId="endpoint-elsewhere"
          text={!hosts.includes(location.hostname) && T.elsewhere(location.host)}
        />
        <Stack direction={{ xs: "column", sm: "row" }} spacing={2}>
          <Field
            type="search"
            label={T.search}
            value={query}
            onText={(text) => set("cherche", text)}
            sx={{ ...PAPER, flexGrow: 1, maxWidth: 480 }}
            testId="endpoint-search"
          />
          {hosts.length > 1 && (
            <Choice
              label={T.host}
              value={host}
              onChoose={(one) => set("hote", one)}
              sx={{ ...PAPER, maxWidth: 320 }}
              options={[["", T.allHosts], ...hosts.map((one) => [one, one] as const)]}
              testId="endpoint-host"
            />
          )}
        </Stack>
      </Stack>
      <Box sx={{ columns: { xs: 1, xl: 2 }, columnGap: 2 }}>
        {families.map((family) => (
          <FamilyCard key={family.group} family={family} models={known.models} keys={keys} searched={query !== ""} />
        ))}
      </Box>
      {families.length === 0 && !limits && (
        <Typography role="status" data-testid="endpoint-none">
          {T.noMatch(query)}
        </Typography>
      )}
      {!query && <ModelFeatures models={known.models} />}
      {known.limits && <LimitsTable limits={known.limits} found={found} />}
    </Stack>
  );
}

/** Toutes les limites que rencontre un client, ou celles qu'une recherche garde. */
function LimitsTable({ limits, found }: { limits: Limits; found: (...texts: string[]) => boolean }) {
  const families = LIMITS.map(
    ([family, rows]) => [family, rows.filter(([label]) => found(T.limits, family, label))] as const,
  ).filter(([, rows]) => rows.length > 0);
  if (families.length === 0) return null;
  return (
    <Box component="section" aria-labelledby="limits-title">
      <Typography id="limits-title" variant="h2">
        {T.limits}
      </Typography>
      <Note sx={{ mb: 1.5 }}>{T.limitsHelp}</Note>
      <Box sx={{ columns: { xs: 1, lg: 2 }, columnGap: 2 }}>
        {families.map(([family, rows]) => (
          <Paper key={family} variant="outlined" sx={{ breakInside: "avoid", mb: 2, overflow: "hidden" }}>
            <Table size="small">
              <TableHead>
                <TableRow>
                  <TableCell component="th" colSpan={2} scope="colgroup" sx={{ fontWeight: 650 }}>
                    {family}
                  </TableCell>
                </TableRow>
              </TableHead>
              <TableBody>
                {rows.map(([label, value]) => (
                  <TableRow key={label} data-testid="limit" sx={{ "&:last-child > *": { borderBottom: 0 } }}>
                    <TableCell component="th" scope="row">
                      {label}
                    </TableCell>
                    <TableCell align="right">{value(limits)}</TableCell>
                  </TableRow>
                ))}
              </TableBody>
            </Table>
          </Paper>
        ))}
      </Box>
    </Box>
  );
}

const NUMBER = new Intl.NumberFormat("fr-FR");
const LANGUAGE = new Intl.DisplayNames("fr", { type: "language" });

/** Ce que chaque modèle accepte : noms, langues, options. */
function ModelFeatures({ models }: { models: ModelCapabilities[] }) {
  return (
    <Part title={T.models}>
      <Box sx={CARDS}>
        {models.map((model) => (
          <Paper key={model.key} variant="outlined" sx={{ p: 2 }} data-testid={`features-${model.key}`}>
            <Stack direction="row" spacing={1} sx={{ alignItems: "center", mb: 1 }}>
              <Typography variant="h3">{model.key}</Typography>
              <CopyButton compact text={model.key} label={T.copyName(model.key)} />
              <Note>{CAPABILITIES[model.capability]}</Note>
            </Stack>
            <FactList facts={factsOf(model)} />
            <Stack direction="row" spacing={0.5} useFlexGap sx={{ flexWrap: "wrap", mt: 1.5 }}>
              {model.features.map((feature) => (
                <Tag key={feature} label={FEATURES[feature] ?? feature} />
              ))}
            </Stack>
          </Paper>
        ))}
      </Box>
    </Part>
  );
}

function factsOf({ aliases, languages, contextTokens }: ModelCapabilities): [string, string][] {
  return [
    [T.aliases, aliases.join(", ")],
    [T.languages, languages.map(languageOf).join(", ") || T.unknownLanguages],
    [T.context, contextTokens ? T.tokens(NUMBER.format(contextTokens)) : ""],
  ];
}

function languageOf(code: string): string {
  try {
    return `${LANGUAGE.of(code)} (${code})`;
  } catch {
    return code;
  }
}
