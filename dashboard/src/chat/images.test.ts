import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { LimitsSchema } from "../gen/passerelle/v1/limits_pb";
import { readImages, tooMuch } from "./ask";
import { PNG } from "./samples";

const limits = create(LimitsSchema, { chat: { maxImages: 2 }, maxJsonBodyBytes: 1000 });

function file(name: string, type: string) {
  return new File([PNG.data], name, { type });
}

test("les octets restent ceux du fichier, et deux images ne partagent pas un nom", async () => {
  const taken = [{ ...PNG, name: "image.png" }];
  const { images, problems } = await readImages(
    [file("image.png", "image/png"), file("image.png", "image/png")],
    taken,
  );
  expect(images.map(({ name }) => name)).toEqual(["image-2.png", "image-3.png"]);
  expect(images[0]?.data).toEqual(PNG.data);
  expect(problems).toEqual([]);
});

test("un type que le contrat ne prend pas est refusé, le reste passe", async () => {
  const { images, problems } = await readImages([file("a.svg", "image/svg+xml"), file("b.png", "image/png")], []);
  expect(images.map(({ name }) => name)).toEqual(["b.png"]);
  expect(problems[0]).toContain("a.svg");
  expect(problems[0]).toContain("image/svg+xml");
  expect(problems[0]).toContain("image/webp");
});

test("trop d'images, ou trop lourdes, se dit avant l'envoi, limite et valeur nommées", () => {
  const asked = (count: number, size: number) => [
    { role: "user" as const, text: "", images: Array(count).fill({ ...PNG, data: new Uint8Array(size) }) },
  ];
  expect(tooMuch(asked(2, 300), limits)).toBe("");
  expect(tooMuch(asked(3, 1), limits)).toBe("Une requête porte au plus 2 images (ici : 3).");
  expect(tooMuch(asked(2, 600), limits)).toContain("1,0 ko");
  expect(tooMuch(asked(2, 600), limits)).toContain("1,6 ko");
  expect(tooMuch(asked(3, 600), undefined)).toBe("");
});
