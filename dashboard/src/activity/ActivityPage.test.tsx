import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AdminService } from "../gen/passerelle/v1/admin_pb";
import {
  type ListOperationsRequest,
  type Operation,
  OperationKind,
  OperationSchema,
  OperationState,
} from "../gen/passerelle/v1/operation_pb";
import { PageIcon } from "../shell/PageIcon";
import { StatusProvider, useServer } from "../status/StatusProvider";
import { LiveStatus } from "../testing/liveStatus";
import { refusal } from "../testing/refusal";
import { show } from "../testing/render";
import { ActivityPage } from "./ActivityPage";
import { OperationStrip } from "./OperationStrip";
import { RecentProvider } from "./RecentProvider";

const { RUNNING, SUCCEEDED, FAILED, CANCELLED } = OperationState;
let journal: Operation[] = [];
let refused = "";
let live: LiveStatus;
const asked = { cancelled: [] as string[], loaded: [] as string[], lists: 0 };

function operation(id: string, init: Exclude<MessageInitShape<typeof OperationSchema>, Operation>): Operation {
  const seconds = BigInt(1000 + journal.length);
  return create(OperationSchema, {
    id,
    kind: OperationKind.LOAD,
    model: "qwen",
    startedAt: { seconds },
    ...(init.state === RUNNING ? {} : { finishedAt: { seconds: seconds + 75n } }),
    ...init,
  });
}

function page({ pageSize, pageToken, model, kinds, states }: ListOperationsRequest) {
  const first = Number(pageToken || 0);
  if (model && model === refused) throw refusal(Code.NotFound, "MODEL_NOT_FOUND", `« ${model} » n'existe pas.`);
  asked.lists += 1;
  const found = journal.filter(
    (one) =>
      (!model || one.model === model) &&
      (!kinds.length || kinds.includes(one.kind)) &&
      (!states.length || states.includes(one.state)),
  );
  const end = first + pageSize;
  return { operations: found.slice(first, end), nextPageToken: end < found.length ? String(end) : "" };
}

/** Ce que le dernier état reçu porte, à l'écran : l'essai sait qu'il est arrivé. */
function Notices() {
  return <p>{useServer().status?.models.map(({ notice }) => notice)}</p>;
}

function open(path = "/activite", content = <ActivityPage />) {
  const [place = "", search = ""] = path.split("?");
  return show(
    <StatusProvider>
      <RecentProvider>
        <OperationStrip />
        <PageIcon path="/activite" icon="" />
        <Notices />
        {content}
      </RecentProvider>
    </StatusProvider>,
    (router) =>
      router.service(AdminService, {
        watchStatus: (_request, { signal }) => live.watch(signal),
        listOperations: page,
        cancelOperation: ({ operationId }) => {
          asked.cancelled.push(operationId);
          return {};
        },
        loadModel: ({ model }) => {
          asked.loaded.push(model);
          return {};
        },
      }),
    place,
    search,
  );
}

beforeEach(() => {
  asked.lists = 0;
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  journal = [];
  refused = "";
  live = new LiveStatus([{ key: "qwen" }, { key: "canary" }]);
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
  localStorage.clear();
});

const rows = (name: string) => within(screen.getByTestId(name)).queryAllByTestId("operation");

test("un échec dit son motif, son message et que faire, et se recommence", async () => {
  const error = { reason: "GPU_BUSY", message: "Le GPU 0 est tenu par canary-0." };
  journal = [operation("raté", { state: FAILED, error })];
  const person = userEvent.setup();
  open();
  await person.click(await screen.findByTestId("operation-open"));
  const facts = await screen.findByTestId("operation-facts");
  expect(facts.textContent).toContain("Le GPU 0 est tenu par canary-0. (GPU_BUSY)");
  expect(facts.textContent).toContain("Choisissez d'autres GPU");
  expect(facts.textContent).toContain("1 min 15 s");
  await person.click(screen.getByTestId("operation-retry"));
  await waitFor(() => expect(asked.loaded).toEqual(["qwen"]));
});

