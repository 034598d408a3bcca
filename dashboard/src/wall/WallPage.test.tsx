import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { act, fireEvent, screen, waitFor, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Router } from "wouter";
import { RecentProvider } from "../activity/RecentProvider";
import { AdminService, type StatusSchema, WatchStatusResponseSchema } from "../gen/passerelle/v1/admin_pb";
import { useHashPath, useHashSearch } from "../shell/hashLocation";
import { Shell } from "../shell/Shell";
import { StatusProvider } from "../status/StatusProvider";
import { gpuOf } from "../testing/gpuServer";
import { show } from "../testing/render";

const GIB = 1024 ** 3;
type Shape = MessageInitShape<typeof StatusSchema>;

const HOST = { cpuPercent: 37, memoryTotalBytes: 64 * GIB, memoryUsedBytes: 16 * GIB };
const BUSY = { running: 9, waiting: 4, tokensPerSecond: 1234.4, firstP95: durationFromMs(420), firstCount: 60 };

function eight(use = 10): Shape {
  return {
    models: [{ key: "qwen" }],
    host: { ...HOST, activity: { ...BUSY, waiting: 11 } },
    gpus: Array.from({ length: 8 }, (_, index) =>
      gpuOf(index, {
        uuid: `GPU-${index}`,
        utilizationPercent: use + index,
        temperatureCelsius: 64,
        powerWatts: 500,
        usedBytes: 70 * GIB,
        foreignBytes: 10 * GIB,
        leases: [{ replica: "qwen-0", reservedBytes: 60 * GIB }],
        processes: [
          { pid: 4, replica: "qwen-0", usedBytes: 60 * GIB },
          { pid: 5, usedBytes: 10 * GIB },
        ],
        activity: BUSY,
      }),
    ),
  };
}

/** Ouvre la page entière à l'adresse du mur ; rend de quoi faire dire l'état suivant, le dernier finissant le flux. */
function open(place: string, ...states: Shape[]) {
  location.hash = place;
  const steps: (() => void)[] = [];
  show(
    <StatusProvider>
      <Router hook={useHashPath} searchHook={useHashSearch}>
        <RecentProvider>
          <Shell />
        </RecentProvider>
      </Router>
    </StatusProvider>,
    (router) =>
      router.service(AdminService, {
        async *watchStatus(_request, { signal }) {
          for (const status of states.splice(0)) {
            yield create(WatchStatusResponseSchema, { status: { observedAt: timestampFromMs(Date.now()), ...status } });
            await new Promise<void>((resolve) => {
              steps.push(resolve);
              signal.addEventListener("abort", () => resolve(), { once: true });
            });
          }
        },
      }),
  );
  return () => act(async () => steps.shift()?.());
}

beforeEach(() => {
  vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response("", { status: 503 }));
  vi.stubGlobal("scrollTo", () => undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  location.hash = "";
});

const text = (id: string) => screen.getByTestId(id).textContent?.replace(/\s/g, " ");

test("une ligne par GPU dit tout ce qui l'occupe", async () => {
  open("#/mur", eight());
  await screen.findByTestId("wall-row-7");
  const figures = ["use", "temperature", "power", "queue", "rate", "first"].map((name) => text(`wall-${name}-3`));
  expect(figures).toEqual(["13 %", "64 °C", "500 W", "4", "1 234", "420 ms"]);
  expect(
    within(screen.getByTestId("wall-row-3")).getByText("qwen-0 60,0 Gio · autres programmes 10,0 Gio · sur 140,0 Gio"),
  ).toBeTruthy();
  expect(text("wall-total")).toBe("11 en file · 1 234 jetons/s · 1er jeton (p95) 420 ms · 4000 W");
  expect(text("wall-address")).toContain("/#/mur?plein=oui");
});

test("ce qu'on ne sait pas se dit, et un moteur d'audio dit son débit", async () => {
  const [first, second] = [gpuOf(0), gpuOf(1, { dirty: true, activity: { audioPerSecond: 42.5 } })];
  open("#/mur", { gpus: [first, second] });
  await screen.findByTestId("wall-row-1");
  expect(["temperature", "power", "queue", "rate", "first"].map((name) => text(`wall-${name}-0`))).toEqual([
    "—",
    "—",
    "0",
    "0",
    "—",
  ]);
  expect(text("wall-rate-1")).toBe("42,5");
  expect(within(screen.getByTestId("wall-row-1")).getByText("s d'audio/s")).toBeTruthy();
});

