import { expect, test } from "vitest";
import { bytes, memory, percent, seconds } from "./format";

test("les tailles se lisent en français", () => {
  expect(bytes(0)).toBe("0 o");
  expect(bytes(999)).toBe("999 o");
  expect(bytes(1500)).toBe("1,5 ko");
  expect(bytes(98_362_432)).toBe("98 Mo");
  expect(bytes(9_960_000)).toBe("10 Mo");
  expect(bytes(999_999)).toBe("1,0 Mo");
});

test("la mémoire se dit en unités binaires, au dixième", () => {
  expect([0, 1023, 1024, 1024 ** 2 - 1, 512 * 1024 ** 2, 62_465_000_000, 1024 ** 3 * 141].map(memory)).toEqual([
    "0 o",
    "1023 o",
    "1,0 Kio",
    "1,0 Mio",
    "512,0 Mio",
    "58,2 Gio",
    "141,0 Gio",
  ]);
});

test("les durées", () => {
  expect(seconds(-1)).toBe("0 s");
  expect(seconds(59.4)).toBe("59 s");
  expect(seconds(61)).toBe("1 min 01 s");
  expect(seconds(3725)).toBe("1 h 02 min");
});

test("une part inconnue n'est pas zéro", () => {
  expect(percent(undefined, 10)).toBeUndefined();
  expect(percent(5, 0)).toBeUndefined();
  expect(percent(5, 10)).toBe(50);
  expect(percent(20, 10)).toBe(100);
});
