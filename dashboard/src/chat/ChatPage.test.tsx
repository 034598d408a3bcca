import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { act, fireEvent, screen, waitFor } from "@testing-library/react";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { expect, onTestFinished, test } from "vitest";
import { ChatRole } from "../gen/passerelle/v1/chat_pb";
import { ModelState } from "../gen/passerelle/v1/model_pb";
import { OperationKind, OperationSchema } from "../gen/passerelle/v1/operation_pb";
import { refusal } from "../testing/refusal";
import { defaultsFor } from "./question";
import { hello, input, QWEN, serve, until } from "./serve";
import { keep, setSettings } from "./talk";

async function ask(person: UserEvent, text: string) {
  await person.type(await input(), `${text}{Enter}`);
}

function answers() {
  return screen.getAllByTestId("chat-answer").map((answer) => answer.textContent);
}

/** Une porte qu'une réponse attend, et que l'essai ouvre. */
function gate() {
  let open = () => {};
  const pass = () =>
    new Promise<void>((resolve) => {
      open = resolve;
    });
  return { pass, open: () => open() };
}

const refused = (message: string) => new ConnectError(message, Code.InvalidArgument, { "grpc-status": "3" });

test("la réponse vient au fil de l'eau, puis dit ce qu'elle a coûté", async () => {
  const person = userEvent.setup();
  const more = gate();
  const { asked } = serve({
    answer: async function* () {
      yield { deltas: [{ content: "Bon" }] };
      await more.pass();
      yield* hello();
    },
  });
  await ask(person, "Salut");
  await waitFor(() => expect(answers()).toEqual(["Bon"]));
  expect(screen.queryByTestId("chat-end")).toBeNull();
  more.open();
  const end = await screen.findByTestId("chat-end");
  expect(end.textContent).toMatch(/premier mot en .*3 lus, 2 jetons écrits.*fin : réponse entière/);
  await waitFor(() => expect(answers()).toEqual(["BonBonjour."]));
  expect(asked[0]?.request).toMatchObject({ model: "qwen", options: { maxTokens: 1024 } });
});

test("Maj et Entrée va à la ligne, Entrée envoie, et la suite porte ce qui précède", async () => {
  const person = userEvent.setup();
  const { asked } = serve();
  await ask(person, "un{Shift>}{Enter}{/Shift}deux");
  await screen.findByTestId("chat-end");
  await ask(person, "trois");
  await waitFor(() => expect(screen.getAllByTestId("chat-end")).toHaveLength(2));
  const said = asked[1]?.request?.messages.map(({ role, content }) => [role, content[0]?.part.value]);
  expect(said).toEqual([
    [ChatRole.USER, "un\ndeux"],
    [ChatRole.ASSISTANT, "Bonjour."],
    [ChatRole.USER, "trois"],
  ]);
});

test.each([
  ["le bouton", (person: UserEvent) => person.click(screen.getByTestId("chat-stop"))],
  ["Échap", (person: UserEvent) => person.keyboard("{Escape}")],
])("%s arrête l'appel lui-même, et garde ce qui est venu", async (_name, stop) => {
  const person = userEvent.setup();
  let cancelled = false;
  serve({
    answer: async function* (_request, { signal }) {
      yield { deltas: [{ content: "Il était" }] };
      await until(signal);
      cancelled = true;
    },
  });
  await ask(person, "Raconte");
  await waitFor(() => expect(answers()).toEqual(["Il était"]));
  await stop(person);
  expect((await screen.findByTestId("chat-end")).textContent).toContain("Réponse arrêtée");
  await waitFor(() => expect(cancelled).toBe(true));
  expect(answers()).toEqual(["Il était"]);
  expect(screen.queryByTestId("chat-failure")).toBeNull();
});

test("un double-clic sur « Envoyer » n'arrête pas la réponse ; une touche sur « Arrêter » l'arrête", async () => {
  const person = userEvent.setup();
  serve({
    answer: async function* (_request, { signal }) {
      yield { deltas: [{ content: "Il était" }] };
      await until(signal);
    },
  });
  await person.type(await input(), "Raconte");
  await person.dblClick(screen.getByTestId("chat-send"));
  await waitFor(() => expect(answers()).toEqual(["Il était"]));
  expect(screen.queryByTestId("chat-end")).toBeNull();
  screen.getByTestId("chat-stop").focus();
  await person.keyboard("{Enter}");
  expect((await screen.findByTestId("chat-end")).textContent).toContain("Réponse arrêtée");
  // « Envoyer », sans rien à envoyer, ne garde pas le clavier.
  expect(document.activeElement).toBe(await input());
});

