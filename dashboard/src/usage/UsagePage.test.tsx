import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { setAccessKey } from "../api/accessKey";
import { AdminService, StatusSchema } from "../gen/passerelle/v1/admin_pb";
import { KeyService } from "../gen/passerelle/v1/keys_pb";
import { type Request, RequestSchema, RequestService } from "../gen/passerelle/v1/requests_pb";
import {
  UsageGroup,
  type UsageQuery,
  type UsageRowSchema,
  UsageService,
  UsageStep,
} from "../gen/passerelle/v1/usage_pb";
import { AccessProvider } from "../shell/AccessProvider";
import { StatusProvider } from "../status/StatusProvider";
import { gpuOf } from "../testing/gpuServer";
import { refusal } from "../testing/refusal";
import { show } from "../testing/render";
import { UsagePage } from "./UsagePage";

type Row = MessageInitShape<typeof UsageRowSchema>;

const HOUR = 3_600;
const seconds = BigInt(490_000 * HOUR);
const wait = (nanos: number) => ({ seconds: 0n, nanos: nanos * 1e6 });
const QWEN: Row = {
  since: { seconds },
  key: "psl_4k7d2m9qab",
  requests: 12,
  outcomes: { OK: 9, QUEUE_FULL: 2, CANCELLED: 1 },
  tokensIn: 1200,
  tokensOut: 345,
  audioSeconds: 75,
  firstP50: wait(40),
  firstP95: wait(250),
  durationP50: wait(500),
  durationP95: wait(900),
};
const running = (key: string, model: string, ...gpus: number[]) =>
  create(RequestSchema, { call: `${Math.random()}`, running: true, key, model, gpus });

/** Un serveur, son usage et ses requêtes en cours ; rend ce qu'il a reçu. */
function open({
  required = true,
  rows = [QWEN] as Row[],
  gpus = [gpuOf(0), gpuOf(1)],
  current = [] as Request[],
  refused = "",
  search = "",
  reads = [] as Code[],
  links = 1,
}) {
  const asked: { queries: UsageQuery[]; keys: number } = { queries: [], keys: 0 };
  show(
    <StatusProvider>
      <AccessProvider>
        <UsagePage />
      </AccessProvider>
    </StatusProvider>,
    (router) => {
      router.service(AdminService, {
        async *watchStatus(_, { signal }) {
          yield { status: create(StatusSchema, { adminKeyRequired: required, gpus }) };
          // Un lien se perd une fois la page lue.
          if (--links > 0) {
            await vi.waitFor(() => expect(asked.queries.length).toBe(2));
            throw new ConnectError("", Code.Unavailable);
          }
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
        getAccess: () => ({ admin: true }),
      });
      router.service(KeyService, {
        listKeys: () => {
          asked.keys += 1;
          return { keys: [{ id: "psl_4k7d2m9qab", owner: "atelier" }] };
        },
      });
      router.service(RequestService, { listRequests: () => ({ requests: current }) });
      router.service(UsageService, {
        getUsage: ({ query }) => {
          if (refused) throw refusal(Code.PermissionDenied, "SCOPE_NOT_ALLOWED", refused);
          if (query) asked.queries.push(query);
          const code = asked.queries.length > 2 && reads.shift();
          if (code) throw new ConnectError("", code);
          return { rows };
        },
        async *exportUsage() {
          yield { contentType: "text/csv", data: new TextEncoder().encode("since,key\n2026,é") };
        },
      });
    },
    "/usage",
    search,
  );
  return asked;
}

const plain = (text: string | null | undefined) => text?.replace(/\s/g, " ");

// L'heure ne passe pas pendant un essai.
beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: Number(seconds) * 1_000 + 12_345 }));
afterEach(() => {
  vi.useRealTimers();
  setAccessKey("", false);
  vi.restoreAllMocks();
});

test("les totaux d'une clé ont leurs mesures, et son propriétaire la nomme", async () => {
  setAccessKey("cle-admin", false);
  const asked = open({});
  const table = await screen.findByTestId("usage-totals");
  await waitFor(() => expect(within(table).getByRole("rowheader").textContent).toBe("psl_4k7d2m9qab · atelier"));
  const cells = within(table)
    .getAllByRole("cell")
    .map((cell) => plain(cell.textContent));
  const measured = ["12", "9", "1", "2", "1 200", "345", "1 min 15 s", "40 ms, 250 ms", "500 ms, 900 ms"];
  expect(cells).toEqual(measured);
  expect(screen.getAllByRole("listitem").map((one) => plain(one.textContent))).toContain("QUEUE_FULL : 2");
  expect(asked.queries.map(({ step, groupBy }) => [step, groupBy])).toEqual([
    [UsageStep.HOUR, [UsageGroup.KEY]],
    [UsageStep.ALL, [UsageGroup.KEY]],
  ]);
  const [{ since }] = asked.queries as [UsageQuery];
  expect(Number(since?.seconds)).toBe(Number(seconds) - 23 * HOUR);
});

