import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import {
  type Request,
  RequestSchema,
  RequestService,
  RequestSort,
  type WatchRequestsRequest,
} from "../gen/passerelle/v1/requests_pb";
import { StatusProvider } from "../status/StatusProvider";
import { refusal } from "../testing/refusal";
import { show } from "../testing/render";
import { RequestsPage } from "./RequestsPage";
import { merged, SHOWN, short, stagesOf } from "./requests";
import { STAGES } from "./texts";

const DONE = {
  model: "qwen",
  sort: RequestSort.CHAT,
  status: "OK",
  asked: 0.01,
  sent: 0.5,
  queued: 0.25,
  first: 1,
  last: 3,
  ended: 3.01,
  tokensIn: 12,
  tokensOut: 64,
  tokensPerSecond: 32,
  key: "k0",
  client: "192.0.2.7",
  replicas: ["qwen-0"],
};

function request(number: number, init: Exclude<MessageInitShape<typeof RequestSchema>, Request> = {}): Request {
  const seconds = BigInt(1000 + number);
  return create(RequestSchema, { ...DONE, id: `r${number}`, call: `c${number}`, receivedAt: { seconds }, ...init });
}

/** Un serveur dont le suivi rend ces lots, en attendant ce qui n'en est pas un, puis reste ouvert. */
function open(batches: (Request[] | Promise<void>)[], search = "", missed = 0, refused = "") {
  const asked: { watches: WatchRequestsRequest[]; cancelled: string[] } = { watches: [], cancelled: [] };
  show(
    <StatusProvider>
      <RequestsPage />
    </StatusProvider>,
    (router) =>
      router.service(RequestService, {
        async *watchRequests(watch, { signal }) {
          asked.watches.push(watch);
          for (const batch of batches) {
            if (Array.isArray(batch)) yield { requests: batch, missed };
            else await batch;
          }
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
        cancelRequest({ id }) {
          if (refused) throw refusal(Code.Unauthenticated, "MISSING_API_KEY", refused);
          asked.cancelled.push(id);
          return { cancelled: 1 };
        },
      }),
    "/requetes",
    search,
  );
  return asked;
}

const calls = () => screen.queryAllByTestId(/^request-c\d+$/).map((row) => row.dataset.testid?.slice(8));

test("les requêtes viennent de la plus récente à la plus ancienne, et leur état se remplace", async () => {
  open([
    [request(1), request(2, { running: true, status: "" })],
    [request(3, { status: "QUEUE_FULL" }), request(2)],
  ]);
  await waitFor(() => expect(calls()).toEqual(["c3", "c2", "c1"]));
  expect(screen.getByTestId("request-c3").textContent).toContain("QUEUE_FULL");
  expect(screen.queryByText("En cours", { selector: "span" })).toBeNull();
  const cells = within(screen.getByTestId("request-c1")).getAllByRole("cell");
  expect(cells.slice(3).map((cell) => cell.textContent?.replace(/\s/g, " "))).toEqual([
    "1,00 s",
    "3,01 s",
    "12, 64",
    "32",
    "k0 · 192.0.2.7",
    "qwen-0",
  ]);
});

test("rien encore : la page le dit", async () => {
  open([[]]);
  expect((await screen.findByTestId("requests-empty")).textContent).toBe("Aucune requête.");
});

test("ce qu'un lecteur lent n'a pas reçu est dit", async () => {
  open([[request(1)]], "", 7);
  expect((await screen.findByTestId("requests-missed")).textContent).toContain("7");
});

test("les filtres de l'adresse passent au serveur, et se changent", async () => {
  const asked = open([[request(1), request(2, { running: true })]], "modele=qwen&sorte=conversation&issue=en-cours");
  await waitFor(() => expect(calls()).toEqual(["c2"]));
  expect(asked.watches[0]?.filter).toMatchObject({ model: "qwen", sort: RequestSort.CHAT, failed: false });
  await userEvent.setup().selectOptions(screen.getByTestId("requests-issue"), "echec");
  await waitFor(() => expect(asked.watches.at(-1)?.filter?.failed).toBe(true));
});

test("un GPU et un moment passent au serveur, se lisent et s'oublient", async () => {
  const asked = open([[request(1)]], "gpu=3&de=2026-11-29T14:03:00.000Z&a=2026-11-29T14:03:30.000Z&modele=qwen");
  await waitFor(() => expect(calls()).toEqual(["c1"]));
  const { gpu, since, until } = asked.watches[0]?.filter ?? {};
  expect([gpu, since?.seconds, until?.seconds]).toEqual([3, 1_795_960_980n, 1_795_961_010n]);
  const moment = screen.getByTestId("requests-moment");
  expect(moment.textContent).toMatch(/^GPU 3, de \d\d:03:00 à \d\d:03:30$/);
  await userEvent.setup().click(moment);
  await waitFor(() => expect(asked.watches.at(-1)?.filter).toMatchObject({ model: "qwen" }));
  expect(asked.watches.at(-1)?.filter).not.toHaveProperty("gpu");
  expect(screen.queryByTestId("requests-moment")).toBeNull();
});

test("un GPU ou un moment illisibles ne filtrent rien", async () => {
  const asked = open([[request(1)]], "gpu=tous&de=hier&a=");
  await waitFor(() => expect(calls()).toEqual(["c1"]));
  for (const name of ["gpu", "since", "until"]) expect(asked.watches[0]?.filter?.[name as "gpu"]).toBeUndefined();
  expect(screen.queryByTestId("requests-moment")).toBeNull();
});

test("une requête ouverte dit où son temps est passé, et s'interrompt", async () => {
  const person = userEvent.setup();
  const asked = open([[request(1, { running: true, status: "" })]]);
  await person.click(await screen.findByRole("button", { name: /détail de la requête r1$/ }));
  const stages = within(screen.getByTestId("request-timeline")).getAllByRole("listitem");
  expect(stages.map((one) => one.textContent?.replace(/\s/g, " "))).toContain(`${STAGES.queued}250 ms`);
  expect(screen.getByTestId("request-replay-help").textContent).toContain("VOTRE TEXTE");
  expect(screen.getByTestId("snippet-code").textContent).toContain("/v1/chat/completions");
  await person.click(screen.getByTestId("request-cancel"));
  await screen.findByText("Interruption demandée.");
  expect(asked.cancelled).toEqual(["c1"]);
});

test("une requête ouverte que la liste n'a plus reste sous les yeux, et dit sa fin", async () => {
  const person = userEvent.setup();
  let finish = () => {};
  const read = new Promise<void>((resolve) => {
    finish = resolve;
  });
  open([[request(1, { running: true, status: "" })], read, [request(1, { status: "CANCELLED" })]], "issue=en-cours");
  await person.click(await screen.findByRole("button", { name: /détail de la requête r1$/ }));
  expect(screen.getByTestId("request-dialog").textContent).toContain("En cours");
  finish();
  await waitFor(() => expect(calls()).toEqual([]));
  expect(screen.getByTestId("request-dialog").textContent).toContain("Client parti");
  expect(screen.queryByTestId("request-cancel")).toBeNull();
});

test("un refus d'interrompre se lit ; une requête finie ne s'interrompt pas", async () => {
  const person = userEvent.setup();
  open([[request(1, { running: true }), request(2)]], "", 0, "Une clé est nécessaire.");
  await person.click(await screen.findByRole("button", { name: /détail de la requête r1$/ }));
  await person.click(screen.getByTestId("request-cancel"));
  expect((await screen.findByRole("alert")).textContent).toBe("Une clé est nécessaire.");
  await person.click(screen.getByTestId("request-close"));
  await person.click(await screen.findByRole("button", { name: /détail de la requête r2$/ }));
  expect(screen.queryByTestId("request-cancel")).toBeNull();
});

test("les étapes se suivent et font la durée", () => {
  for (const init of [
    {},
    { queued: 0 },
    { first: undefined },
    { asked: undefined, sent: undefined, last: undefined },
  ]) {
    const found = { ...request(1), ...init } as Request;
    const stages = stagesOf(found);
    expect(stages.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(found.ended);
    for (const [rank, { begin }] of stages.entries()) {
      const before = stages[rank - 1];
      expect(begin).toBeCloseTo(before ? before.begin + before.seconds : 0);
    }
  }
  const [only, ...others] = stagesOf({
    ...request(1),
    asked: undefined,
    sent: undefined,
    first: undefined,
    last: undefined,
  } as unknown as Request);
  expect([only?.name, others.length]).toEqual([STAGES.received, 0]);
  expect([short(0.0123), short(2.5), short(75.25)]).toEqual(["12 ms", "2,50 s", "75,3 s"]);
});

test("la liste est bornée", () => {
  const many = Array.from({ length: 3 * SHOWN }, (_, number) => request(number));
  const found = merged(many.slice(0, SHOWN), many, () => true);
  expect(found).toHaveLength(SHOWN);
  expect(found[0]?.call).toBe(`c${3 * SHOWN - 1}`);
});
