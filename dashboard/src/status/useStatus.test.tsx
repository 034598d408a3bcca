import { create } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { act, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import { AdminService, WatchStatusResponseSchema } from "../gen/passerelle/v1/admin_pb";
import { useVerb } from "../models/useVerb";
import { show } from "../testing/render";
import { turn } from "../testing/visibility";
import { LinkAlert } from "./LinkAlert";
import { StatusProvider, useAway, useServer } from "./StatusProvider";

function Version() {
  const { status, history } = useServer();
  const points = history.pieces("host/cpu").map((piece) => piece.length);
  return <p data-testid="seen">{status ? `${status.version} ${points.join(" ")}` : "rien"}</p>;
}

/** Un geste sur un modèle, et ce qui empêche de converser. */
function Acts() {
  return (
    <>
      <button type="button" data-testid="verb" disabled={useVerb().busy} />
      <p data-testid="away">{useAway()}</p>
    </>
  );
}

/**
 * Faux serveur : chaque flux dit un état, puis se tait jusqu'à son abandon, ou jusqu'à ce qu'on le coupe (`cut`) ou qu'il
 * finisse (`end`) ; `up` faux, il refuse ; `mute`, il ne dit rien.
 */
function server() {
  const seen = { opened: 0, open: 0, up: true, mute: false };
  const kill: (() => void)[] = [];
  const finish: (() => void)[] = [];
  const routes = (router: ConnectRouter) =>
    router.service(AdminService, {
      async *watchStatus(_request, { signal }) {
        seen.opened += 1;
        if (!seen.up) throw new ConnectError("HTTP 503", Code.Unavailable);
        seen.open += 1;
        try {
          const status = { version: `v${seen.opened}`, host: { cpuPercent: 10 } };
          if (!seen.mute) yield create(WatchStatusResponseSchema, { status });
          await new Promise<void>((resolve, reject) => {
            finish.push(resolve);
            kill.push(() => reject(new ConnectError("coupé", Code.Unavailable)));
            signal.addEventListener("abort", () => resolve(), { once: true });
          });
        } finally {
          seen.open -= 1;
        }
      },
    });
  return {
    seen,
    routes,
    cut: () => kill.splice(0).map((one) => one()),
    end: () => finish.splice(0).map((one) => one()),
  };
}

function showPage(routes: (router: ConnectRouter) => void, probe = () => new Response("", { status: 503 })) {
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => probe());
  show(
    <StatusProvider>
      <LinkAlert />
      <Version />
      <Acts />
    </StatusProvider>,
    routes,
  );
}

function link() {
  return screen.getByTestId("link").dataset.link;
}

afterEach(() => vi.restoreAllMocks());

test("une page cachée rend sa connexion, garde l'état, et la reprend dès qu'on la voit", async () => {
  const { seen, routes } = server();
  showPage(routes);
  await waitFor(() => expect(screen.getByTestId("seen").textContent).toBe("v1 1"));
  expect(link()).toBe("connected");
  turn("hidden");
  await waitFor(() => expect(seen.open).toBe(0));
  expect(link()).toBe("paused");
  expect(screen.getByTestId("seen").textContent).toBe("v1 1");
  act(() => void window.dispatchEvent(new Event("online")));
  expect(seen.opened).toBe(1);
  turn("visible");
  await waitFor(() => expect(link()).toBe("connected"));
  // Les deux points ne sont pas reliés.
  expect(screen.getByTestId("seen").textContent).toBe("v2 1 1");
  expect([seen.opened, seen.open]).toEqual([2, 1]);
});

