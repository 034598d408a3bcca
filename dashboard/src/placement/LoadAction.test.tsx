import { Code } from "@connectrpc/connect";
import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent, { PointerEventsCheckLevel } from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import { ModelState } from "../gen/passerelle/v1/model_pb";
import { StatusProvider, useServer } from "../status/StatusProvider";
import { GIB, GpuServer, gpuOf, modelOf, verdictOf } from "../testing/gpuServer";
import { refusal } from "../testing/refusal";
import { show } from "../testing/render";
import { LoadAction } from "./LoadAction";

// Une machine chargée rend une suite de gestes lente, non fausse.
vi.setConfig({ testTimeout: 40_000 });

// jsdom met plus de temps à chercher ce qui recouvre un bouton qu'à y appuyer.
const user = userEvent.setup({ pointerEventsCheck: PointerEventsCheckLevel.Never });

/** Les boutons du premier modèle, tels qu'une carte les montre. */
function Card() {
  const model = useServer().status?.models[0];
  if (!model) return null;
  return <LoadAction model={model} idle={!model.operation} call={async (verb) => void (await verb())} />;
}

async function card(changes: Partial<GpuServer> = {}) {
  const server = Object.assign(new GpuServer(), changes);
  show(
    <StatusProvider>
      <Card />
    </StatusProvider>,
    server.routes,
  );
  const load = await screen.findByTestId("action-load-qwen");
  return { server, load };
}

async function opened(changes: Partial<GpuServer> = {}) {
  const { server, load } = await card(changes);
  await user.click(load);
  await waitFor(() => expect(server.checks.length).toBeGreaterThan(0));
  return server;
}

const text = (id: string) => screen.getByTestId(id).textContent ?? "";
const start = () => screen.getByTestId<HTMLButtonElement>("placement-start");
const says = (id: string, part: string | RegExp) => waitFor(() => expect(text(id)).toMatch(part));

test("sur le processeur, le chargement part d'un geste, et les options sont à côté", async () => {
  const { server, load } = await card({ models: [modelOf({ gpusPerReplica: 0 })] });
  await user.click(load);
  await waitFor(() => expect(server.loads).toHaveLength(1));
  expect(server.checks).toHaveLength(0);
  server.answer = () => ({ fits: true, replicas: 1 });
  await user.click(screen.getByTestId("action-options-qwen"));
  await says("placement-verdict", "Tient : 1 exemplaire sur le processeur.");
  expect(screen.queryByTestId("placement-gpus")).toBeNull();
});

/** La case d'un GPU. */
const box = (gpu: number) => within(screen.getByTestId(`placement-gpu-${gpu}`)).getByRole<HTMLInputElement>("checkbox");

test("les cases se déplient dans la boîte, et le verdict, à côté, les suit", async () => {
  const server = await opened();
  expect(server.loads).toHaveLength(0);
  await says("placement-gpus", "GPU 0");
  await user.click(screen.getByTestId("placement-gpus"));
  await user.click(screen.getByTestId("placement-gpu-3"));
  await user.click(screen.getByTestId("placement-gpu-5"));
  await says("placement-verdict", "Tient : 3 exemplaires de 1 GPU, sur les GPU 0, 3 et 5.");
  expect(box(5).checked).toBe(true);
  // Rien ne flotte au-dessus du verdict : les cases sont du dialogue.
  expect(screen.getByTestId("placement-dialog").contains(screen.getByTestId("placement-gpu-menu"))).toBe(true);
  expect(server.checks.at(-1)?.gpus).toEqual([0, 3, 5]);
  await user.click(start());
  await waitFor(() => expect(screen.queryByTestId("placement-dialog")).toBeNull());
  expect(server.loads).toHaveLength(1);
  expect(server.loads[0]).toMatchObject({ model: "qwen", gpus: [0, 3, 5], makeRoom: false });
  expect(server.loads[0]?.replicas).toBeUndefined();
});

test("chaque ligne du menu dit qui tient le GPU, et ce qui cloche", async () => {
  const lease = { replica: "qwen-0", reservedBytes: 20 * GIB };
  await opened({
    gpus: [
      gpuOf(0, { availableBytes: 20 * GIB, usedBytes: 100 * GIB, foreignBytes: 100 * GIB, leases: [lease] }),
      gpuOf(1, { dirty: true, dirtyReason: "GPU 1 : 512 Mio restent." }),
    ],
  });
  await user.click(screen.getByTestId("placement-gpus"));
  expect(text("placement-gpu-0")).toContain("20,0 Gio disponibles sur 140,0 Gio");
  expect(text("placement-gpu-0")).toContain("qwen-0, réservé 20,0 Gio");
  expect(text("placement-gpu-0")).toContain("autres programmes 100,0 Gio");
  expect(text("placement-gpu-1")).toContain("512 Mio restent");
});

