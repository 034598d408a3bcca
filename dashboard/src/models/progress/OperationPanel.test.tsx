import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { AdminService } from "../../gen/passerelle/v1/admin_pb";
import { OperationKind, type OperationProgressSchema, OperationSchema } from "../../gen/passerelle/v1/operation_pb";
import { show } from "../../testing/render";
import { OperationPanel } from "./OperationPanel";

const call = async (verb: () => Promise<unknown>) => {
  await verb();
};

function panel(kind: OperationKind, progress: MessageInitShape<typeof OperationProgressSchema>) {
  const operation = create(OperationSchema, { id: "op-1", model: "qwen", kind, progress });
  return <OperationPanel operation={operation} busy={false} call={call} />;
}

const DOWNLOADING = {
  phase: "downloading",
  completedBytes: 24_500_000,
  totalBytes: 98_000_000,
  bytesPerSecond: 3_000_000,
  remaining: { seconds: 24n },
  files: [
    { name: "a/poids.gguf", completedBytes: 24_500_000, totalBytes: 97_999_998 },
    { name: "config.json", completedBytes: 2, totalBytes: 2 },
    { name: "vide.txt", completedBytes: 0, totalBytes: 0 },
  ],
};

const bar = () => screen.getByTestId("progress-qwen");
const current = () => [...document.querySelectorAll('[aria-current="step"]')].map((step) => step.textContent);

test("un téléchargement se lit en octets, débit et temps, à l'œil comme à l'oreille", async () => {
  show(panel(OperationKind.DOWNLOAD, DOWNLOADING));
  expect(bar().getAttribute("aria-valuenow")).toBe("25");
  expect(bar().getAttribute("aria-valuetext")).toBe(
    "Téléchargement : copie, 25 %, 23,4 Mio sur 93,5 Mio, 2,9 Mio/s, reste 24 s",
  );
  expect(screen.getByTestId("progress-details-qwen").textContent).toBe(
    "23,4 Mio sur 93,5 Mio · 2,9 Mio/s · reste 24 s",
  );
  expect(current()).toEqual(["copie"]);
  expect(screen.queryAllByTestId("progress-file")).toHaveLength(0);
  fireEvent.click(screen.getByTestId("progress-files-qwen"));
  const files = screen.getAllByTestId("progress-file").map((file) => file.textContent);
  expect(files).toEqual(["a/poids.gguf23,4 Mio sur 93,5 Mio", "config.json2 o sur 2 o", "vide.txt0 o sur 0 o"]);
  const values = ["a/poids.gguf", "config.json", "vide.txt"].map((name) =>
    screen.getByRole("progressbar", { name }).getAttribute("aria-valuenow"),
  );
  expect(values).toEqual(["25", "100", "100"]);
});

test("la même barre va de la copie à la première inférence, sans jamais raccourcir", () => {
  const filled = () =>
    [...bar().querySelectorAll<HTMLElement>("[style]")].map((one) =>
      Number(/scaleX\((.*)\)/.exec(one.style.transform)?.[1]),
    );
  const { rerender } = show(panel(OperationKind.DOWNLOAD, DOWNLOADING));
  const phases = bar().children.length;
  expect(filled().slice(0, 2)).toEqual([1, 0.25]);
  const steps: [OperationKind, string, string][] = [
    [OperationKind.DOWNLOAD, "verifying", "vérification"],
    [OperationKind.LOAD, "spawning", "lancement"],
    [OperationKind.LOAD, "opening", "ouverture du modèle"],
    [OperationKind.LOAD, "warming_up", "première inférence"],
  ];
  let full = 1;
  for (const [kind, phase, label] of steps) {
    rerender(panel(kind, phase === "verifying" ? { ...DOWNLOADING, phase, completedBytes: 98_000_000 } : { phase }));
    expect(bar().children.length).toBe(phases);
    expect(current()).toEqual([label]);
    const done = filled().filter((one) => one === 1).length;
    expect(done).toBe(full + 1);
    full = done;
    expect(bar().getAttribute("aria-valuenow")).toBe(phase === "verifying" ? "100" : null);
  }
});

test("un chargement qui a téléchargé ne montre plus ses octets une fois copiés", () => {
  const loaded = { ...DOWNLOADING, phase: "opening", completedBytes: 98_000_000, remaining: { seconds: 0n } };
  show(panel(OperationKind.LOAD, loaded));
  expect(screen.queryByTestId("progress-details-qwen")).toBeNull();
  expect(screen.queryByTestId("progress-files-qwen")).toBeNull();
  expect(bar().getAttribute("aria-valuetext")).toBe("Chargement : ouverture du modèle");
});

test.each([
  ["loading_weights", "lecture des poids"],
  ["compiling", "compilation"],
  ["capturing_graphs", "graphes CUDA"],
])("l'étape %s du moteur se lit, dans l'ouverture", (phase, label) => {
  show(panel(OperationKind.LOAD, { phase }));
  screen.getByText(`Chargement : ${label}`);
  expect(bar().getAttribute("aria-valuetext")).toBe(`Chargement : ${label}`);
  expect(current()).toEqual(["ouverture du modèle"]);
});

test("annuler se confirme, et dit ce qui reste", async () => {
  const asked: string[] = [];
  show(panel(OperationKind.DOWNLOAD, DOWNLOADING), (router) => {
    router.service(AdminService, {
      cancelOperation: ({ operationId }) => {
        asked.push(operationId);
        return {};
      },
    });
  });
  fireEvent.click(screen.getByTestId("action-cancel-qwen"));
  screen.getByText(/reste sur le disque/);
  fireEvent.click(screen.getByTestId("confirm-keep"));
  await waitFor(() => expect(screen.queryByTestId("confirm")).toBeNull());
  expect(asked).toEqual([]);
  fireEvent.click(screen.getByTestId("action-cancel-qwen"));
  fireEvent.click(screen.getByTestId("confirm-cancel"));
  await waitFor(() => expect(asked).toEqual(["op-1"]));
});

test.each([OperationKind.UNLOAD, OperationKind.WAKE])("l'opération %i va à son terme", (kind) => {
  show(panel(kind, { phase: "draining" }));
  expect(screen.queryByTestId("action-cancel-qwen")).toBeNull();
});
