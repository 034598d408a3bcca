import { Code } from "@connectrpc/connect";
import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { AdminService } from "../gen/passerelle/v1/admin_pb";
import { Capability, type Model, ModelState } from "../gen/passerelle/v1/model_pb";
import { OperationKind } from "../gen/passerelle/v1/operation_pb";
import { refusal } from "../testing/refusal";
import { show } from "../testing/render";
import { ModelCard } from "./ModelCard";
import { colorAt } from "./StateRail";
import { modelOf, NOW, replicaOf } from "./testing";

const asked: string[] = [];

/** Affiche la carte devant un serveur qui note ce qu'on lui demande. */
function card(model: Model, sleeps = false) {
  asked.length = 0;
  const note = (verb: string) => (request: { model: string; force?: boolean; onlyIfIdle?: boolean }) => {
    asked.push(`${verb} ${request.model}${request.force ? " force" : ""}${request.onlyIfIdle ? " si inactif" : ""}`);
    return {};
  };
  return show(<ModelCard model={model} now={NOW} sleeps={sleeps} />, (router) => {
    router.service(AdminService, {
      downloadModel: note("download"),
      loadModel: note("load"),
      unloadModel: note("unload"),
      sleepModel: note("sleep"),
      wakeModel: note("wake"),
      cancelOperation: () => ({}),
    });
  });
}

const button = (name: string) => screen.getByTestId(name) as HTMLButtonElement;

/** Appuie sur un bouton dès qu'il est permis. */
async function press(name: string) {
  await waitFor(() => expect(button(name).disabled).toBe(false));
  fireEvent.click(button(name));
}

test.each([
  [ModelState.UNAVAILABLE, "Dépôt"],
  [ModelState.DOWNLOADING, "Téléchargement"],
  [ModelState.CACHED, "Téléchargé"],
  [ModelState.LOADING, "Chargement"],
  [ModelState.UNLOADING, "Déchargement"],
  [ModelState.READY, "Prêt"],
  [ModelState.ASLEEP, "Endormi"],
])("l'état %i se voit sur le chemin", (state, label) => {
  card(modelOf({ state }));
  const rail = screen.getByRole("list", { name: /Vie du modèle/ });
  expect(rail.querySelector('[aria-current="step"]')?.textContent).toBe(label);
  expect(rail.querySelectorAll("li")).toHaveLength(4);
  expect(screen.getByTestId("model-state-qwen").textContent).toBe(label);
});

test("une étape faite garde sa couleur : seule celle en cours attend", () => {
  const colors = (state: ModelState) => [0, 1, 2, 3].map((index) => colorAt(state, index));
  for (const state of [ModelState.LOADING, ModelState.UNLOADING])
    expect(colors(state)).toEqual(["primary.main", "primary.main", "warning.main", ""]);
  expect(colors(ModelState.DOWNLOADING)).toEqual(["primary.main", "", "", ""]);
  expect(colors(ModelState.READY)).toEqual(Array(4).fill("success.main"));
});

test("ce qui est à télécharger, et qu'un modèle est de démonstration, se disent une fois", () => {
  const state = ModelState.UNAVAILABLE;
  card(modelOf({ state, artifactsCached: false, cachedBytes: 0, demonstration: true, notice: "Anglais seulement." }));
  // Ni le bouton, qui est un geste, ni ce qu'un lecteur d'écran entend de l'état.
  const said = [...screen.getByTestId("model-card-qwen").querySelectorAll("li, dd, .MuiChip-label, p")].map(
    (one) => one.textContent ?? "",
  );
  expect(said.filter((text) => /télécharg[ée]\w*r?\b|téléchargement/i.test(text) && text !== "Téléchargé")).toEqual([
    "Téléchargement requis",
  ]);
  expect(said.filter((text) => /démonstration/i.test(text))).toEqual(["Démonstration"]);
});