test("un refus dit ses chiffres, et ne se lance pas", async () => {
  const reason = "GPU 0 : « qwen-0 » demande 126,0 Gio, et 10,0 Gio sont disponibles.";
  const refused = verdictOf(0, { fits: false, availableBytes: 10 * GIB, reason });
  const server = await opened({
    answer: () => ({
      fits: false,
      replicas: 1,
      gpusPerReplica: 1,
      gpus: [refused],
      error: { reason: "GPU_MEMORY_INSUFFICIENT", message: reason },
    }),
  });
  await says("placement-verdict", "Ne tient pas sur le GPU 0.");
  expect(text("placement-reason")).toBe(reason);
  expect(text("placement-seat-0")).toContain("demande 126,0 Gio, 10,0 Gio disponibles");
  expect(text("placement-seat-0")).toContain("déjà pris 130,0 Gio");
  expect(text("placement-dialog")).toContain("ne suffirait pas");
  expect(start().disabled).toBe(true);
  expect(server.loads).toHaveLength(0);
});

test("faire de la place demande un accord, que tout autre choix retire", async () => {
  const other = modelOf({ key: "canary", displayName: "Canary", replicas: [{ id: "canary-0", gpuBytes: 8 * GIB }] });
  let evictions = ["canary"];
  const server = await opened({
    models: [modelOf(), other],
    answer: ({ gpus }) => ({
      fits: false,
      replicas: 1,
      gpusPerReplica: 1,
      gpus: [verdictOf(gpus[0] ?? 0)],
      evictions,
    }),
  });
  await says("placement-room", "Canary est inactif et rendrait 8,0 Gio.");
  expect(start().disabled).toBe(true);
  const agree = () => within(screen.getByTestId("placement-room-agree")).getByRole<HTMLInputElement>("checkbox");
  await user.click(agree());
  await user.click(within(screen.getByTestId("placement-pinned")).getByRole("switch"));
  expect(agree().checked).toBe(false);
  await user.click(agree());
  // La machine change, et d'autres devraient partir : l'accord donné ne vaut pas pour eux.
  evictions = ["canary", "pyannote"];
  server.say({ gpus: [gpuOf(0, { availableBytes: 0 })] });
  await waitFor(() => expect(agree().checked).toBe(false));
  evictions = ["canary"];
  server.say({ gpus: [gpuOf(0)] });
  await waitFor(() => expect(agree().checked).toBe(true));
  expect(start().textContent).toBe("Décharger, puis charger");
  await user.click(start());
  await waitFor(() => expect(server.loads[0]).toMatchObject({ makeRoom: true, pinned: true }));
});

test("sans GPU coché, rien ne se lance, et le choix du serveur revient d'un geste", async () => {
  const server = await opened();
  await says("placement-gpus", "GPU 0");
  await user.click(screen.getByTestId("placement-gpus"));
  await user.click(screen.getByTestId("placement-gpu-0"));
  expect(text("placement-verdict")).toBe("Demande à corriger.");
  expect(text("placement-gpus-help")).toContain("Cochez un GPU");
  expect(start().disabled).toBe(true);
  await user.click(screen.getByTestId("placement-gpus-reset"));
  await says("placement-gpus", "GPU 0");
  await waitFor(() => expect(start().disabled).toBe(false));
  expect(server.loads).toHaveLength(0);
});

test("une suite de frappes ne demande qu'un verdict, et la demande dépassée est abandonnée", async () => {
  const server = await opened();
  await says("placement-verdict", "Tient");
  server.answer = ({ replicas }) =>
    replicas === 12 ? new Promise(() => {}) : { fits: true, replicas: replicas ?? 1, gpusPerReplica: 1 };
  const before = server.checks.length;
  const field = screen.getByTestId("placement-replicas");
  for (const value of ["3", "4", "12"]) fireEvent.change(field, { target: { value } });
  expect(start().disabled).toBe(true);
  await waitFor(() => expect(server.checks).toHaveLength(before + 1));
  const gone = server.aborted;
  fireEvent.change(field, { target: { value: "2" } });
  await waitFor(() => expect(server.aborted).toBe(gone + 1));
  await says("placement-verdict", "2 exemplaires de 1 GPU");
  expect(server.checks.slice(before).map((one) => one.replicas)).toEqual([12, 2]);
});

