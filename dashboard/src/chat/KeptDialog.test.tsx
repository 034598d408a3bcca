import "fake-indexeddb/auto";
import { fireEvent, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { show } from "../testing/render";
import { KeptDialog } from "./KeptDialog";
import { PNG, turn } from "./samples";
import { forgetAll, keep, keeping, keptOnes, MOST, open, read, restart, write } from "./talk";

beforeEach(async () => {
  keep(false);
  restart();
  await forgetAll();
});

test("rien n'est gardé tant que la personne ne le veut pas ; ensuite, ce qu'elle a sous les yeux l'est, images comprises", async () => {
  open("un", [[turn({ question: "Quelle\nimage ?", images: [PNG] })]]);
  show(<KeptDialog onClose={() => {}} />);
  expect(keeping()).toBe(false);
  expect(await keptOnes()).toEqual([]);
  fireEvent.click(screen.getByTestId("chat-keep"));
  expect((await screen.findByTestId("chat-kept-open")).textContent).toContain("Quelle image ?");
  expect(keeping()).toBe(true);
  const [row] = await read("un");
  expect([...(row?.[0]?.images[0]?.data ?? [])]).toEqual([...PNG.data]);
  expect(row?.[0]?.usage?.totalTokens).toBe(31);
});

test("une conversation s'efface, puis toutes", async () => {
  for (const id of ["un", "deux", "trois"]) await write(id, [[turn({ question: id })]]);
  show(<KeptDialog onClose={() => {}} />);
  fireEvent.click(await screen.findByLabelText("Effacer « deux »"));
  await waitFor(async () => expect((await keptOnes()).map(({ id }) => id).sort()).toEqual(["trois", "un"]));
  expect(await read("deux")).toEqual([]);
  fireEvent.click(await screen.findByTestId("chat-forget-all"));
  await waitFor(() => expect(screen.queryAllByTestId("chat-kept-open")).toEqual([]));
  expect(await keptOnes()).toEqual([]);
});

test("les plus anciennes sont effacées : trop nombreuses, ou trop lourdes", async () => {
  for (let rank = 0; rank <= MOST.conversations; rank += 1) await write(`${rank}`, [[turn()]]);
  expect(await keptOnes()).toHaveLength(MOST.conversations);
  const heavy = { ...PNG, data: new Uint8Array(MOST.bytes - 5_000) };
  await write("lourde", [[turn({ images: [heavy] })]]);
  const found = await keptOnes();
  expect(found[0]?.id).toBe("lourde");
  expect(found.length).toBeLessThan(5);
});