test("un double-clic sur « Arrêter » n'envoie pas la question déjà écrite", async () => {
  const person = userEvent.setup();
  const { asked } = serve();
  await person.type(await input(), "Raconte");
  fireEvent.click(screen.getByTestId("chat-send"), { detail: 2 });
  expect(asked).toHaveLength(0);
  fireEvent.click(screen.getByTestId("chat-send"), { detail: 1 });
  await screen.findByTestId("chat-end");
  expect(asked).toHaveLength(1);
});

test("une erreur en cours de réponse montre le message du serveur, et ce qui était venu", async () => {
  const person = userEvent.setup();
  serve({
    answer: async function* () {
      yield { deltas: [{ content: "Il était" }] };
      throw refused("La requête compte 5000 jetons, plus que le contexte du modèle (4096).");
    },
  });
  await ask(person, "Raconte");
  expect((await screen.findByTestId("chat-failure")).textContent).toContain("5000 jetons");
  await waitFor(() => expect(answers()).toEqual(["Il était"]));
  expect(screen.getByTestId("chat-end").textContent).toContain("Réponse interrompue");
});

test("un modèle déchargé exprès en pleine réponse le dit, sans proposer de le recharger", async () => {
  const person = userEvent.setup();
  serve({
    answer: async function* () {
      yield { deltas: [{ content: "Il était" }] };
      throw refusal(
        Code.Unavailable,
        "MODEL_UNLOADED",
        "Le modèle a été déchargé ; la requête, refaite, le rechargerait.",
      );
    },
  });
  await ask(person, "Raconte");
  expect((await screen.findByTestId("chat-failure")).textContent).toBe(
    "Le modèle a été déchargé : la réponse s'arrête là.",
  );
  await screen.findByTestId("chat-edit");
  expect(screen.queryByTestId("chat-again")).toBeNull();
});

test("un modèle absent se charge sous les yeux de la personne", async () => {
  const person = userEvent.setup();
  const operation = create(OperationSchema, { kind: OperationKind.LOAD, progress: { phase: "opening" } });
  serve({
    models: [{ ...QWEN, state: ModelState.LOADING, operation }],
    answer: async function* (_request, { signal }) {
      yield {};
      await until(signal);
    },
  });
  expect((await screen.findByText(/première question le chargera/)).textContent).toContain("pas chargé");
  await ask(person, "Salut");
  expect((await screen.findByTestId("chat-waiting")).textContent).toContain("Chargement : ouverture du modèle");
});

test("refaire repose la question, modifier la remplace", async () => {
  const person = userEvent.setup();
  const { asked } = serve();
  await ask(person, "un");
  await person.click(await screen.findByTestId("chat-again"));
  await waitFor(() => expect(asked).toHaveLength(2));
  expect(asked[1]?.request?.messages).toHaveLength(1);

  await person.click(await screen.findByTestId("chat-edit"));
  expect(await input()).toHaveProperty("value", "un");
  await ask(person, " bis");
  await waitFor(() => expect(asked).toHaveLength(3));
  expect(asked[2]?.request?.messages.map(({ content }) => content[0]?.part.value)).toEqual(["un bis"]);
  expect(screen.getAllByTestId("chat-question").map((one) => one.textContent)).toEqual(["un bis"]);
});

test("deux modèles répondent côte à côte, chacun à la suite de ce qui précède ; un arrêt les arrête tous deux", async () => {
  const person = userEvent.setup();
  let cancelled = 0;
  const { asked } = serve({
    models: [QWEN, { ...QWEN, key: "smol", displayName: "Smol" }],
    answer: async function* ({ request }, { signal }) {
      yield { deltas: [{ content: `${request?.model} ${request?.messages.length}` }] };
      if (request?.messages.length === 1) return;
      await until(signal);
      cancelled += 1;
    },
  });
  await ask(person, "un");
  await waitFor(() => expect(answers()).toEqual(["qwen 1"]));
  act(() => setSettings({ ...defaultsFor({}), versus: "smol" }));
  await ask(person, "deux");
  await waitFor(() => expect(answers()).toEqual(["qwen 1", "qwen 3", "smol 3"]));
  const said = asked.slice(1).map(({ request }) => request?.messages.map(({ content }) => content[0]?.part.value));
  expect(said).toEqual([
    ["un", "qwen 1", "deux"],
    ["un", "qwen 1", "deux"],
  ]);
  expect(screen.getAllByTestId("chat-question")).toHaveLength(2);
  fireEvent.keyDown(document.body, { key: "Escape" });
  await waitFor(() => expect(cancelled).toBe(2));
  await waitFor(() => expect(screen.getAllByTestId("chat-end")).toHaveLength(3));
});

