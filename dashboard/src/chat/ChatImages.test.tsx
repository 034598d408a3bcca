import { fireEvent, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { PNG } from "./samples";
import { input, serve } from "./serve";

function png(name: string) {
  return new File([PNG.data], name, { type: PNG.mimeType });
}

const names = () => screen.getAllByTestId("chat-image").map((image) => image.getAttribute("aria-label"));

test("choisie, collée ou déposée, une image part telle quelle", async () => {
  const person = userEvent.setup();
  const { asked } = serve({ features: ["images"] });
  await screen.findByTestId("chat-attach");
  await person.upload(screen.getByTestId("chat-files"), png("a.png"));
  await waitFor(() => expect(names()).toEqual(["Image : a.png"]));
  fireEvent.paste(await input(), { clipboardData: { files: [png("image.png")] } });
  await waitFor(() => expect(names()).toEqual(["Image : a.png", "Image : image.png"]));
  await person.click(screen.getByLabelText("Retirer a.png"));
  fireEvent.drop(await input(), { dataTransfer: { files: [png("image.png")], types: ["Files"] } });
  await waitFor(() => expect(names()).toEqual(["Image : image.png", "Image : image-2.png"]));

  await person.type(await input(), "Que vois-tu ?{Enter}");
  await screen.findByTestId("chat-end");
  const [message] = asked[0]?.request?.messages ?? [];
  expect(message?.content.map(({ part }) => part.case)).toEqual(["text", "image", "image"]);
  expect(message?.content[1]?.part.value).toMatchObject({ mimeType: "image/png", data: PNG.data });
  await person.click(screen.getByTestId("chat-request"));
  expect((await screen.findByTestId("snippet-code")).textContent).toContain("image-2.png");
});

test("lâchée à côté de la conversation, une image la rejoint, au lieu de s'ouvrir à la place de la page", async () => {
  serve({ features: ["images"] });
  await screen.findByTestId("chat-attach");
  // Faux : la page a pris l'événement, que le navigateur ne suivra pas.
  expect(fireEvent.drop(document.body, { dataTransfer: { files: [png("a.png")], types: ["Files"] } })).toBe(false);
  await waitFor(() => expect(names()).toEqual(["Image : a.png"]));
});

test("au-delà de la limite, la page le dit et n'envoie pas", async () => {
  const person = userEvent.setup();
  serve({ features: ["images"] });
  await screen.findByTestId("chat-attach");
  await person.upload(screen.getByTestId("chat-files"), [png("a.png"), png("b.png"), png("c.png")]);
  expect((await screen.findByTestId("chat-trouble")).textContent).toBe("Une requête porte au plus 2 images (ici : 3).");
  expect(screen.getByTestId("chat-send")).toHaveProperty("disabled", true);
});

test("un modèle sans images n'en propose pas, et le dit à qui en colle une", async () => {
  serve({ features: ["stream"] });
  fireEvent.paste(await input(), { clipboardData: { files: [png("a.png")] } });
  expect((await screen.findByTestId("chat-trouble")).textContent).toContain("ne lit pas d'images");
  expect(screen.queryByTestId("chat-attach")).toBeNull();
  expect(screen.queryByTestId("chat-image")).toBeNull();
});
