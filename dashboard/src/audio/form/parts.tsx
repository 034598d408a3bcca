import { Alert, Box, Link, Paper, Stack, Typography } from "@mui/material";
import { type ComponentProps, type ReactNode, useId } from "react";
import { Link as RouteLink } from "wouter";
import { STATES } from "../../fr";
import { type Model, ModelState } from "../../gen/passerelle/v1/model_pb";
import { OperationProgressBar } from "../../models/progress/OperationPanel";
import { Choice, Hint, Note, Tag, Told } from "../../shell/kit";
import { RequestSnippets, type SnippetTexts } from "../../snippets/Snippets";
import { type ServerAccess, thisServer } from "../../snippets/sketch";
import { useKeyed } from "../../status/StatusProvider";
import { languageName, T } from "../texts";

/** Hauteur de la barre de menu d'un téléphone, en pixels. */
const MENU_PX = 48;

/** Ce que l'on lance, et ce qui en advient ; `held` : la barre reste au bas de l'écran tant que sa carte s'y voit. */
export function ActionBar({ held, children }: { held: boolean; children: ReactNode }) {
  const place = { position: held ? "sticky" : "static", bottom: { xs: MENU_PX, md: 0 }, zIndex: 1 };
  return (
    <Stack
      spacing={1.5}
      data-testid="action-bar"
      sx={{ ...place, py: 1.5, borderTop: 1, borderColor: "divider", bgcolor: "background.paper" }}
    >
      {children}
    </Stack>
  );
}

/** Une carte de la page, avec son titre ; `id` : où l'on peut être mené. */
export function Section(props: { id?: string; title: string; side?: ReactNode; children: ReactNode }) {
  const heading = useId();
  return (
    <Paper
      id={props.id}
      variant="outlined"
      component="section"
      aria-labelledby={heading}
      // L'en-tête reste à l'écran : on n'arrive pas dessous.
      sx={{ p: { xs: 2, sm: 3 }, minWidth: 0, scrollMarginTop: 96 }}
    >
      <Stack spacing={2}>
        <Stack direction="row" spacing={1} sx={{ alignItems: "center", justifyContent: "space-between" }}>
          <Typography id={heading} variant="h2">
            {props.title}
          </Typography>
          {props.side}
        </Stack>
        {props.children}
      </Stack>
    </Paper>
  );
}

const HINTS: Partial<Record<ModelState, string>> = {
  [ModelState.CACHED]: T.willLoad,
  [ModelState.ASLEEP]: T.willLoad,
  [ModelState.UNAVAILABLE]: T.willDownload,
};

interface ModelLineProps {
  label: string;
  models: Model[];
  model: Model | undefined;
  disabled: boolean;
  /** Absent : ce modèle ne se choisit pas. */
  onChoose?: ((key: string) => void) | undefined;
  testId: string;
}

/** Le modèle qui servira, son état en direct, et le choix s'il y en a plusieurs. */
export function ModelLine({ label, models, model, disabled, onChoose, testId }: ModelLineProps) {
  if (!model) return null;
  const { key, operation, lastError, state } = model;
  const hint = HINTS[state];
  const color = state === ModelState.READY ? "success.main" : "text.disabled";
  return (
    <Box data-testid={testId}>
      <Stack direction="row" spacing={1} sx={{ alignItems: "center" }}>
        {onChoose && models.length > 1 ? (
          <Choice
            fullWidth
            label={label}
            value={key}
            options={models.map((one) => [one.key, one.displayName || one.key])}
            disabled={disabled}
            onChoose={onChoose}
          />
        ) : (
          <Box sx={{ minWidth: 0, flexGrow: 1 }}>
            <Hint>{label}</Hint>
            <Typography variant="body2" sx={{ overflowWrap: "anywhere" }}>
              {model.displayName || key}
            </Typography>
          </Box>
        )}
        <Tag
          icon={<Box component="span" sx={{ width: 8, height: 8, borderRadius: "50%", bgcolor: "currentColor" }} />}
          label={STATES[state]}
          data-testid={`audio-state-${key}`}
          sx={{ fontWeight: 600, "& .MuiChip-icon": { color, ml: 1, mr: -0.25 } }}
        />
      </Stack>
      {operation ? (
        <Box sx={{ display: "flex", mt: 1 }} data-testid="audio-operation">
          <OperationProgressBar operation={operation} />
        </Box>
      ) : lastError ? (
        <Alert severity="warning" sx={{ mt: 1 }}>
          {lastError.message}
        </Alert>
      ) : (
        hint && (
          <Note sx={{ mt: 0.5 }}>
            {hint}{" "}
            {state === ModelState.UNAVAILABLE && (
              <Link component={RouteLink} href="/">
                {T.toModels}
              </Link>
            )}
          </Note>
        )
      )}
    </Box>
  );
}

interface LanguageProps extends Omit<ComponentProps<typeof Choice>, "label" | "options"> {
  /** Ce que le modèle annonce. */
  capabilities: { languages: readonly string[]; features: readonly string[] } | undefined;
}

/** La langue parlée ; rien si le modèle n'en annonce aucune. */
export function LanguageChoice({ capabilities, ...rest }: LanguageProps) {
  if (!capabilities?.languages.length) return null;
  const { languages, features } = capabilities;
  const known = languages
    .map((code) => [code, languageName(code)] as const)
    .toSorted(([, a], [, b]) => a.localeCompare(b, "fr"));
  const unsaid = features.includes("language_detection") ? T.detect : T.modelLanguage;
  return <Choice fullWidth label={T.language} options={[["", unsaid], ...known]} {...rest} />;
}

interface BenchProps {
  /** Pourquoi le serveur ne dit pas ce qu'il sait faire. */
  failure: string | undefined;
  /** Ce que l'on demande, puis ce qui en sort. */
  asked: ReactNode;
  given: ReactNode;
  testId: string;
}

/** Les deux colonnes d'une page qui essaie l'audio. */
export function Bench({ failure, asked, given, testId }: BenchProps) {
  const columns = { xs: "minmax(0, 1fr)", lg: "minmax(0, 5fr) minmax(0, 8fr)" };
  return (
    <Box data-testid={testId} sx={{ display: "grid", gap: 3, alignItems: "start", gridTemplateColumns: columns }}>
      <Stack spacing={3} sx={{ minWidth: 0 }}>
        <Told severity="error" text={failure} />
        {asked}
      </Stack>
      <Stack spacing={3} sx={{ minWidth: 0 }}>
        {given}
      </Stack>
    </Box>
  );
}

interface RequestCardProps<Request> {
  /** Requête du travail montré. */
  sent: Request | undefined;
  /** Celle que les réglages donnent à présent. */
  next: Request | undefined;
  write: (request: Request, target: ServerAccess) => SnippetTexts;
  help: string;
  testId: string;
}

/** La même requête, à écrire soi-même. */
export function RequestCard<Request>({ sent, next, write, help, testId }: RequestCardProps<Request>) {
  const server = thisServer(useKeyed());
  return (
    <Section title={T.request}>
      <RequestSnippets
        sent={sent && write(sent, server)}
        next={next && write(next, server)}
        help={help}
        testId={testId}
      />
    </Section>
  );
}