test.each([
  [Capability.CHAT, "#/essayer/conversation?modele=qwen"],
  [Capability.TRANSCRIBE, "#/essayer/audio?modele=qwen"],
  [Capability.DIARIZE, "#/essayer/audio?modele=qwen"],
])("un modèle prêt de capacité %i s'essaie", (capability, href) => {
  const { rerender } = card(modelOf({ capability }));
  expect(screen.getByRole("link", { name: "Essayer Qwen" }).getAttribute("href")).toBe(href);
  rerender(<ModelCard model={modelOf({ capability, state: ModelState.CACHED })} now={NOW} sleeps={false} />);
  expect(screen.queryByTestId("action-try-qwen")).toBeNull();
});

test("le badge suit les fichiers, que l'état change ou non", () => {
  const state = ModelState.UNAVAILABLE;
  const { rerender } = card(modelOf({ state, artifactsCached: false }));
  expect(screen.getByTestId("artifacts-qwen").textContent).toBe("Téléchargement requis");
  rerender(<ModelCard model={modelOf({ state })} now={NOW} sleeps={false} />);
  expect(screen.getByTestId("artifacts-qwen").textContent).toBe("Artefacts en cache");
});

test("un téléchargement interrompu se reprend, et dit ce qui est déjà là", async () => {
  card(modelOf({ state: ModelState.UNAVAILABLE, artifactsCached: false, cachedBytes: 12_000_000 }));
  expect(screen.getByTestId("action-help-qwen").textContent).toBe("11,4 Mio sur 93,5 Mio déjà sur le disque");
  expect(button("action-download-qwen").textContent).toBe("Reprendre");
  expect([button("action-load-qwen").disabled, button("action-unload-qwen").disabled]).toEqual([true, true]);
  await press("action-download-qwen");
  await waitFor(() => expect(asked).toEqual(["download qwen"]));
});

test("un modèle au repos se charge sans rien demander, et ne se décharge pas", async () => {
  card(modelOf({ state: ModelState.CACHED }));
  expect([button("action-download-qwen").disabled, button("action-unload-qwen").disabled]).toEqual([true, true]);
  await press("action-load-qwen");
  await waitFor(() => expect(asked).toEqual(["load qwen"]));
});

test("décharger dit ce que cela rend, et n'interroge personne si le modèle ne sert pas", async () => {
  card(modelOf({ replicas: [replicaOf(0, 0, { gpus: [0], gpuBytes: 58.2 * 2 ** 30 })] }));
  expect(screen.getByTestId("action-help-qwen").textContent).toBe("Décharger libère 58,2 Gio de GPU");
  expect(screen.getByTestId("replica-qwen-0").textContent).toMatch(/GPU 0 .* 58,2 Gio de GPU/);
  await press("action-unload-qwen");
  await waitFor(() => expect(asked).toEqual(["unload qwen si inactif"]));
});

test("une requête arrivée depuis le dernier état n'est pas interrompue : la page demande, avec le compte du serveur", async () => {
  const idle = modelOf({ replicas: [replicaOf(0, 0)] });
  const unloads: boolean[] = [];
  const { rerender } = show(<ModelCard model={idle} now={NOW} sleeps={false} />, (router) => {
    router.service(AdminService, {
      unloadModel: ({ onlyIfIdle }) => {
        unloads.push(onlyIfIdle);
        if (!onlyIfIdle) return {};
        const counts = { field: "only_if_idle", running: "2", waiting: "1" };
        throw refusal(Code.FailedPrecondition, "INVALID_STATE", "« qwen » est employé.", counts);
      },
    });
  });
  await press("action-unload-qwen");
  expect((await screen.findByTestId("confirm-busy")).textContent).toContain("2 en cours, 1 en attente");
  expect(screen.queryByTestId("model-failure-qwen")).toBeNull();
  expect(unloads).toEqual([true]);
  rerender(<ModelCard model={modelOf({ replicas: [replicaOf(1, 0)] })} now={NOW} sleeps={false} />);
  expect(screen.getByTestId("confirm-busy").textContent).toContain("1 en cours, 0 en attente");
  await press("confirm-drain");
  await waitFor(() => expect(unloads).toEqual([true, false]));
});

