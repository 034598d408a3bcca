import { create } from "@bufbuild/protobuf";
import { screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { AdminService, StatusSchema } from "../gen/passerelle/v1/admin_pb";
import { show } from "../testing/render";
import { StatusProvider, useKeyed } from "./StatusProvider";

afterEach(() => vi.unstubAllGlobals());

function Said() {
  return <output>{useKeyed() ? "à clé" : "libre"}</output>;
}

test("le serveur de la page dit la clé d'avance, puis l'état du serveur l'emporte", async () => {
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ api_key_required: true })));
  let tell = () => {};
  show(
    <StatusProvider>
      <Said />
    </StatusProvider>,
    ({ service }) => {
      service(AdminService, {
        async *watchStatus(_request, { signal }) {
          await new Promise<void>((resolve) => {
            tell = resolve;
          });
          yield { status: create(StatusSchema, { apiKeyRequired: false }) };
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
      });
    },
  );
  await waitFor(() => expect(screen.getByRole("status").textContent).toBe("à clé"));
  tell();
  await waitFor(() => expect(screen.getByRole("status").textContent).toBe("libre"));
});
