import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { screen, waitFor } from "@testing-library/react";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { accessKey, setAccessKey } from "../api/accessKey";
import { AdminService, StatusSchema } from "../gen/passerelle/v1/admin_pb";
import { StatusProvider } from "../status/StatusProvider";
import { refusal } from "../testing/refusal";
import { show } from "../testing/render";
import { turn } from "../testing/visibility";
import { AccessProvider } from "./AccessProvider";
import { KeyButton } from "./KeyButton";

let broken = false;
let checks = 0;
const opens: Record<string, [boolean, boolean] | undefined> = {};

beforeEach(() => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  Object.assign(opens, { inference: [true, false], admin: [true, true] });
});

afterEach(() => {
  broken = false;
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  setAccessKey("");
});

/** Un serveur à clés, qui ne connaît que celles de `opens`. */
function server(router: ConnectRouter) {
  router.service(AdminService, {
    async *watchStatus(_request, { signal }) {
      yield { status: create(StatusSchema, { apiKeyRequired: true, adminKeyRequired: true }), sequence: 1 };
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
    getAccess() {
      checks += 1;
      if (broken) throw new ConnectError("en panne", Code.Unavailable, { "grpc-status": "14" });
      const found = opens[accessKey()];
      const ended = { revoquee: "REVOKED_API_KEY", expiree: "EXPIRED_API_KEY" }[accessKey()];
      if (ended) throw refusal(Code.Unauthenticated, ended, "finie");
      if (!found) throw new ConnectError("inconnue", Code.Unauthenticated);
      return { inference: found[0], admin: found[1] };
    },
  });
}

async function give(person: UserEvent, key: string, then: () => Promise<void> = () => person.keyboard("{Enter}")) {
  await person.clear(screen.getByTestId("access-key"));
  await person.paste(key);
  await then();
}

async function open() {
  const person = userEvent.setup();
  show(
    <StatusProvider>
      <AccessProvider>
        <KeyButton required />
      </AccessProvider>
    </StatusProvider>,
    server,
  );
  await person.click(screen.getByTestId("key-open"));
  await screen.findByTestId("key-dialog");
  return person;
}

const state = () => screen.getByTestId("key-open").dataset.state;

test("une clé fausse est refusée sous son champ, une bonne est confirmée", async () => {
  const person = await open();
  expect(state()).toBe("missing");
  expect((await screen.findByTestId("key-needs")).textContent).toContain("OPENAI_KEYS");
  await give(person, "fausse");
  await waitFor(() => expect(screen.getByTestId("key-help").textContent).toMatch(/clé est refusée/));
  expect(screen.getByTestId("access-key").getAttribute("aria-invalid")).toBe("true");
  expect(state()).toBe("refused");

  await give(person, "admin");
  expect((await screen.findByTestId("key-accepted")).textContent).toContain("administration");
  expect(screen.getByTestId("access-key").getAttribute("aria-invalid")).toBe("false");
  expect([state(), localStorage.length]).toEqual(["accepted", 0]);
});

test("une clé finie dit comment, et une clé partielle ce qu'elle ouvre", async () => {
  Object.assign(opens, { seule: [false, true], mesures: [false, false] });
  const person = await open();
  const said = { revoquee: /refusée : elle a été révoquée/, expiree: /refusée : elle a expiré/ };
  for (const [key, words] of Object.entries(said)) {
    await give(person, key);
    await waitFor(() => expect(screen.getByTestId("key-help").textContent?.replace(/\s/g, " ")).toMatch(words));
  }
  for (const [key, words] of Object.entries({ seule: "pour l", mesures: "ni l" })) {
    await give(person, key);
    await waitFor(() => expect(screen.getByTestId("key-accepted").textContent).toContain(words));
  }
});

test("une vérification qui échoue se refait en redonnant la même clé", async () => {
  broken = true;
  const person = await open();
  await give(person, "admin");
  expect(await screen.findByText("en panne")).toBeTruthy();
  broken = false;
  await person.click(screen.getByTestId("key-use"));
  await screen.findByTestId("key-accepted");
});

test("revenir sur l'onglet fait revérifier la clé, sans oublier ce qu'on en sait", async () => {
  const person = await open();
  await give(person, "admin");
  await screen.findByTestId("key-accepted");
  const states = new Set<string | undefined>();
  const note = new MutationObserver(() => states.add(state()));
  note.observe(screen.getByTestId("key-open"), { attributes: true });
  const before = checks;
  turn("hidden");
  opens.admin = undefined;
  turn("visible");
  await waitFor(() => expect(state()).toBe("refused"));
  note.disconnect();
  expect([...states, checks - before]).toEqual(["refused", 1]);
});

test("une clé d'inférence dit ce qu'elle n'ouvre pas", async () => {
  const person = await open();
  await give(person, "inference", () => person.click(screen.getByTestId("key-use")));
  expect((await screen.findByTestId("key-accepted")).textContent).toMatch(/inférence ; agir sur les modèles/);
});

test("une clé impossible n'est pas prise ; une autre est retenue à la demande, puis oubliée", async () => {
  const person = await open();
  await give(person, "clé");
  expect(screen.getByTestId("key-help").textContent).toContain("ni espace ni accent");
  expect(accessKey()).toBe("");
  await person.click(screen.getByRole("checkbox"));
  await give(person, "admin");
  await screen.findByTestId("key-accepted");
  expect([localStorage.length, sessionStorage.length]).toEqual([1, 0]);
  await person.click(screen.getByTestId("key-forget"));
  expect([localStorage.length, accessKey(), state()]).toEqual([0, "", "missing"]);
});

test("un navigateur qui ne retient rien le dit, et la clé sert quand même", async () => {
  for (const place of ["localStorage", "sessionStorage"] as const) {
    vi.spyOn(window, place, "get").mockImplementation(() => {
      throw new DOMException("The operation is insecure.", "SecurityError");
    });
  }
  const person = await open();
  expect(screen.getByTestId("key-memory").textContent).toContain("refuse");
  expect(screen.getByRole<HTMLInputElement>("checkbox").disabled).toBe(true);
  await give(person, "admin");
  await screen.findByTestId("key-accepted");
});
