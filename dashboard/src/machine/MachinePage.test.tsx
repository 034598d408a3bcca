import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { act, cleanup, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AdminService, type StatusSchema, WatchStatusResponseSchema } from "../gen/passerelle/v1/admin_pb";
import { StatusProvider } from "../status/StatusProvider";
import { show } from "../testing/render";
import { MachinePage } from "./MachinePage";
import { MachinePanel } from "./MachinePanel";

const GIB = 1024 ** 3;
type Shape = MessageInitShape<typeof StatusSchema>;

const HOST = {
  cpuPercent: 37,
  cpuCount: 8,
  memoryTotalBytes: 64 * GIB,
  memoryUsedBytes: 16 * GIB,
  cacheDiskTotalBytes: 1e12,
  cacheDiskFreeBytes: 4e11,
  cacheUsedBytes: 1e11,
  readyModels: 1,
  cachedModels: 1,
};

function gpu(index: number, utilizationPercent = 10) {
  return {
    index,
    physicalIndex: index,
    uuid: `GPU-${index}`,
    name: "H200",
    totalBytes: 140 * GIB,
    usedBytes: 60 * GIB,
    freeBytes: 80 * GIB,
    utilizationPercent,
    temperatureCelsius: 64,
    powerWatts: 0,
    leases: [{ replica: "qwen-0", reservedBytes: 60 * GIB }],
    processes: [{ pid: 4, replica: "qwen-0", usedBytes: 60 * GIB }],
  };
}