test("un navigateur qui ne peut pas garder la conversation le dit, et elle reste à l'écran", async () => {
  const person = userEvent.setup();
  // jsdom n'a pas d'IndexedDB.
  keep(true);
  onTestFinished(() => void keep(false));
  serve();
  await ask(person, "Salut");
  expect((await screen.findByTestId("chat-trouble")).textContent).toContain("refuse de garder");
  await waitFor(() => expect(answers()).toEqual(["Bonjour."]));
});

test("changer de page n'arrête rien et ne perd rien", async () => {
  const person = userEvent.setup();
  const end = gate();
  serve({
    answer: async function* () {
      yield { deltas: [{ content: "Bon" }] };
      await end.pass();
      yield { deltas: [{ content: "jour.", finishReason: "stop" }] };
    },
  });
  await ask(person, "Salut");
  await waitFor(() => expect(answers()).toEqual(["Bon"]));
  await person.type(await input(), "suite");
  await person.click(screen.getByText("autre page"));
  expect(screen.queryByTestId("chat-answer")).toBeNull();
  end.open();
  await person.click(screen.getByText("autre page"));
  await waitFor(() => expect(answers()).toEqual(["Bonjour."]));
  expect(await input()).toHaveProperty("value", "suite");
});

test("un lecteur d'écran entend la réponse une fois, entière", async () => {
  const person = userEvent.setup();
  const parts = gate();
  serve({
    answer: async function* () {
      for (const content of ["Bon", "jour", "."]) {
        yield { deltas: [{ content }] };
        await parts.pass();
      }
    },
  });
  await ask(person, "Salut");
  const log = screen.getByRole("log");
  const heard = () => log.querySelector(":scope > [role=status]")?.textContent;
  for (const text of ["Bon", "Bonjour", "Bonjour."]) {
    await waitFor(() => expect(answers()).toEqual([text]));
    expect(heard()).toBe("Le modèle répond.");
    parts.open();
  }
  await waitFor(() => expect(heard()).toBe("Qwen : Bonjour."));
  expect(log.getAttribute("aria-live")).toBe("off");
});

test("un réglage hors limite empêche l'envoi et le dit", async () => {
  const person = userEvent.setup();
  const { asked } = serve();
  await person.type(await input(), "Salut");
  await person.click(screen.getByTestId("chat-adjust"));
  await person.type(screen.getByTestId("chat-setting-temperature"), "3");
  expect(screen.getByText("De 0 à 2 (ici : 3).")).toBeTruthy();
  await person.type(await input(), "{Enter}");
  expect(screen.getByTestId("chat-send")).toHaveProperty("disabled", true);
  await person.click(screen.getByTestId("chat-settings-reset"));
  await person.type(screen.getByTestId("chat-setting-temperature"), "0");
  await person.type(screen.getByTestId("chat-setting-system"), "Sois bref.");
  await person.type(await input(), "{Enter}");
  await screen.findByTestId("chat-end");
  expect(asked).toHaveLength(1);
  expect(asked[0]?.request?.options?.temperature).toBe(0);
  expect(asked[0]?.request?.messages[0]?.role).toBe(ChatRole.SYSTEM);
});

test("la requête montrée est celle qui est partie, même si les réglages ont changé depuis", async () => {
  const person = userEvent.setup();
  serve();
  await ask(person, "Salut");
  await person.click(await screen.findByTestId("chat-request"));
  await person.click(screen.getByTestId("chat-adjust"));
  await person.type(screen.getByTestId("chat-setting-seed"), "42");
  const code = (await screen.findByTestId("snippet-code")).textContent ?? "";
  expect(code).toContain(`${location.origin}/v1/chat/completions`);
  expect(code).toContain('"content": "Salut"');
  expect(code).not.toContain("42");
});

test("« Essayer » ouvre la page sur son modèle, même après un autre choix", async () => {
  const person = userEvent.setup();
  const { asked } = serve({ models: [QWEN, { ...QWEN, key: "smol", displayName: "Smol" }], search: "modele=smol" });
  await ask(person, "un");
  await waitFor(() => expect(asked.map(({ request }) => request?.model)).toEqual(["smol"]));
  await screen.findByTestId("chat-end");
  act(() => setSettings({ ...defaultsFor({}), model: "qwen" }));
  await ask(person, "deux");
  await waitFor(() => expect(asked.map(({ request }) => request?.model)).toEqual(["smol", "qwen"]));
  // Revenir par la carte demande de nouveau le premier.
  await person.click(screen.getByText("autre page"));
  await person.click(screen.getByText("autre page"));
  await ask(person, "trois");
  await waitFor(() => expect(asked.map(({ request }) => request?.model)).toEqual(["smol", "qwen", "smol"]));
});