test("décharger un modèle employé demande s'il faut attendre ou interrompre", async () => {
  card(modelOf({ replicas: [replicaOf(2, 3)] }));
  expect(screen.getByTestId("action-help-qwen").textContent).toBe("Décharger libère environ 1,0 Gio de mémoire vive");
  await press("action-unload-qwen");
  expect(screen.getByTestId("confirm-busy").textContent).toContain("2 en cours, 3 en attente");
  expect(asked).toEqual([]);
  await press("confirm-force");
  await waitFor(() => expect(asked).toEqual(["unload qwen force"]));

  await press("action-unload-qwen");
  await press("confirm-drain");
  await waitFor(() => expect(asked.at(-1)).toBe("unload qwen"));
});

test("le nombre suit l'état : quand plus personne n'attend, il n'y a plus rien à interrompre", async () => {
  const { rerender } = card(modelOf({ replicas: [replicaOf(2, 3)] }));
  await press("action-unload-qwen");
  rerender(<ModelCard model={modelOf({ replicas: [replicaOf(0, 0)] })} now={NOW} sleeps={false} />);
  expect(screen.getByTestId("confirm-busy").textContent).toContain("Plus aucune requête");
  expect(screen.queryByTestId("confirm-force")).toBeNull();
  await press("confirm-unload");
  await waitFor(() => expect(asked).toEqual(["unload qwen si inactif"]));
  rerender(<ModelCard model={modelOf({ replicas: [replicaOf(2, 3)] })} now={NOW} sleeps={false} />);
  await press("action-unload-qwen");
  rerender(<ModelCard model={modelOf({ state: ModelState.CACHED })} now={NOW} sleeps={false} />);
  await waitFor(() => expect(screen.queryByTestId("confirm")).toBeNull());
});

test("endormir et réveiller n'apparaissent que quand ils ont un sens", async () => {
  const { rerender } = card(modelOf({ replicas: [replicaOf(1, 0)] }));
  expect(screen.queryByTestId("action-sleep-qwen")).toBeNull();
  rerender(<ModelCard model={modelOf({ replicas: [replicaOf(1, 0)] })} now={NOW} sleeps />);
  await press("action-sleep-qwen");
  expect(screen.getByTestId("confirm-busy").textContent).toContain("1 en cours");
  await press("confirm-drain");
  await waitFor(() => expect(asked).toEqual(["sleep qwen"]));
  rerender(<ModelCard model={modelOf({ state: ModelState.ASLEEP, replicas: [replicaOf(0, 0)] })} now={NOW} sleeps />);
  expect(screen.queryByTestId("action-sleep-qwen")).toBeNull();
  await press("action-wake-qwen");
  await waitFor(() => expect(asked.at(-1)).toBe("wake qwen"));
});

test("le dernier échec dit son motif, quand, que faire, et se retente", async () => {
  const lastError = {
    reason: "DISK_FULL",
    message: "Il manque de la place.",
    occurredAt: { seconds: BigInt(NOW - 240) },
  };
  card(modelOf({ state: ModelState.UNAVAILABLE, artifactsCached: false, lastError }));
  const shown = within(screen.getByTestId("model-error-qwen"));
  for (const text of [/il y a 4 min/, /DISK_FULL/, /Il manque de la place/, /Libérez dans MODEL_CACHE_DIR/])
    shown.getByText(text);
  await press("action-retry-qwen");
  await waitFor(() => expect(asked).toEqual(["download qwen"]));
});

test("un échec surmonté n'est plus qu'une ligne, sans remède", () => {
  const pastError = {
    reason: "WORKER_KILLED",
    message: "L'exemplaire qwen-0 a été tué par SIGKILL.",
    occurredAt: { seconds: BigInt(NOW - 240) },
  };
  card(modelOf({ pastError }));
  const shown = screen.getByTestId("model-past-error-qwen").textContent;
  expect(shown).toBe("Surmonté, il y a 4 min : WORKER_KILLED L'exemplaire qwen-0 a été tué par SIGKILL.");
  expect(screen.queryByTestId("model-error-qwen")).toBeNull();
});

