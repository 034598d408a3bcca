import { Code, ConnectError } from "@connectrpc/connect";
import { fireEvent, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { AdminService } from "../../gen/passerelle/v1/admin_pb";
import { show } from "../../testing/render";
import { turn } from "../../testing/visibility";
import { modelOf } from "../testing";
import { LogDialog } from "./LogDialog";

/** Journal que l'essai écrit : `say` ajoute des lignes, `fail` coupe le flux en cours. */
class Journal {
  opened = 0;
  closed = 0;
  /** Lignes demandées, à chaque ouverture. */
  tails: number[] = [];
  refusal: ConnectError | undefined;
  private wake = () => {};
  private batches: string[][] = [];
  private failure: ConnectError | undefined;

  say(...lines: string[]) {
    this.batches.push(lines);
    this.wake();
  }

  fail(code: Code) {
    this.failure = new ConnectError("panne", code);
    this.wake();
  }

  async *stream(tailLines: number, signal: AbortSignal) {
    this.opened += 1;
    this.tails.push(tailLines);
    if (this.refusal) throw this.refusal;
    signal.addEventListener("abort", () => this.wake());
    try {
      while (!signal.aborted) {
        const lines = this.batches.shift();
        if (lines) yield { lines };
        else if (this.failure) {
          const failure = this.failure;
          this.failure = undefined;
          throw failure;
        } else await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      this.closed += 1;
    }
  }
}

function open(journal: Journal, onClose = () => {}) {
  return show(<LogDialog model={modelOf()} onClose={onClose} />, (router) => {
    router.service(AdminService, { streamLogs: ({ tailLines }, { signal }) => journal.stream(tailLines, signal) });
  });
}

const filter = (value: string) => fireEvent.change(screen.getByTestId("log-filter"), { target: { value } });
afterEach(() => vi.restoreAllMocks());

const lines = () => screen.queryAllByTestId("log-line").map((line) => line.textContent);

test("les lignes viennent d'elles-mêmes, se filtrent, et fermer abandonne le flux", async () => {
  const journal = new Journal();
  const { unmount } = open(journal);
  journal.say("une", "deux");
  await waitFor(() => expect(lines()).toEqual(["une", "deux"]));
  journal.say("Deuxième");
  await waitFor(() => expect(lines()).toHaveLength(3));
  screen.getByTestId("log-live");
  filter("DEUX");
  expect(lines()).toEqual(["deux", "Deuxième"]);
  screen.getByText("2 sur 3 lignes");
  filter("absent");
  expect(screen.getByTestId("log-empty").textContent).toMatch(/Aucune ligne/);
  unmount();
  await waitFor(() => expect(journal.closed).toBe(1));
});

test("une coupure se dit, le journal se rouvre, et rien n'y est en double", async () => {
  const journal = new Journal();
  open(journal);
  journal.say("une", "deux");
  await waitFor(() => expect(lines()).toHaveLength(2));
  journal.fail(Code.Unavailable);
  await screen.findByTestId("log-lost");
  expect(lines()).toEqual(["une", "deux"]);
  journal.say("une", "deux", "trois");
  await waitFor(() => expect(lines()).toEqual(["une", "deux", "trois"]));
  screen.getByTestId("log-live");
  expect(journal.opened).toBe(2);
});

test("une page cachée rend la connexion du journal, et le reprend là où il en était", async () => {
  const journal = new Journal();
  open(journal);
  const written = Array.from({ length: 1_200 }, (_, rank) => `ligne ${rank}`);
  journal.say(...written);
  await waitFor(() => expect(lines()).toHaveLength(1_200));
  filter("ligne 119");
  expect(lines()).toHaveLength(11);
  turn("hidden");
  await waitFor(() => expect(journal.closed).toBe(1));
  expect(lines()).toHaveLength(11);
  turn("visible");
  journal.say(...written, "ligne 1190 bis");
  await waitFor(() => expect(lines()).toHaveLength(12));
  expect([journal.opened, journal.closed, journal.tails]).toEqual([2, 1, [1_000, 1_200]]);
  expect(screen.getByTestId("log-live")).toBeTruthy();
});

test("un journal plus court qu'avant remplace quand même l'ancien, et ne s'en mêle pas en chemin", async () => {
  const journal = new Journal();
  open(journal);
  journal.say("une", "deux", "trois");
  await waitFor(() => expect(lines()).toHaveLength(3));
  turn("hidden");
  await waitFor(() => expect(journal.closed).toBe(1));
  turn("visible");
  const seen: number[] = [];
  const note = new MutationObserver(() => seen.push(lines().length));
  note.observe(screen.getByTestId("log-lines"), { childList: true });
  journal.say("a");
  journal.say("b");
  await waitFor(() => expect(lines()).toEqual(["a", "b"]));
  note.disconnect();
  expect(seen).toEqual([2]);
});

test("un refus n'est pas retenté au retour sur la page", async () => {
  const journal = new Journal();
  journal.refusal = new ConnectError("Une clé est nécessaire.", Code.Unauthenticated, { "grpc-status": "16" });
  open(journal);
  await screen.findByTestId("log-refusal");
  turn("hidden");
  turn("visible");
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(journal.opened).toBe(1);
  expect(screen.getByTestId("log-refusal")).toBeTruthy();
});

test("un refus n'est pas retenté tout seul, et se retente à la demande", async () => {
  const journal = new Journal();
  journal.refusal = new ConnectError("Une clé est nécessaire.", Code.Unauthenticated, { "grpc-status": "16" });
  open(journal);
  expect((await screen.findByTestId("log-refusal")).textContent).toContain("Une clé est nécessaire");
  expect(journal.opened).toBe(1);
  journal.refusal = undefined;
  journal.say("enfin");
  fireEvent.click(screen.getByTestId("log-retry"));
  await waitFor(() => expect(lines()).toEqual(["enfin"]));
});

test("remonter arrête le défilement, le bouton le reprend", async () => {
  const journal = new Journal();
  open(journal);
  journal.say("une");
  await waitFor(() => expect(lines()).toHaveLength(1));
  const zone = screen.getByTestId("log-lines");
  vi.spyOn(zone, "scrollHeight", "get").mockReturnValue(1_000);
  vi.spyOn(zone, "clientHeight", "get").mockReturnValue(100);
  journal.say("deux");
  await waitFor(() => expect(zone.scrollTop).toBe(1_000));

  zone.scrollTop = 200;
  fireEvent.scroll(zone);
  journal.say("trois");
  await waitFor(() => expect(lines()).toHaveLength(3));
  expect(zone.scrollTop).toBe(200);

  fireEvent.click(screen.getByTestId("log-follow"));
  expect(zone.scrollTop).toBe(1_000);
});
