import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { fireEvent, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { setAccessKey } from "../api/accessKey";
import { AdminService, StatusSchema } from "../gen/passerelle/v1/admin_pb";
import {
  type CreateKeyRequest,
  KeyService,
  KeyState,
  type NamedKey,
  NamedKeySchema,
} from "../gen/passerelle/v1/keys_pb";
import { QuotaUseSchema } from "../gen/passerelle/v1/quotas_pb";
import { Scope } from "../gen/passerelle/v1/route_pb";
import { AccessProvider } from "../shell/AccessProvider";
import { StatusProvider } from "../status/StatusProvider";
import { show } from "../testing/render";
import { KeysPage } from "./KeysPage";
import { typed } from "./quota";

beforeEach(() => vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch"))));
afterEach(() => {
  setAccessKey("", false);
  vi.unstubAllGlobals();
});

/** Un serveur et ses clés ; `asked` garde ce qu'il a reçu. */
function server(required: boolean, refusal?: ConnectError, ...ids: string[]) {
  const kept = ids.map((id) => create(NamedKeySchema, { id, state: KeyState.ACTIVE }));
  const asked: { created: CreateKeyRequest[]; overlaps: (bigint | undefined)[]; quotas: unknown[]; listed: number } = {
    created: [],
    overlaps: [],
    quotas: [],
    listed: 0,
  };
  const of = (id: string) => kept.find((one) => one.id === id) as NamedKey;
  show(
    <StatusProvider>
      <AccessProvider>
        <KeysPage />
      </AccessProvider>
    </StatusProvider>,
    (router) => {
      router.service(AdminService, {
        async *watchStatus(_request, { signal }) {
          const models = [{ key: "qwen" }, { key: "canary" }];
          yield { status: create(StatusSchema, { adminKeyRequired: required, models }), sequence: 1 };
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
        getAccess: () => ({ admin: true }),
      });
      router.service(KeyService, {
        listKeys() {
          asked.listed += 1;
          if (refusal) throw refusal;
          return { keys: [...kept].reverse() };
        },
        createKey(request) {
          asked.created.push(request);
          const { scopes, models, owner, note, quota } = request;
          const id = `psl_${kept.length}`;
          kept.push(
            create(NamedKeySchema, {
              id,
              scopes,
              models,
              owner,
              note,
              state: KeyState.ACTIVE,
              ...(quota && { quota }),
            }),
          );
          return { key: of(id), value: `${id}_secret` };
        },
        setKeyQuota({ id, quota }) {
          asked.quotas.push(quota);
          if (quota) of(id).quota = quota;
          of(id).quotaUses = [create(QuotaUseSchema, { name: "tokens_per_day", used: 90, limit: 100n })];
          return { key: of(id) };
        },
        rotateKey({ id, overlap }) {
          asked.overlaps.push(overlap?.seconds);
          return { key: of(id), value: `${id}_neuve` };
        },
        revokeKey({ id }) {
          of(id).state = KeyState.REVOKED;
          return { key: of(id) };
        },
      });
    },
    "/cles",
  );
  return asked;
}

test("sans clé exigée, la page dit pourquoi la liste est vide et d'où vient la première", async () => {
  const asked = server(false);
  const said = await screen.findByTestId("keys-keyless");
  expect(said.textContent).toContain("passerelle keys create");
  expect(screen.queryByTestId("key-form")).toBeNull();
  expect(asked.listed).toBe(0);
});

test("sans clé donnée, rien n'est demandé au serveur", async () => {
  const asked = server(true);
  await screen.findByTestId("keys-closed");
  expect(asked.listed).toBe(0);
});

test("une clé qui n'a pas la portée reçoit les mots du serveur", async () => {
  setAccessKey("psl_chat", false);
  server(true, new ConnectError("La clé n'ouvre pas cet appel.", Code.PermissionDenied, { "grpc-status": "7" }));
  expect((await screen.findByTestId("keys-failure")).textContent).toContain("ouvre pas cet appel");
});

test("une clé se crée, et sa valeur ne se lit qu'une fois", async () => {
  setAccessKey("psl_admin", false);
  const asked = server(true);
  fireEvent.change(await screen.findByTestId("key-owner"), { target: { value: "atelier" } });
  fireEvent.click(screen.getByTestId("key-scope-diarisation"));
  fireEvent.click(screen.getByTestId("key-model-canary"));
  fireEvent.change(screen.getByTestId("key-lifetime"), { target: { value: "7" } });
  fireEvent.click(screen.getByTestId("key-create"));
  expect((await screen.findByTestId("key-value")).textContent).toBe("psl_0_secret");
  const [created] = asked.created;
  expect(created?.scopes).toEqual([Scope.CHAT, Scope.TRANSCRIBE]);
  expect([created?.owner, created?.models, created?.lifetime?.seconds]).toEqual(["atelier", ["canary"], 604_800n]);
  const row = within(await screen.findByTestId("key"));
  expect(row.getByText(/conversation, transcription · canary/)).toBeTruthy();
  fireEvent.click(screen.getByTestId("key-done"));
  expect(screen.queryByTestId("key-value")).toBeNull();
});

test("un quota se pose à la création, se change, et sa consommation se lit", async () => {
  const person = userEvent.setup();
  setAccessKey("psl_admin", false);
  const asked = server(true);
  fireEvent.change(await screen.findByTestId("quota-requestsPerMinute"), { target: { value: "60" } });
  fireEvent.change(screen.getByTestId("quota-tokensPerMonth"), { target: { value: "3 000 000 000" } });
  fireEvent.click(screen.getByTestId("key-create"));
  await screen.findByTestId("key-value");
  expect(asked.created[0]?.quota).toMatchObject({ requestsPerMinute: 60, tokensPerMonth: 3_000_000_000n });
  await person.click(await screen.findByTestId("key-quota-change"));
  const dialog = within(await screen.findByRole("dialog"));
  expect((dialog.getByTestId("quota-requestsPerMinute") as HTMLInputElement).value).toBe("60");
  fireEvent.change(dialog.getByTestId("quota-tokensPerDay"), { target: { value: "100" } });
  await person.click(dialog.getByTestId("quota-save"));
  expect((await screen.findByTestId("key-quota")).textContent).toContain("90 sur 100");
  expect(asked.quotas[0]).toMatchObject({ requestsPerMinute: 60, tokensPerDay: 100n });
  await person.click(screen.getByTestId("key-quota-change"));
  await person.click(await screen.findByTestId("quota-usual"));
  await vi.waitFor(() => expect(asked.quotas.slice(1)).toEqual([undefined]));
});

test("une case ne garde qu'une limite que le message porte", () => {
  const kept = (text: string) => [typed("requestsPerMinute", text), typed("tokensPerDay", text)];
  for (const text of ["", "0", "00", "aucune"]) expect(kept(text)).toEqual(["", ""]);
  expect(kept("1 000 000 000 000")).toEqual(["4294967295", "1000000000000"]);
  expect(kept("9".repeat(40))).toEqual(["4294967295", "9007199254740992"]);
});

test("vider un quota dit qu'il ne reste aucune limite, celles des réglages comprises", async () => {
  const person = userEvent.setup();
  setAccessKey("psl_admin", false);
  const asked = server(true, undefined, "psl_a");
  await person.click(await screen.findByTestId("key-quota-change"));
  const dialog = within(await screen.findByRole("dialog"));
  expect(dialog.getByText(/pas même celles des réglages/)).toBeTruthy();
  expect(dialog.queryByText(/a le quota des réglages/)).toBeNull();
  await person.click(dialog.getByTestId("quota-save"));
  await vi.waitFor(() => expect(asked.quotas).toEqual([expect.objectContaining({ requestsPerMinute: 0 })]));
  expect(await screen.findByText(/sans quota, pas même celui des réglages/)).toBeTruthy();
});

test("une clé se renouvelle, son ancienne valeur gardée ou non", async () => {
  const person = userEvent.setup();
  setAccessKey("psl_admin", false);
  const asked = server(true, undefined, "psl_a");
  await person.click(await screen.findByTestId("key-rotate"));
  await person.click(await screen.findByTestId("rotate-go"));
  expect((await screen.findByTestId("key-value")).textContent).toBe("psl_a_neuve");
  await person.click(screen.getByTestId("key-rotate"));
  await person.click(await screen.findByTestId("rotate-now"));
  await vi.waitFor(() => expect(asked.overlaps).toEqual([undefined, 0n]));
});

test("une clé se révoque, et ne se renouvelle plus", async () => {
  const person = userEvent.setup();
  setAccessKey("psl_admin", false);
  server(true, undefined, "psl_a");
  await person.click(await screen.findByTestId("key-revoke"));
  await person.click(await screen.findByTestId("revoke-go"));
  await vi.waitFor(() => expect(screen.getByTestId("key-state").textContent).toBe("révoquée"));
  expect(screen.queryByTestId("key-rotate")).toBeNull();
});

test("sans échéance, et sans portée", async () => {
  const person = userEvent.setup();
  setAccessKey("psl_admin", false);
  const asked = server(true);
  fireEvent.change(await screen.findByTestId("key-lifetime"), { target: { value: "0" } });
  for (const label of ["conversation", "transcription", "diarisation"]) {
    await person.click(screen.getByTestId(`key-scope-${label}`));
  }
  expect((screen.getByTestId("key-create") as HTMLButtonElement).disabled).toBe(true);
  await person.click(screen.getByTestId("key-scope-administration"));
  await person.click(screen.getByTestId("key-create"));
  await screen.findByTestId("key-value");
  expect(asked.created[0]?.lifetime).toBeUndefined();
  expect(asked.created[0]?.scopes).toEqual([Scope.ADMIN]);
});
