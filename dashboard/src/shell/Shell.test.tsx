import { act, cleanup, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Router } from "wouter";
import { RecentProvider } from "../activity/RecentProvider";
import { AdminService } from "../gen/passerelle/v1/admin_pb";
import { StatusProvider } from "../status/StatusProvider";
import { LiveStatus } from "../testing/liveStatus";
import { show } from "../testing/render";
import { useHashPath, useHashSearch } from "./hashLocation";
import { Shell } from "./Shell";

const scrolled = vi.fn();

beforeEach(() => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  vi.stubGlobal("scrollTo", scrolled);
});

afterEach(() => {
  scrolled.mockReset();
  vi.unstubAllGlobals();
  location.hash = "";
});

function open(server: ConstructorParameters<typeof LiveStatus>[1] = {}) {
  const live = new LiveStatus([{ key: "qwen" }], server);
  show(
    <StatusProvider>
      <Router hook={useHashPath} searchHook={useHashSearch}>
        <RecentProvider>
          <Shell />
        </RecentProvider>
      </Router>
    </StatusProvider>,
    (router) => router.service(AdminService, { watchStatus: (_, { signal }) => live.watch(signal) }),
  );
}

const main = () => screen.getByRole("main");
const goes = (title: string) => waitFor(() => expect(document.title).toContain(title));

test("une page s'ouvre à son début, dit son nom et prend le focus ; revenir ne touche à rien", async () => {
  const person = userEvent.setup();
  open();
  await goes("Modèles");
  expect(scrolled).not.toHaveBeenCalled();
  expect(document.activeElement).toBe(document.body);

  await person.click(screen.getByTestId("nav-/machine"));
  await goes("Machine");
  expect(scrolled.mock.calls).toEqual([[{ top: 0, left: 0, behavior: "instant" }]]);
  expect(document.activeElement).toBe(main());
  expect(main().getAttribute("aria-label")).toBe("Machine");

  screen.getByTestId("key-open").focus();
  act(() => history.back());
  await goes("Modèles");
  expect(scrolled).toHaveBeenCalledTimes(1);
  expect(document.activeElement).toBe(screen.getByTestId("key-open"));
});

test("un serveur sans clé le dit ; rien n'est dit avant de savoir, ni avec des clés", async () => {
  open();
  expect(screen.queryByTestId("open-notice")).toBeNull();
  expect((await screen.findByTestId("open-notice")).textContent).toContain("OPENAI_KEYS");
  cleanup();
  open({ apiKeyRequired: true });
  await goes("Modèles");
  await screen.findByTestId("model-card-qwen");
  expect(screen.queryByTestId("open-notice")).toBeNull();
});

test("une adresse donnée à la main, ou un lien nu, s'ouvre aussi à son début", async () => {
  open();
  await goes("Modèles");
  act(() => {
    location.hash = "/machine";
  });
  await goes("Machine");
  expect(scrolled).toHaveBeenCalledTimes(1);
  expect(document.activeElement).toBe(main());
});

test("le menu « Essayer » d'un téléphone mène au contenu, non à son propre bouton", async () => {
  const person = userEvent.setup();
  open();
  await goes("Modèles");
  await person.click(screen.getByRole("button", { name: "Essayer", hidden: true }));
  await person.click(await screen.findByRole("menuitem", { name: "Micro" }));
  await goes("Micro");
  await waitFor(() => expect(screen.queryByRole("menu")).toBeNull());
  expect(document.activeElement).toBe(main());
});

test("changer les filtres d'une page n'y touche pas", async () => {
  open();
  await goes("Modèles");
  act(() => {
    location.hash = "/activite";
  });
  await goes("Activité");
  scrolled.mockReset();
  act(() => {
    location.hash = "/activite?etat=echec";
  });
  await waitFor(() => expect(location.hash).toContain("echec"));
  expect(scrolled).not.toHaveBeenCalled();
});

test("une adresse inconnue le dit, garde son adresse, et ramène à l'accueil", async () => {
  const person = userEvent.setup();
  open();
  await goes("Modèles");
  act(() => {
    location.hash = "/nulle-part?x=1";
  });
  expect((await screen.findByTestId("page-unknown")).textContent).toContain("« /nulle-part »");
  expect(document.title).toContain("aucune page");
  expect(location.hash).toBe("#/nulle-part?x=1");
  await person.click(screen.getByTestId("page-home"));
  await goes("Modèles");
  expect(screen.queryByTestId("page-unknown")).toBeNull();
});