test("un lecteur d'écran entend quel modèle change d'état, et rien d'un vieil échec", () => {
  const lastError = { reason: "DISK_FULL", message: "plein", occurredAt: { seconds: BigInt(NOW - 240) } };
  const { rerender } = card(modelOf({ state: ModelState.CACHED, lastError }));
  expect(screen.getAllByRole("status").map((one) => one.textContent)).toEqual(["Qwen : Téléchargé"]);
  expect(screen.queryByRole("alert")).toBeNull();
  expect(screen.getByRole("group", { name: "Dernier échec : Qwen" }).textContent).toContain("il y a 4 min");
  rerender(<ModelCard model={modelOf()} now={NOW} sleeps={false} />);
  expect(screen.getByRole("status").textContent).toBe("Qwen : Prêt");
});

const focused = () => document.activeElement?.textContent;

test("un bouton qui s'en va rend le foyer au nom du modèle", async () => {
  const missing = { state: ModelState.UNAVAILABLE, artifactsCached: false };
  const failed = modelOf({ ...missing, lastError: { reason: "DISK_FULL", message: "plein" } });
  const { rerender } = card(failed);
  button("action-retry-qwen").focus();
  await press("action-retry-qwen");
  await waitFor(() => expect(focused()).toBe("Qwen"));

  const operation = { id: "op-1", model: "qwen", kind: OperationKind.DOWNLOAD };
  rerender(<ModelCard model={modelOf({ ...missing, operation })} now={NOW} sleeps={false} />);
  button("action-cancel-qwen").focus();
  await press("action-cancel-qwen");
  await press("confirm-cancel");
  rerender(<ModelCard model={modelOf(missing)} now={NOW} sleeps={false} />);
  await waitFor(() => expect(focused()).toBe("Qwen"));
});

test("le foyer que la personne a mis ailleurs y reste", async () => {
  const operation = { id: "op-1", model: "qwen", kind: OperationKind.DOWNLOAD };
  const { rerender } = card(modelOf({ operation }));
  button("action-cancel-qwen").focus();
  button("action-cancel-qwen").blur();
  rerender(<ModelCard model={modelOf()} now={NOW} sleeps={false} />);
  expect(document.activeElement).toBe(document.body);
});

test("un refus se lit sur la carte, avec son remède, et se ferme", async () => {
  const refuse = () => {
    throw refusal(Code.Unauthenticated, "MISSING_API_KEY", "Une clé est nécessaire.");
  };
  show(<ModelCard model={modelOf({ state: ModelState.CACHED })} now={NOW} sleeps={false} />, (router) => {
    router.service(AdminService, { loadModel: refuse });
  });
  await press("action-load-qwen");
  const shown = await screen.findByTestId("model-failure-qwen");
  expect(shown.textContent).toMatch(/Une clé est nécessaire.*clé d'administration en haut de la page/);
  expect(shown.textContent).toContain("MISSING_API_KEY");
  fireEvent.click(within(shown).getByRole("button", { name: "Fermer" }));
  expect(screen.queryByTestId("model-failure-qwen")).toBeNull();
});

test("l'origine, l'âge de l'état et la dernière requête se lisent", () => {
  const at = (ago: number) => ({ seconds: BigInt(NOW - ago) });
  card(
    modelOf({
      stateSince: at(7_500),
      lastUsedAt: at(30),
      replicas: [replicaOf(0, 0)],
      demonstration: true,
      pinned: true,
    }),
  );
  const text = screen.getByTestId("model-card-qwen").textContent;
  expect(text).toMatch(/depuis 2 h 05/);
  expect(text).toMatch(/essai\/qwen.*main · commit 0123456.*Apache-2.0/);
  expect(text).toMatch(/dernière requête à l'instant/);
  expect(text).toMatch(/Démonstration.*Épinglé/);
});
