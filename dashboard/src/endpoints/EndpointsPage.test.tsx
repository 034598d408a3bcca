import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AdminService, StatusSchema } from "../gen/passerelle/v1/admin_pb";
import { Capability } from "../gen/passerelle/v1/model_pb";
import { EndpointGroup, type EndpointSchema, KeyScope } from "../gen/passerelle/v1/route_pb";
import { StatusProvider } from "../status/StatusProvider";
import { show } from "../testing/render";
import { EndpointsPage } from "./EndpointsPage";

beforeEach(() => vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch"))));
afterEach(() => vi.unstubAllGlobals());

function endpoint(
  host: string,
  init: MessageInitShape<typeof EndpointSchema>,
): MessageInitShape<typeof EndpointSchema> {
  return { host, port: 8000, url: `http://${host}:8000${init.path}`, ...init };
}

function open(keyed: boolean) {
  const endpoints = ["gpu.example", "localhost"].flatMap((host) => [
    endpoint(host, {
      name: "Conversation",
      method: "POST",
      path: "/v1/chat/completions",
      group: EndpointGroup.OPENAI,
      key: KeyScope.INFERENCE,
    }),
    endpoint(host, {
      name: "Vivant",
      method: "GET",
      path: "/healthz",
      group: EndpointGroup.PROBES,
      key: KeyScope.NONE,
    }),
  ]);
  const models = [
    { key: "qwen", aliases: ["gpt"], capability: Capability.CHAT, features: ["tools", "rare"], languages: ["fr"] },
  ];
  return show(
    <StatusProvider>
      <EndpointsPage />
    </StatusProvider>,
    (router) =>
      router.service(AdminService, {
        async *watchStatus(_request, { signal }) {
          yield { status: create(StatusSchema, { apiKeyRequired: keyed, adminKeyRequired: keyed }), sequence: 1 };
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
        getCapabilities: () => ({ endpoints, models, limits: { chat: { maxN: 16 } } }),
      }),
    "/acces",
  );
}

const urls = () => screen.getAllByTestId("endpoint-url").map((one) => one.textContent);

test("chaque adresse se montre par hôte, et se copie", async () => {
  const person = userEvent.setup();
  open(false);
  await screen.findAllByTestId("endpoint");
  expect(urls()).toEqual([
    "http://gpu.example:8000/v1/chat/completions",
    "http://localhost:8000/v1/chat/completions",
    "http://gpu.example:8000/healthz",
    "http://localhost:8000/healthz",
  ]);
  await person.selectOptions(screen.getByTestId("endpoint-host"), "gpu.example");
  expect(urls()).toEqual(["http://gpu.example:8000/v1/chat/completions", "http://gpu.example:8000/healthz"]);
  const [copy] = screen.getAllByTestId("endpoint-copy");
  await person.click(copy as HTMLElement);
  expect(await navigator.clipboard.readText()).toBe("http://gpu.example:8000/v1/chat/completions");
  expect(screen.queryByText("clé d'inférence")).toBeNull();
});

test("la clé, l'exemple, ce que sait faire un modèle et les limites se lisent", async () => {
  const person = userEvent.setup();
  open(true);
  const [first] = await screen.findAllByTestId("endpoint");
  const row = within(first as HTMLElement);
  expect(row.getByText("clé d'inférence")).toBeTruthy();
  await person.click(row.getByTestId("endpoint-sample"));
  const code = await row.findByTestId("snippet-code");
  expect(code.textContent).toContain("http://gpu.example:8000/v1/chat/completions");
  expect(code.textContent).toContain("$PASSERELLE_KEY");
  const card = screen.getByTestId("features-qwen").textContent;
  expect(card).toContain("gpt");
  expect(card).toContain("français (fr)");
  expect(card).toContain("outils");
  expect(card).toContain("rare");
  expect(screen.getByText("Réponses par requête, au plus").closest("tr")?.textContent).toContain("16");
});

test("les familles se replient, et une recherche ne garde que ce qui porte ses mots, sans accents ni ordre", async () => {
  const person = userEvent.setup();
  open(false);
  await screen.findAllByTestId("endpoint");
  const [openAi, probes] = screen
    .getAllByTestId("endpoint-family")
    .map((one) => within(one).getByRole("button", { expanded: one === screen.getAllByTestId("endpoint-family")[0] }));
  expect(openAi?.textContent).toContain("1 route");
  await person.click(probes as HTMLElement);
  expect(probes?.getAttribute("aria-expanded")).toBe("true");

  await person.type(screen.getByTestId("endpoint-search"), "SONDE healthz");
  expect(urls()).toEqual(["http://gpu.example:8000/healthz", "http://localhost:8000/healthz"]);
  expect(screen.queryByTestId("features-qwen")).toBeNull();
  expect(screen.queryAllByTestId("limit")).toEqual([]);

  await person.clear(screen.getByTestId("endpoint-search"));
  await person.type(screen.getByTestId("endpoint-search"), "reponses requete");
  expect(screen.queryAllByTestId("endpoint")).toEqual([]);
  expect(screen.getAllByTestId("limit").map((row) => row.textContent)).toEqual([expect.stringContaining("16")]);

  await person.type(screen.getByTestId("endpoint-search"), " zzz");
  expect(screen.getByTestId("endpoint-none").textContent).toContain("zzz");
});
