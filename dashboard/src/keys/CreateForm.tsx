import {
  Alert,
  Button,
  Checkbox,
  FormControlLabel,
  FormGroup,
  Paper,
  Stack,
  TextField,
  Typography,
} from "@mui/material";
import { type FormEvent, useState } from "react";
import { keys } from "../api/client";
import { type Refusal, refusalOf } from "../api/errors";
import { Scope } from "../gen/passerelle/v1/route_pb";
import { QuotaFields } from "./QuotaFields";
import { BLANK, limitOf, quotaOf } from "./quota";
import { LIFETIMES, QUOTA, SCOPES, T } from "./texts";
import type { Told } from "./ValueCard";

const DAY = 86_400;
const USUAL = [Scope.CHAT, Scope.TRANSCRIBE, Scope.DIARIZE];
const NEW = { owner: "", note: "", scopes: USUAL, models: [] as string[], days: 90 };

/** De quoi créer une clé ; `models` : ceux du serveur. */
export function CreateForm({ models, onCreated }: { models: string[]; onCreated: (told: Told) => void }) {
  const [draft, setDraft] = useState(NEW);
  const [quota, setQuota] = useState(BLANK);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal>();
  const change = (changes: Partial<typeof NEW>) => setDraft((before) => ({ ...before, ...changes }));

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setRefusal(undefined);
    const { days, ...wanted } = draft;
    try {
      const { key, value } = await keys.createKey({
        ...wanted,
        ...(days && { lifetime: { seconds: BigInt(days * DAY) } }),
        ...(Object.values(quota).some(Boolean) && { quota: quotaOf(quota) }),
      });
      setDraft(NEW);
      setQuota(BLANK);
      onCreated({ id: key?.id ?? "", value });
    } catch (error) {
      setRefusal(refusalOf(error));
    } finally {
      setBusy(false);
    }
  }

  const faultOf = (field: string) => (refusal?.field === field ? { error: true, helperText: refusal.message } : {});
  const limit = limitOf(refusal?.field.replace("quota.", "") ?? "");
  const elsewhere = refusal && !limit && !["owner", "note"].includes(refusal.field);
  return (
    <Paper component="form" variant="outlined" onSubmit={submit} sx={{ p: 2 }} data-testid="key-form">
      <Stack spacing={2}>
        <Typography variant="h3">{T.create.title}</Typography>
        <Stack direction={{ xs: "column", sm: "row" }} spacing={2}>
          {(["owner", "note"] as const).map((field) => (
            <TextField
              key={field}
              size="small"
              label={T.create[field]}
              value={draft[field]}
              onChange={(event) => change({ [field]: event.target.value })}
              sx={{ flexGrow: 1 }}
              slotProps={{ htmlInput: { "data-testid": `key-${field}`, autoComplete: "off" } }}
              {...faultOf(field)}
            />
          ))}
          <TextField
            select
            size="small"
            label={T.create.lifetime}
            value={draft.days}
            onChange={(event) => change({ days: Number(event.target.value) })}
            slotProps={{
              select: { native: true },
              inputLabel: { shrink: true },
              htmlInput: { "data-testid": "key-lifetime" },
            }}
          >
            {LIFETIMES.map(([days, label]) => (
              <option key={days} value={days}>
                {label}
              </option>
            ))}
          </TextField>
        </Stack>
        <Boxes
          title={T.create.scopes}
          all={SCOPES}
          chosen={draft.scopes}
          onChange={(scopes) => change({ scopes })}
          testId="key-scope"
        />
        <Boxes
          title={T.create.models}
          help={T.create.allModels}
          all={models.map((model) => [model, model] as [string, string])}
          chosen={draft.models}
          onChange={(chosen) => change({ models: chosen })}
          testId="key-model"
        />
        <QuotaFields
          help={QUOTA.help}
          draft={quota}
          onChange={setQuota}
          {...(refusal && limit && { fault: { field: limit, message: refusal.message } })}
        />
        {elsewhere && <Alert severity="error">{refusal.message}</Alert>}
        <Button
          type="submit"
          variant="contained"
          disabled={busy || draft.scopes.length === 0}
          sx={{ alignSelf: "flex-start" }}
          data-testid="key-create"
        >
          {T.create.submit}
        </Button>
      </Stack>
    </Paper>
  );
}

interface BoxesProps<Value> {
  title: string;
  help?: string;
  all: [Value, string][];
  chosen: Value[];
  onChange: (chosen: Value[]) => void;
  testId: string;
}

function Boxes<Value extends string | number>({ title, help, all, chosen, onChange, testId }: BoxesProps<Value>) {
  return (
    <Stack component="fieldset" sx={{ border: 0, p: 0, m: 0 }}>
      <Typography component="legend" variant="body2" color="textSecondary" sx={{ p: 0 }}>
        {[title, help].filter(Boolean).join(". ")}
      </Typography>
      <FormGroup row>
        {all.map(([value, label]) => (
          <FormControlLabel
            key={value}
            label={label}
            control={
              <Checkbox
                size="small"
                checked={chosen.includes(value)}
                onChange={(_, checked) =>
                  onChange(checked ? [...chosen, value] : chosen.filter((other) => other !== value))
                }
                slotProps={{ input: { ...{ "data-testid": `${testId}-${label}` } } }}
              />
            }
          />
        ))}
      </FormGroup>
    </Stack>
  );
}
