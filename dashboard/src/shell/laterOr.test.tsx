import { act, render, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { laterOr } from "./later";

const Bold = ({ text }: { text: string }) => <b>{text}</b>;
const Plain = ({ text }: { text: string }) => <span>{text}</span>;

test("un programme absent laisse le texte ; l'affichage suivant le redemande, et tous le prennent", async () => {
  const load = vi.fn(() => Promise.resolve(Bold));
  load.mockRejectedValueOnce(new TypeError("Failed to fetch dynamically imported module"));
  const { view: View } = laterOr(load, Plain);
  const { rerender } = render(<View text="un" />);
  await act(() => Promise.resolve());
  expect(load).toHaveBeenCalledTimes(1);
  expect(screen.getByText("un").tagName).toBe("SPAN");

  rerender(
    <>
      <View text="un" />
      <View text="deux" />
    </>,
  );
  expect((await screen.findByText("deux", { selector: "b" })).tagName).toBe("B");
  expect(screen.getByText("un").tagName).toBe("B");
});

test("lu d'avance, il n'est plus redemandé", async () => {
  const load = vi.fn(() => Promise.resolve(Bold));
  const { view: View, preload } = laterOr(load, Plain);
  preload();
  await Promise.resolve();
  render(<View text="un" />);
  expect(screen.getByText("un").tagName).toBe("B");
  expect(load).toHaveBeenCalledTimes(1);
});
