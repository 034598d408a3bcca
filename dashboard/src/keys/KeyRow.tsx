import { Alert, Button, Chip, Paper, Stack, Typography } from "@mui/material";
import { useState } from "react";
import { keys } from "../api/client";
import { messageOf } from "../api/errors";
import { KeyState, type NamedKey } from "../gen/passerelle/v1/keys_pb";
import { ConfirmDialog } from "../models/ConfirmDialog";
import { instant } from "../models/model";
import { MONOSPACE } from "../shell/kit";
import { QuotaFields } from "./QuotaFields";
import { QuotaUses } from "./QuotaUses";
import { draftOf, quotaOf } from "./quota";
import { QUOTA, SCOPES, STATES, T } from "./texts";
import type { Told } from "./ValueCard";

const COLORS = {
  [KeyState.UNSPECIFIED]: "default",
  [KeyState.ACTIVE]: "success",
  [KeyState.EXPIRED]: "default",
  [KeyState.REVOKED]: "default",
} as const;

interface Props {
  named: NamedKey;
  onRotated: (told: Told) => void;
  onChanged: () => void;
}

/** Une clé, ce qu'elle ouvre, et ce qu'on peut en faire. */
export function KeyRow({ named, onRotated, onChanged }: Props) {
  const [asked, setAsked] = useState<"rotate" | "revoke" | "quota">();
  const [draft, setDraft] = useState(() => draftOf(named.quota));
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string>();
  const { id, state, owner, note, models } = named;
  const exempt = named.quota && !Object.values(draftOf(named.quota)).some(Boolean);

  async function act(verb: () => Promise<void>) {
    setBusy(true);
    setFailure(undefined);
    try {
      await verb();
      onChanged();
    } catch (error) {
      setFailure(messageOf(error));
    } finally {
      setBusy(false);
    }
  }

  const rotate = (overlap?: { seconds: bigint }) =>
    act(async () => {
      const { value } = await keys.rotateKey({ id, ...(overlap && { overlap }) });
      onRotated({ id, value });
    });
  const setQuota = (quota?: ReturnType<typeof quotaOf>) =>
    act(async () => void (await keys.setKeyQuota({ id, ...(quota && { quota }) })));
  const revoke = () => act(async () => void (await keys.revokeKey({ id })));
  return (
    <Paper component="li" variant="outlined" sx={{ p: 2, listStyle: "none" }} data-testid="key" data-id={id}>
      <Stack spacing={1}>
        <Stack direction="row" spacing={1} useFlexGap sx={{ flexWrap: "wrap", alignItems: "center" }}>
          <Typography component="code" sx={{ fontFamily: MONOSPACE, overflowWrap: "anywhere" }}>
            {id}
          </Typography>
          <Chip size="small" label={STATES[state]} color={COLORS[state]} variant="outlined" data-testid="key-state" />
          <Typography sx={{ overflowWrap: "anywhere", flexGrow: 1 }}>
            {[owner, note].filter(Boolean).join(" · ")}
          </Typography>
          {state === KeyState.ACTIVE && (
            <Stack direction="row" spacing={1} useFlexGap sx={{ flexWrap: "wrap" }}>
              <Button
                size="small"
                disabled={busy}
                aria-label={T.rotate.of(id)}
                onClick={() => setAsked("rotate")}
                data-testid="key-rotate"
              >
                {T.rotate.label}
              </Button>
              <Button
                size="small"
                disabled={busy}
                aria-label={QUOTA.of(id)}
                onClick={() => {
                  setDraft(draftOf(named.quota));
                  setAsked("quota");
                }}
                data-testid="key-quota-change"
              >
                {QUOTA.label}
              </Button>
              <Button
                size="small"
                color="error"
                disabled={busy}
                aria-label={T.revoke.of(id)}
                onClick={() => setAsked("revoke")}
                data-testid="key-revoke"
              >
                {T.revoke.label}
              </Button>
            </Stack>
          )}
        </Stack>
        <Typography variant="body2" color="textSecondary" sx={{ overflowWrap: "anywhere" }}>
          {[opened(named), models.join(", ") || T.all, ...dates(named), exempt && QUOTA.none]
            .filter(Boolean)
            .join(" · ")}
        </Typography>
        <QuotaUses uses={named.quotaUses} />
        {failure && <Alert severity="error">{failure}</Alert>}
      </Stack>
      <ConfirmDialog
        open={asked === "rotate"}
        title={T.rotate.title(id)}
        keep={T.keep}
        onClose={() => setAsked(undefined)}
        choices={[
          { label: T.rotate.go, testId: "rotate-go", onChoose: () => void rotate() },
          { label: T.rotate.now, testId: "rotate-now", color: "error", onChoose: () => void rotate({ seconds: 0n }) },
        ]}
      >
        {T.rotate.text}
      </ConfirmDialog>
      <ConfirmDialog
        open={asked === "quota"}
        title={QUOTA.title(id)}
        keep={T.keep}
        onClose={() => setAsked(undefined)}
        choices={[
          { label: QUOTA.save, testId: "quota-save", onChoose: () => void setQuota(quotaOf(draft)) },
          { label: QUOTA.usual, testId: "quota-usual", onChoose: () => void setQuota() },
        ]}
      >
        <QuotaFields help={QUOTA.changeHelp} draft={draft} onChange={setDraft} />
      </ConfirmDialog>
      <ConfirmDialog
        open={asked === "revoke"}
        title={T.revoke.title(id)}
        keep={T.keep}
        onClose={() => setAsked(undefined)}
        choices={[{ label: T.revoke.go, testId: "revoke-go", color: "error", onChoose: () => void revoke() }]}
      >
        {T.revoke.text}
      </ConfirmDialog>
    </Paper>
  );
}

function opened({ scopes }: NamedKey): string {
  return SCOPES.flatMap(([scope, label]) => (scopes.includes(scope) ? [label] : [])).join(", ");
}

function dates({ state, createdAt, expiresAt, revokedAt, previousUntil }: NamedKey): string[] {
  const said: string[] = [];
  if (createdAt) said.push(T.created(instant(createdAt)));
  if (revokedAt) said.push(T.revokedAt(instant(revokedAt)));
  else if (expiresAt) said.push((state === KeyState.EXPIRED ? T.expired : T.expires)(instant(expiresAt)));
  if (state === KeyState.ACTIVE && previousUntil) said.push(T.previous(instant(previousUntil)));
  return said;
}