test("une option a la saisie de son genre, et le refus s'écrit dessous", async () => {
  const server = await opened({
    models: [
      modelOf({
        loadOptions: ["share", "eager", "cache", "extra"],
        loadSwitches: ["cache"],
        loadOptionDefaults: { share: 0.9, eager: false },
        options: { share: 0.7 },
      }),
    ],
    answer: (request) => {
      if (request.options?.share === 2) {
        const message = "options.share : 2 est hors des limites (une part de 0 à 1).";
        throw refusal(Code.InvalidArgument, "INVALID_REQUEST", message, { field: "options.share" });
      }
      return { fits: true, replicas: 1, gpusPerReplica: 1 };
    },
  });
  const share = screen.getByTestId<HTMLInputElement>("placement-option-share");
  expect(share.value).toBe("0,7");
  expect(text("placement-dialog")).toContain("Profil : 0,9.");
  fireEvent.change(share, { target: { value: "beaucoup" } });
  expect(text("placement-dialog")).toContain("« beaucoup » n'est pas un nombre.");
  expect(text("placement-verdict")).toBe("Demande à corriger.");
  fireEvent.change(share, { target: { value: "2" } });
  await says("placement-dialog", "hors des limites");
  expect(text("placement-verdict")).toBe("Demande à corriger.");
  expect(start().disabled).toBe(true);
  fireEvent.change(share, { target: { value: "0,5" } });
  for (const name of ["eager", "cache"])
    await user.click(within(screen.getByTestId(`placement-option-${name}`)).getByRole("switch"));
  fireEvent.change(screen.getByTestId("placement-option-extra"), { target: { value: "[32, 64]" } });
  await waitFor(() => expect(start().disabled).toBe(false));
  await user.click(start());
  await waitFor(() =>
    expect(server.loads[0]?.options).toEqual({ share: 0.5, eager: true, cache: true, extra: [32, 64] }),
  );
});

test("le choix retenu par le serveur se retrouve, et le refus d'un temps s'écrit dessous", async () => {
  const server = await opened({
    models: [modelOf({ selectedGpus: [2, 6], selectedReplicas: 2, pinned: true, idleUnload: { seconds: 5400n } })],
    answer: () => ({ fits: true, replicas: 2, gpusPerReplica: 1, gpus: [verdictOf(2), verdictOf(6)] }),
    accept: () => {
      throw refusal(Code.InvalidArgument, "INVALID_REQUEST", "idle_unload : trop long.", { field: "idle_unload" });
    },
  });
  await says("placement-gpus", "GPU 2 et 6");
  expect(screen.getByTestId<HTMLInputElement>("placement-replicas").value).toBe("2");
  expect(within(screen.getByTestId("placement-pinned")).getByRole<HTMLInputElement>("switch").checked).toBe(true);
  const idle = screen.getByTestId<HTMLInputElement>("placement-idle");
  expect(idle.value).toBe("90");
  fireEvent.change(idle, { target: { value: "99999999" } });
  await waitFor(() => expect(start().disabled).toBe(false));
  await user.click(start());
  await says("placement-dialog", "idle_unload : trop long.");
  expect(server.loads[0]?.idleUnload?.seconds).toBe(5999999940n);
  expect(server.loads[0]?.gpus).toEqual([]);
});

test("un modèle chargé se redimensionne, sans changer d'options", async () => {
  const loaded = { state: ModelState.READY, replicas: [{ id: "qwen-0", gpus: [4] }], loadOptions: ["share"] };
  const { server } = await card({ models: [modelOf(loaded)] });
  await user.click(screen.getByTestId("action-resize-qwen"));
  await says("placement-gpus", "GPU 0 et 4");
  expect(text("placement-dialog")).toContain("déchargez d'abord le modèle");
  await user.click(screen.getByTestId("placement-gpus"));
  await user.click(screen.getByTestId("placement-gpu-0"));
  await says("placement-gpus", /^GPU 4$/);
  await waitFor(() => expect(start().disabled).toBe(false));
  await user.click(start());
  await waitFor(() => expect(server.loads[0]?.gpus).toEqual([4]));
});

test("retirer des exemplaires dit lesquels, qui ils servent, et le temps qui leur reste", async () => {
  const replicas = [
    { id: "qwen-0", gpus: [0] },
    { id: "qwen-1", gpus: [1], runningRequests: 2, waitingRequests: 1 },
  ];
  const served = () => modelOf({ state: ModelState.READY, replicas });
  const { server } = await card({
    models: [served()],
    answer: () => ({ fits: true, replicas: 1, gpusPerReplica: 1, leaving: ["qwen-1"] }),
  });
  await user.click(screen.getByTestId("action-resize-qwen"));
  await says("placement-verdict", "un autre s'arrête.");
  await says("placement-leaving", /^qwen-1 s'arrêtera.*2 en cours, 1 en attente.*après 30 s est interrompu/);
  Object.assign(replicas[1] ?? {}, { runningRequests: 0, waitingRequests: 0 });
  server.say({ models: [served()] });
  await says("placement-leaving", "Aucune requête");
});