test("sans GPU, la ligne est celle de la machine, et le dit", async () => {
  open("#/mur", { host: { ...HOST, activity: BUSY }, models: [{ key: "qwen" }] });
  expect((await screen.findByTestId("wall-row-machine")).textContent).toContain("Machine");
  expect(text("wall-no-gpu")).toContain("Aucun GPU");
  expect(["use", "queue", "rate", "first"].map((name) => text(`wall-${name}-machine`))).toEqual([
    "37 %",
    "4",
    "1 234",
    "420 ms",
  ]);
  expect(screen.queryByTestId("wall-power-machine")).toBeNull();
  expect(screen.getByTestId("wall-spark-machine").getAttribute("href")).not.toContain("gpu=");
});

test("d'un pic à ses requêtes, par un lien que les flèches déplacent", async () => {
  const clock = vi.spyOn(Date, "now");
  // L'horloge du navigateur retarde d'une minute sur celle du serveur.
  const at = (seconds: number) => timestampFromMs(1_000_000_000_000 + 1_000 * seconds + 60_000);
  const say = (seconds: number, use: number): Shape => ({ ...eight(use), observedAt: at(seconds) });
  clock.mockReturnValue(1_000_000_000_000);
  const next = open("#/mur", say(0, 5), say(3, 90), say(6, 20));
  await screen.findByTestId("wall-row-7");
  for (const seconds of [3, 6]) {
    clock.mockReturnValue(1_000_000_000_000 + 1_000 * seconds);
    await next();
  }
  const link = screen.getByTestId("wall-spark-2");
  await waitFor(() => expect(link.dataset.points).toBe("3"));
  const moment = () => {
    const params = new URLSearchParams(link.getAttribute("href")?.split("?")[1]);
    return [params.get("gpu"), params.get("de"), params.get("a")];
  };
  // Le plus haut, d'emblée.
  expect(moment()).toEqual(["2", "2001-09-09T01:47:28.000Z", "2001-09-09T01:47:58.000Z"]);
  fireEvent.keyDown(link, { key: "ArrowLeft" });
  expect(moment()[1]).toBe("2001-09-09T01:47:25.000Z");
  fireEvent.keyDown(link, { key: "ArrowLeft" });
  fireEvent.keyDown(link, { key: "ArrowRight" });
  fireEvent.keyDown(link, { key: "ArrowRight" });
  fireEvent.keyDown(link, { key: "ArrowRight" });
  expect(moment()[1]).toBe("2001-09-09T01:47:31.000Z");
  expect(link.getAttribute("aria-label")).toContain("GPU 2, occupation de 7 % à 92 % : requêtes de");
});

test("la courbe montre ce qu'on a choisi, et l'adresse le garde", async () => {
  open("#/mur?courbe=first", eight());
  const link = await screen.findByTestId("wall-spark-0");
  expect(link.getAttribute("aria-label")).toContain("de 420 ms à 420 ms");
  fireEvent.change(screen.getByTestId("wall-curve"), { target: { value: "queue" } });
  await waitFor(() => expect(location.hash).toContain("courbe=queue"));
  expect(screen.getByTestId("wall-spark-0").getAttribute("aria-label")).toContain("de 4 à 4");
});

test("en plein écran il n'y a ni menu ni commande, et Échap en sort", async () => {
  open("#/mur?plein=oui&courbe=rate", eight());
  await screen.findByTestId("wall-row-7");
  expect(screen.queryByRole("navigation")).toBeNull();
  expect(screen.queryByRole("banner")).toBeNull();
  expect(screen.queryAllByRole("button")).toEqual([]);
  expect(screen.getByRole("main").getAttribute("aria-label")).toBe("Mur");
  fireEvent.keyDown(document, { key: "Escape" });
  await screen.findByTestId("wall-full");
  expect(location.hash).toBe("#/mur?courbe=rate");
});

test("le bouton demande l'écran au navigateur, et s'en passe s'il refuse", async () => {
  document.documentElement.requestFullscreen = vi.fn(() => Promise.reject(new TypeError("refus")));
  open("#/mur", eight());
  fireEvent.click(await screen.findByTestId("wall-full"));
  await waitFor(() => expect(location.hash).toBe("#/mur?plein=oui"));
  expect(document.documentElement.requestFullscreen).toHaveBeenCalled();
  await waitFor(() => expect(screen.queryByRole("navigation")).toBeNull());
  expect(screen.getByTestId("wall-row-7")).toBeTruthy();
});

test("un serveur qui se tait laisse ses mesures, avec leur âge, et revient de lui-même", async () => {
  const next = open("#/mur?plein=oui", eight());
  await screen.findByTestId("wall-row-7");
  expect(screen.queryByTestId("wall-stale")).toBeNull();
  await next();
  expect((await screen.findByTestId("wall-stale")).textContent).toMatch(/mesures d'il y a \d+ s\. Reprise automatique/);
  expect(text("wall-use-7")).toBe("17 %");
});

test("sans état encore, le plein écran le dit", async () => {
  open("#/mur?plein=oui");
  expect(await screen.findByTestId("wall-waiting")).toBeTruthy();
});