test("un retour qui tarde dit l'âge de ce qu'on voit", async () => {
  const { seen, routes } = server();
  showPage(routes);
  await waitFor(() => expect(link()).toBe("connected"));
  seen.mute = true;
  turn("hidden");
  turn("visible");
  expect((await screen.findByTestId("link-paused")).textContent).toMatch(/Mise à jour.*État d'il y a \d+ s\./);
  expect(screen.getByTestId("seen").textContent).toBe("v1 1");
});

test("une page ouverte cachée n'ouvre rien avant d'être vue", async () => {
  const { seen, routes } = server();
  vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  showPage(routes);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(seen.opened).toBe(0);
  turn("visible");
  await waitFor(() => expect(screen.getByTestId("seen").textContent).toBe("v1 1"));
});

test("un flux perdu dit l'âge de l'état, le garde, et se rouvre sur demande", async () => {
  const { seen, routes, cut } = server();
  showPage(routes);
  await waitFor(() => expect(link()).toBe("connected"));
  seen.up = false;
  act(() => void cut());
  expect((await screen.findByTestId("link-lost")).textContent).toMatch(/perdue.*État d'il y a \d+ s\./);
  expect(screen.getByTestId("seen").textContent).toBe("v1 1");
  // L'âge avance hors de la région annoncée.
  expect(screen.getByTestId("link-age").getAttribute("aria-live")).toBe("off");
  seen.up = true;
  await userEvent.click(screen.getByTestId("link-retry"));
  await waitFor(() => expect(link()).toBe("connected"));
  expect(screen.queryByTestId("link-lost")).toBeNull();
});

test("un flux qui finit de lui-même, longtemps tenu, est rouvert sans que rien ne se dise", async () => {
  const { seen, routes, end } = server();
  showPage(routes);
  await waitFor(() => expect(link()).toBe("connected"));
  const links = new Set<string | undefined>();
  const note = new MutationObserver(() => links.add(link()));
  note.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  const began = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => began + 7_200_000);
  act(() => void end());
  await waitFor(() => expect(screen.getByTestId("seen").textContent).toMatch(/^v2/));
  note.disconnect();
  expect([...links]).toEqual(["connected"]);
  expect(seen.open).toBe(1);
});

test("un retour sur la page ne dit rien de la mise à jour tant qu'elle ne tarde pas", async () => {
  const { seen, routes } = server();
  showPage(routes);
  await waitFor(() => expect(link()).toBe("connected"));
  seen.mute = true;
  turn("hidden");
  // Cachée plus longtemps que la patience : elle ne se compte que sous les yeux.
  await act(() => new Promise((resolve) => setTimeout(resolve, 600)));
  turn("visible");
  expect(screen.queryByTestId("link-paused")).toBeNull();
  await screen.findByTestId("link-paused");
});

test("ce que le serveur donne pour raison remplace les conseils", async () => {
  const { seen, routes } = server();
  seen.up = false;
  const reason = "Le plan de contrôle ne répond pas : les modèles chargés servent.";
  showPage(routes, () => Response.json({ ready: false, reasons: [reason] }, { status: 503 }));
  await waitFor(() => expect(screen.getByTestId("link-lost").textContent).toContain(reason));
  expect(screen.getByTestId("link-lost").textContent).not.toContain("make run");
});

test("un serveur injoignable dès l'ouverture se dit, avec quoi faire", async () => {
  const { seen, routes } = server();
  seen.up = false;
  showPage(routes);
  const message = await screen.findByTestId("link-lost");
  expect(message.textContent).toContain("Le serveur ne répond pas");
  expect(message.textContent).toContain("make run");
  expect(screen.getByTestId("seen").textContent).toBe("rien");
});

test.each([
  [
    "le plan de contrôle seul, on converse encore",
    Response.json({ reasons: ["Le plan de contrôle ne répond pas."] }),
    "",
  ],
  ["le serveur entier, plus rien ne part", new Response("", { status: 503 }), "Le serveur ne répond pas"],
])("perdre %s", async (_name, probe, away) => {
  const { seen, routes, cut } = server();
  showPage(routes, () => probe.clone());
  await waitFor(() => expect(link()).toBe("connected"));
  const verb = screen.getByTestId<HTMLButtonElement>("verb");
  expect([verb.disabled, screen.getByTestId("away").textContent]).toEqual([false, ""]);
  seen.up = false;
  act(() => void cut());
  expect((await screen.findByTestId("link-lost")).textContent).toContain("attend son retour");
  await waitFor(() => expect(screen.getByTestId("away").textContent).toContain(away));
  expect([verb.disabled, screen.getByTestId("away").textContent !== ""]).toEqual([true, away !== ""]);
  seen.up = true;
  await userEvent.click(screen.getByTestId("link-retry"));
  await waitFor(() => expect([verb.disabled, screen.getByTestId("away").textContent]).toEqual([false, ""]));
});