test("un chargement fini dit le temps de chaque étape", async () => {
  const phases = [
    { phase: "spawning", duration: { nanos: 900_000_000 } },
    { phase: "loading_weights", duration: { seconds: 75n } },
    { phase: "venue_plus_tard", duration: { seconds: 2n } },
  ];
  journal = [operation("a", { state: SUCCEEDED, phases })];
  const person = userEvent.setup();
  open();
  await person.click(await screen.findByTestId("operation-open"));
  const times = await screen.findByText("Temps par étape");
  expect(times.nextSibling?.textContent).toBe("lancement 0,9 s · lecture des poids 1 min 15 s · venue_plus_tard 2,0 s");
});

test("une opération en cours s'annule, après confirmation", async () => {
  const running = operation("a", {
    state: RUNNING,
    progress: { phase: "downloading", completedBytes: 5e6, totalBytes: 1e7 },
  });
  live = new LiveStatus([{ key: "qwen", operation: running }]);
  const person = userEvent.setup();
  open();
  const row = await screen.findByTestId("operation-running");
  expect(row.textContent).toContain("copie · 4,8 Mio sur 9,5 Mio");
  expect(within(row).getByRole("progressbar").getAttribute("aria-valuenow")).toBe("50");
  await person.click(screen.getByTestId("action-cancel-qwen"));
  expect(asked.cancelled).toEqual([]);
  await person.click(await screen.findByTestId("confirm-cancel"));
  await waitFor(() => expect(asked.cancelled).toEqual(["a"]));
  live.show([{ key: "qwen" }]);
  await waitFor(() => expect(document.activeElement?.textContent).toBe("En cours"));
});

test("un chargement qui a téléchargé ne montre plus ses octets une fois copiés, ni à la bande ni à la page", async () => {
  const progress = { phase: "opening", completedBytes: 1e7, totalBytes: 1e7, bytesPerSecond: 3e6 };
  live = new LiveStatus([{ key: "qwen", operation: operation("a", { state: RUNNING, progress }) }]);
  open();
  const row = await screen.findByTestId("operation-running");
  for (const one of [row, screen.getByTestId("strip")]) {
    expect(one.textContent).toMatch(/· ouverture du modèle(Annuler)?$/);
    expect(within(one).getByRole("progressbar").getAttribute("aria-valuenow")).toBeNull();
  }
});

test("une fin s'accorde au nom de l'opération, et la mémoire rendue se compte comme une mémoire", async () => {
  const { RESTART, UNLOAD } = OperationKind;
  journal = [
    operation("a", { kind: RESTART, state: SUCCEEDED }),
    operation("b", { kind: RESTART, state: CANCELLED }),
    operation("c", { kind: UNLOAD, state: SUCCEEDED, freedBytes: 58.2 * 2 ** 30 }),
  ];
  const person = userEvent.setup();
  open();
  await waitFor(() => expect(rows("activity-done").length).toBe(3));
  const ends = rows("activity-done").map((row) => row.querySelector(".MuiChip-root")?.textContent);
  expect(ends).toEqual(["terminée", "annulée", "terminé"]);
  await person.click(screen.getAllByTestId("operation-open")[2] as HTMLElement);
  expect((await screen.findByTestId("operation-facts")).textContent).toContain("58,2 Gio");
});

