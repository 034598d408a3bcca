// Un essai lit et cherche les textes comme on les tape ; leur composition a le sien, typography.test.ts, sur tous les texts.ts.
import { vi } from "vitest";

vi.mock("../typography", () => ({
  french: (text: string) => text,
  typeset: <Texts>(texts: Texts) => texts,
}));