test("la courbe se lit aussi en tableau", async () => {
  open({ required: false, search: "mesure=premier-95" });
  const points = await screen.findByTestId("usage-points");
  expect(
    within(points)
      .getAllByRole("columnheader")
      .map((one) => one.textContent),
  ).toEqual(["Début", "psl_4k7d2m9qab"]);
  expect(
    within(points)
      .getAllByRole("cell")
      .map((one) => one.textContent),
  ).toEqual(["0,25"]);
  expect(screen.getByRole("img").getAttribute("aria-label")).toContain("Premier jeton, 95 % sous (s)");
});

test("un trimestre se lit par jour ; d'une clé on passe à ses modèles, et retour", async () => {
  const person = userEvent.setup();
  const asked = open({ required: false });
  await person.selectOptions(await screen.findByTestId("usage-periode"), "trimestre");
  await waitFor(() => expect(asked.queries.at(-2)?.step).toBe(UsageStep.DAY));
  await person.click(await screen.findByRole("button", { name: "Ne montrer que psl_4k7d2m9qab" }));
  await waitFor(() =>
    expect(asked.queries.at(-1)).toMatchObject({ key: "psl_4k7d2m9qab", groupBy: [UsageGroup.MODEL] }),
  );
  await person.type(screen.getByText("Clé : psl_4k7d2m9qab"), "{Delete}");
  await waitFor(() => expect(asked.queries.at(-1)?.key).toBe(""));
});

test("chaque GPU dit qui l'emploie, et ce qui n'en emploie aucun est à part", async () => {
  const one = () => running("k0", "qwen", 0);
  open({ required: false, current: [one(), one(), running("", "canary", 0, 1), running("k1", "")] });
  const said = async (name: string) =>
    within(await screen.findByTestId(name))
      .getAllByRole("listitem")
      .map((row) => plain(row.textContent));
  expect(await said("usage-gpu-0")).toEqual(["k0 · qwen · 2 requêtes", "sans clé · canary · 1 requête"]);
  expect(await said("usage-gpu-1")).toEqual(["sans clé · canary · 1 requête"]);
  expect(await said("usage-gpu-none")).toEqual(["k1 · 1 requête"]);
});

test("sans clé, la page dit pourquoi rien ne distingue les appelants ; sans usage, que rien n'a fini", async () => {
  const asked = open({ required: false, rows: [], gpus: [] });
  expect((await screen.findByTestId("usage-empty")).textContent).toContain("Aucune requête");
  expect(screen.getByTestId("usage-keyless").textContent).toContain("passerelle keys create");
  expect((await screen.findByTestId("usage-gpu-none")).textContent).toContain("Personne");
  expect(asked.keys).toBe(0);
});

test("clé manquante : rien n'est demandé, et les appelants ne sont pas dits sans clé", async () => {
  const asked = open({ current: [running("", "qwen", 1)] });
  await screen.findByTestId("usage-closed");
  expect(within(await screen.findByTestId("usage-gpu-1")).getByRole("listitem").textContent).toContain("non montré");
  expect(asked.queries).toEqual([]);
});

test("le refus du serveur se lit", async () => {
  setAccessKey("autre-cle", false);
  open({ refused: "Cette clé n'ouvre pas cet appel." });
  expect((await screen.findByTestId("usage-failure")).textContent).toBe("Cette clé n'ouvre pas cet appel.");
});

test.each([
  [Code.Unavailable, 1],
  [Code.PermissionDenied, 0],
])("une relecture qui échoue (%s) se dit ; seul un refus retire ce qui était lu", async (code, kept) => {
  open({ required: false, links: 2, reads: [code, code] });
  await screen.findByTestId("usage-totals");
  // Le serveur revenu, l'usage est relu sans attendre la minute.
  await screen.findByTestId("usage-failure", {}, { timeout: 10_000 });
  expect(screen.queryAllByTestId("usage-totals")).toHaveLength(kept);
  expect(screen.queryByTestId("usage-empty")).toBeNull();
});

test("le CSV du serveur s'enregistre tel quel", async () => {
  const person = userEvent.setup();
  const saved: Blob[] = [];
  URL.createObjectURL = (blob: Blob) => `blob:${saved.push(blob)}`;
  URL.revokeObjectURL = () => undefined;
  const clicked = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => undefined);
  open({ required: false });
  await person.click(await screen.findByTestId("usage-csv"));
  await waitFor(() => expect(clicked).toHaveBeenCalled());
  expect(new TextDecoder().decode(await saved[0]?.arrayBuffer())).toBe("since,key\n2026,é");
});
