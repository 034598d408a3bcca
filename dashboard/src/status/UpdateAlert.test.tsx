import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AdminService, StatusSchema } from "../gen/passerelle/v1/admin_pb";
import { show } from "../testing/render";
import { LinkAlert } from "./LinkAlert";
import { StatusProvider, useServer } from "./StatusProvider";
import { UpdateAlert } from "./UpdateAlert";

type Shown = Omit<MessageInitShape<typeof StatusSchema>, "$typeName" | "$unknown">;

function Version() {
  return <p data-testid="version">{useServer().status?.version}</p>;
}

/** Faux serveur : il dit chaque état qu'on lui donne, et coupe ses flux à l'arrêt ; `page` est celle qu'il sert. */
function server(first: Shown) {
  const wake = new Set<() => void>();
  const here = { status: first, up: true, page: '<script type="module" src="/assets/index-AAA.js"></script>' };
  const change = (changes: Partial<typeof here>) => {
    Object.assign(here, changes);
    for (const one of wake) one();
  };
  const routes = (router: ConnectRouter) =>
    router.service(AdminService, {
      async *watchStatus(_request, { signal }) {
        while (!signal.aborted) {
          if (!here.up) throw new ConnectError("arrêté", Code.Unavailable);
          const changed = new Promise<void>((resolve) => {
            wake.add(resolve);
            signal.addEventListener("abort", () => resolve());
          });
          yield { status: create(StatusSchema, here.status) };
          await changed;
        }
      },
    });
  vi.spyOn(globalThis, "fetch").mockImplementation(async (address) =>
    here.up && address === "/" ? new Response(here.page) : new Response("", { status: 503 }),
  );
  show(
    <StatusProvider>
      <LinkAlert />
      <UpdateAlert />
      <Version />
    </StatusProvider>,
    routes,
  );
  return change;
}

const BEFORE: Shown = { version: "0.1.0", build: "7515820aaaa", startedAt: { seconds: 100n } };

async function restarted(change: ReturnType<typeof server>, status: Shown, page?: string) {
  await screen.findByText("0.1.0");
  change({ up: false });
  await screen.findByTestId("link-lost");
  change({ up: true, status, ...(page && { page }) });
  await userEvent.click(screen.getByTestId("link-retry"));
  await waitFor(() => expect(screen.getByTestId("link").dataset.link).toBe("connected"));
}

const program = document.createElement("script");
program.type = "module";
// Le type d'abord : jsdom n'exécute pas un module.
program.src = "/assets/index-AAA.js";

beforeEach(() => document.head.append(program));

afterEach(() => {
  program.remove();
  vi.restoreAllMocks();
});

test("un arrêt demandé se dit aussitôt, puis pendant l'absence, sans les conseils d'une panne", async () => {
  const change = server(BEFORE);
  await screen.findByText("0.1.0");
  expect(screen.queryByTestId("link-connected")).toBeNull();
  change({ status: { ...BEFORE, stoppingAt: { seconds: 200n } } });
  expect((await screen.findByTestId("link-connected")).textContent).toMatch(/s'arrête, à la demande de son exploitant/);
  change({ up: false });
  const lost = await screen.findByTestId("link-lost");
  expect(lost.textContent).toMatch(/redémarre ou se met à jour.*État d'il y a/);
  expect(lost.querySelector("li")).toBeNull();
  change({ up: true, status: { ...BEFORE, startedAt: { seconds: 300n } } });
  await userEvent.click(screen.getByTestId("link-retry"));
  await waitFor(() => expect(screen.queryByTestId("link-lost")).toBeNull());
  expect(screen.queryByTestId("link-connected")).toBeNull();
  // Le même serveur, la même page : rien de plus à dire.
  expect(screen.queryByTestId("page-update")).toBeNull();
});

test("une autre version se dit ; ses fichiers étant autres, la page propose de se recharger, ou plus tard", async () => {
  const change = server(BEFORE);
  const after = { version: "0.2.0", build: "", startedAt: { seconds: 300n } };
  await restarted(change, after, '<script type="module" src="/assets/index-BBB.js"></script>');
  const said = await screen.findByTestId("page-update");
  expect(said.textContent).toMatch(/revenu, en version 0\.2\.0\..*celle d'avant.*rechargez-la/);
  expect(screen.getByRole("button", { name: "Recharger la page" })).toBeTruthy();
  await userEvent.click(screen.getByTestId("page-update-later"));
  expect(screen.queryByTestId("page-update")).toBeNull();
});

test.each<[string, Shown, string | undefined, RegExp | undefined]>([
  [
    "un commit de plus, la même page",
    { build: "abcdef012345" },
    undefined,
    /revenu, en version 0\.1\.0 \(abcdef0\)\.$/,
  ],
  ["le tableau de bord seul", {}, "index-BBB.js", /avec un autre tableau de bord\..*rechargez-la/],
  ["rien", {}, undefined, undefined],
])("au retour : %s", async (_name, changes, page, expected) => {
  const change = server(BEFORE);
  const after = { ...BEFORE, ...changes, startedAt: { seconds: 300n } };
  await restarted(change, after, page && `<script type="module" src="/assets/${page}"></script>`);
  if (expected) {
    expect((await screen.findByTestId("page-update")).textContent).toMatch(expected);
  } else {
    await waitFor(() => expect(vi.mocked(fetch).mock.calls.some(([address]) => address === "/")).toBe(true));
    expect(screen.queryByTestId("page-update")).toBeNull();
  }
});