/** Affiche la page devant un serveur qui dit ces états ; rend de quoi passer au suivant. */
function showMachine(content: React.ReactNode, ...states: Shape[]) {
  const steps: (() => void)[] = [];
  show(<StatusProvider>{content}</StatusProvider>, (router) =>
    router.service(AdminService, {
      async *watchStatus(_request, { signal }) {
        for (const status of states) {
          yield create(WatchStatusResponseSchema, { status });
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
});
afterEach(() => vi.restoreAllMocks());

test("un GPU dit qui le tient, combien, et ce qu'on ne sait pas", async () => {
  showMachine(<MachinePage />, { host: HOST, models: [{ key: "qwen" }], gpus: [gpu(0)] });
  const tile = await screen.findByTestId("gpu-0");
  expect(within(tile).getByTestId("gpu-0-memory").textContent).toBe("60,0 Gio sur 140,0 Gio");
  expect(within(tile).getByTestId("gpu-0-stack").getAttribute("aria-label")).toBe(
    "Mémoire : qwen-0 60,0 Gio, libre 80,0 Gio",
  );
  expect(within(tile).getByTestId("gpu-0-power").textContent).toBe("non mesuré");
  expect(within(tile).getByTestId("curve-gpu/GPU-0/use").getAttribute("aria-label")).toBe(
    "Occupation : de 10 % à 10 %, maintenant 10 %",
  );
});

test("une mesure qui change se voit, et sa courbe s'allonge", async () => {
  const clock = vi.spyOn(Date, "now").mockReturnValue(0);
  const next = showMachine(<MachinePage />, { host: HOST, gpus: [gpu(0, 10)] }, { host: HOST, gpus: [gpu(0, 90)] });
  expect((await screen.findByTestId("gpu-0-use")).textContent).toBe("10 %");
  clock.mockReturnValue(3_000);
  await next();
  expect((await screen.findByText("de 10 % à 90 %")).textContent).toBeTruthy();
  expect(screen.getByTestId("gpu-0-use").textContent).toBe("90 %");
  const curve = screen.getByTestId("curve-gpu/GPU-0/use");
  expect(curve.dataset.points).toBe("2");
  expect(curve.getAttribute("aria-label")).toBe("Occupation, sur 3 s : de 10 % à 90 %, maintenant 90 %");
});

test("un GPU dit son numéro sur la machine et son UUID, que sa position ne dit pas", async () => {
  const given = [5, 1].map((physicalIndex, index) => ({ ...gpu(index), physicalIndex, uuid: `GPU-${physicalIndex}` }));
  showMachine(<MachinePage />, { host: HOST, gpus: given });
  expect((await screen.findByTestId("gpu-0-identity")).textContent).toBe("n° 5 de la machine · GPU-5");
  cleanup();
  showMachine(<MachinePanel />, { host: HOST, gpus: given });
  const first = await screen.findByTestId("panel-gpu-0");
  expect(first.textContent).toContain("GPU 0 · n° 5 de la machine");
  expect(first.title).toBe("n° 5 de la machine · GPU-5");
  expect(screen.getByTestId("panel-gpu-1").textContent).not.toContain("de la machine");
});

test("un GPU sali le dit, avec sa raison", async () => {
  const soiled = { ...gpu(0), dirty: true, dirtyReason: "GPU 0 : 1024 Mio restent après l'arrêt de qwen-0." };
  showMachine(<MachinePage />, { host: HOST, gpus: [soiled] });
  expect((await screen.findByTestId("gpu-0-dirty")).textContent).toContain("1024 Mio restent");
  expect(screen.getByText("Sali")).toBeTruthy();
});

test("sans GPU, la page dit si c'est voulu, ou quoi vérifier", async () => {
  const next = showMachine(
    <MachinePage />,
    { host: HOST, models: [{ key: "qwen", demonstration: true }] },
    { host: HOST, models: [{ key: "qwen" }] },
  );
  expect((await screen.findByTestId("no-gpu")).textContent).toContain("profil de démonstration");
  await next();
  expect((await screen.findByText("Aucun GPU visible.")).textContent).toBeTruthy();
  expect(screen.getByTestId("no-gpu").textContent).toContain("nvidia-smi");
});

test("l'hôte, le cache et les processus ont leurs chiffres", async () => {
  showMachine(<MachinePage />, {
    host: HOST,
    startedAt: timestampFromMs(1_000_000),
    observedAt: timestampFromMs(1_000_000 + 3_720_000),
    models: [
      { key: "qwen", artifactsCached: true, cachedBytes: 5e9, totalBytes: 5e9 },
      { key: "canary", cachedBytes: 1e9, totalBytes: 4e9 },
      { key: "pyannote", totalBytes: 3e7 },
      { key: "whisper" },
      { key: "parakeet", cachedBytes: 1e9 },
    ],
    processes: [
      { name: "envoy", pid: 12, restarts: 3 },
      { name: "qwen-0", broken: true, restarts: 5 },
    ],
  });
  expect((await screen.findByTestId("machine-uptime")).textContent).toBe("En marche depuis 1 h 02 min");
  expect(screen.getByTestId("host-cpu-use").textContent).toBe("37 %");
  expect(screen.getByTestId("cache-qwen").textContent).toContain("en cache4,7 Gio");
  expect(screen.getByTestId("cache-canary").textContent).toContain("953,7 Mio sur 3,7 Gio");
  expect(screen.getByTestId("cache-pyannote").textContent).toContain("à télécharger");
  expect(screen.getByTestId("cache-whisper").textContent).toBe("whisperà téléchargerconnue au téléchargement");
  expect(screen.getByTestId("cache-parakeet").textContent).toBe("parakeet953,7 Mioconnue au téléchargement");
  expect(screen.getByTestId("process-envoy").textContent).toBe("envoyen marche123");
  expect(screen.getByTestId("process-qwen-0").textContent).toContain("trop de chutes");
});

test("un GPU qu'un autre programme occupe n'est pas libre", async () => {
  const alone = { ...gpu(1), leases: [], processes: [], usedBytes: 0, freeBytes: 140 * GIB };
  const foreign = { ...alone, index: 2, uuid: "GPU-2", usedBytes: 30 * GIB, foreignBytes: 30 * GIB };
  showMachine(<MachinePage />, { host: HOST, gpus: [gpu(0), alone, foreign] });
  await screen.findByTestId("gpu-0");
  const holders = [0, 1, 2].map((index) => screen.getByTestId(`gpu-${index}-holder`).textContent);
  expect(holders).toEqual(["1 exemplaire", "Libre", "Autres programmes"]);
});

test("le résumé tient seize GPU, chacun lisible sans couleur", async () => {
  const gpus = Array.from({ length: 16 }, (_, index) => gpu(index));
  showMachine(<MachinePanel />, { host: HOST, models: [{ key: "qwen" }], gpus });
  await screen.findByTestId("machine-panel");
  expect(screen.getAllByTestId(/^panel-gpu-\d+$/)).toHaveLength(16);
  expect(screen.getByTestId("panel-gpu-15").textContent).toBe("GPU 1510 % · 80,0 Gio libre");
  expect(screen.getByRole("img", { name: "GPU 15 : qwen-0 60,0 Gio, libre 80,0 Gio" })).toBeTruthy();
});