test("un filtre refusé ne laisse pas les opérations d'un autre", async () => {
  journal = [operation("a", { state: SUCCEEDED })];
  const person = userEvent.setup();
  open("/activite?modele=qwen&etat=reussie");
  await waitFor(() => expect(rows("activity-done").length).toBe(1));
  refused = "canary";
  await person.selectOptions(screen.getByTestId("filter-modele"), "canary");
  await screen.findByText(/« canary » n'existe pas/);
  expect(rows("activity-done")).toEqual([]);
});

test("un changement de l'état fait relire la liste ; l'avancement, non", async () => {
  journal = [operation("a", { state: SUCCEEDED })];
  open();
  await waitFor(() => expect(rows("activity-done").length).toBe(1));
  const before = asked.lists;
  live.show([{ key: "qwen", cachedBytes: 12 }, { key: "canary" }]);
  live.show([{ key: "qwen", cachedBytes: 13, notice: "vu" }, { key: "canary" }]);
  await screen.findByText("vu");
  expect(asked.lists).toBe(before);
  journal = [operation("b", { state: CANCELLED }), ...journal];
  live.show([{ key: "qwen", stateSince: { seconds: 5n } }]);
  await waitFor(() => expect(rows("activity-done").length).toBe(2));
});

test("les filtres de l'adresse passent au serveur, et les pages se suivent", async () => {
  for (let index = 0; index < 25; index += 1) journal.push(operation(`q${index}`, { state: SUCCEEDED }));
  journal.push(operation("c", { model: "canary", state: SUCCEEDED }), operation("r", { state: FAILED }));
  const person = userEvent.setup();
  open("/activite?modele=qwen&etat=reussie");
  await waitFor(() => expect(rows("activity-done").length).toBe(10));
  expect(screen.queryByTestId("activity-failed")).toBeNull();
  expect(screen.queryByTestId("activity-running")).toBeNull();
  await person.click(screen.getByTestId("operations-more"));
  await waitFor(() => expect(rows("activity-done").length).toBe(20));
  await person.click(screen.getByTestId("operations-more"));
  await waitFor(() => expect(rows("activity-done").length).toBe(25));
  expect(screen.queryByTestId("operations-more")).toBeNull();
  await person.selectOptions(screen.getByTestId("filter-modele"), "canary");
  await waitFor(() => expect(rows("activity-done").length).toBe(1));
  await person.click(screen.getByTestId("filter-clear"));
  await waitFor(() => expect(rows("activity-failed").length).toBe(1));
});

test("la bande montre ce qui tourne, puis sa fin quatre secondes, et un échec jusqu'à ce qu'on le regarde", async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  const running = operation("a", { state: RUNNING, progress: { phase: "opening" } });
  journal = [running];
  live = new LiveStatus([{ key: "qwen", operation: running }]);
  const view = open("/", <p>ailleurs</p>);
  expect((await screen.findByTestId("strip")).textContent).toContain("Chargement de qwen · ouverture du modèle");
  expect(screen.getByTestId("strip-link").getAttribute("href")).toBe("/activite");
  // Une fin ne se remarque qu'auprès d'une première lecture.
  await waitFor(() => expect(asked.lists).toBe(1));
  await act(() => vi.advanceTimersByTimeAsync(100));

  journal = [operation("a", { state: SUCCEEDED })];
  live.show([{ key: "qwen" }]);
  expect((await screen.findByTestId("outcome")).textContent).toContain("Chargement de qwen : terminé.");
  await act(() => vi.advanceTimersByTimeAsync(4_100));
  expect(screen.queryByTestId("outcome")).toBeNull();

  const other = operation("c", { model: "canary", state: RUNNING });
  journal = [other, operation("b", { state: FAILED, error: { message: "mémoire insuffisante" } }), ...journal];
  live.show([
    { key: "qwen", lastError: { occurredAt: { seconds: 9n } } },
    { key: "canary", operation: other },
  ]);
  expect((await screen.findByTestId("outcome")).textContent).toContain("échec. mémoire insuffisante");
  await act(() => vi.advanceTimersByTimeAsync(60_000));
  expect(screen.queryByTestId("outcome")).not.toBeNull();
  expect(screen.getByTestId("failures").getAttribute("aria-label")).toBe("1 échec à regarder");
  view.unmount();

  const { unmount } = open();
  await waitFor(() => expect(rows("activity-failed").length).toBe(1));
  await waitFor(() => expect(screen.queryByTestId("failures")).toBeNull());
  unmount();
  open("/", <p>ailleurs</p>);
  await screen.findByTestId("strip");
  expect(screen.queryByTestId("failures")).toBeNull();
});
