import { Box, Stack, Tab, Tabs, ToggleButton, ToggleButtonGroup, useMediaQuery } from "@mui/material";
import { useId, useRef, useState } from "react";
import { MONOSPACE, Note } from "../shell/kit";
import { CopyButton } from "./CopyButton";
import { LANGUAGES, T } from "./texts";

export type Language = keyof typeof LANGUAGES;

/** La même requête, dans chaque langage où elle s'écrit. Aucun extrait ne porte de clé : `PASSERELLE_KEY` la donne. */
export type SnippetTexts = Partial<Record<Language, string>>;

// D'une page à l'autre, on garde le langage qu'on lit.
let preferred: Language = "curl";

/** Des extraits à copier, un onglet par langage. */
export function Snippets({ snippets, testId = "snippets" }: { snippets: SnippetTexts; testId?: string }) {
  const id = useId();
  const narrow = useMediaQuery("(max-width: 599px)");
  const code = useRef<HTMLPreElement>(null);
  const [wanted, setWanted] = useState<Language>(preferred);
  const offered = (Object.keys(LANGUAGES) as Language[]).filter((language) => snippets[language] !== undefined);
  const language = offered.includes(wanted) ? wanted : offered[0];
  if (!language) return null;
  const text = snippets[language] ?? "";
  return (
    <Box data-testid={testId} sx={{ border: 1, borderColor: "divider", borderRadius: 1, overflow: "hidden" }}>
      <Stack
        direction="row"
        sx={{ alignItems: "center", justifyContent: "space-between", borderBottom: 1, borderColor: "divider", pr: 1 }}
      >
        <Tabs
          value={language}
          onChange={(_event, next: Language) => {
            preferred = next;
            setWanted(next);
          }}
          variant="scrollable"
          // Ses flèches restent parfois affichées quand la page s'élargit ; le doigt et le clavier suffisent.
          scrollButtons={false}
          aria-label={T.languages}
          sx={{ minHeight: 40, minWidth: 0 }}
        >
          {offered.map((one) => (
            <Tab
              key={one}
              value={one}
              label={LANGUAGES[one]}
              id={`${id}-${one}`}
              aria-controls={`${id}-code`}
              data-testid={`${testId}-${one}`}
              sx={{ minHeight: 40, minWidth: 0, px: { xs: 1.25, sm: 2 } }}
            />
          ))}
        </Tabs>
        <CopyButton
          compact={narrow}
          text={text}
          label={`${T.copy} : ${T.code(LANGUAGES[language])}`}
          shown={code}
          testId="snippet-copy"
        />
      </Stack>
      <Box
        component="pre"
        ref={code}
        role="tabpanel"
        id={`${id}-code`}
        aria-labelledby={`${id}-${language}`}
        // Il défile : le clavier doit pouvoir y entrer.
        tabIndex={0}
        data-testid="snippet-code"
        sx={{
          m: 0,
          p: 2,
          maxHeight: "28rem",
          overflow: "auto",
          fontFamily: MONOSPACE,
          fontSize: "0.8125rem",
          lineHeight: 1.55,
          bgcolor: "action.hover",
          tabSize: 2,
        }}
      >
        {text}
      </Box>
    </Box>
  );
}

interface Props {
  /** Requête de ce que la page montre ; absente si rien n'est encore parti. */
  sent: SnippetTexts | undefined;
  /** Celle que les réglages d'à présent feraient partir. */
  next: SnippetTexts | undefined;
  /** Ce qu'il faut savoir des extraits. */
  help: string;
  testId: string;
}

/** La requête partie, jamais une autre sous son résultat ; la prochaine se regarde à part si les réglages ont changé. */
export function RequestSnippets({ sent, next, help, testId }: Props) {
  const written = JSON.stringify(sent);
  // La requête partie dont on regarde la suite : une autre, une fois partie, se montre d'abord elle-même.
  const [after, setAfter] = useState<string>();
  const changed = sent && next && written !== JSON.stringify(next);
  const which = !sent || (changed && after === written) ? "next" : "sent";
  const shown = which === "next" ? next : sent;
  if (!shown) return null;
  return (
    <Stack spacing={1.5}>
      {changed && (
        <ToggleButtonGroup
          exclusive
          fullWidth
          size="small"
          color="primary"
          value={which}
          aria-label={T.which}
          sx={{ maxWidth: 400, "& button": { px: 0.5 } }}
          onChange={(_event, value) => value && setAfter(value === "next" ? written : undefined)}
        >
          <ToggleButton value="sent" data-testid={`${testId}-sent`}>
            {T.sent}
          </ToggleButton>
          <ToggleButton value="next" data-testid={`${testId}-next`}>
            {T.next}
          </ToggleButton>
        </ToggleButtonGroup>
      )}
      <Note data-testid={`${testId}-help`}>
        {!changed && (which === "next" ? T.nextHelp : T.sentHelp)} {help}
      </Note>
      <Snippets snippets={shown} testId={testId} />
    </Stack>
  );
}
