// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";

// Chaque essai relit le module, comme un rechargement de la page.
async function reload() {
  vi.resetModules();
  return import("./accessKey");
}

function refuseStorage() {
  for (const place of ["localStorage", "sessionStorage"] as const) {
    vi.spyOn(window, place, "get").mockImplementation(() => {
      throw new DOMException("The operation is insecure.", "SecurityError");
    });
  }
}

afterEach(() => {
  vi.restoreAllMocks();
  localStorage.clear();
  sessionStorage.clear();
});

test("une clé voyage dans un en-tête, ou se refuse", async () => {
  const { isPortableKey } = await reload();
  expect(isPortableKey("")).toBe(true);
  expect(isPortableKey("sk-1234_ABC.def")).toBe(true);
  expect(isPortableKey("clé")).toBe(false);
  expect(isPortableKey("deux mots")).toBe(false);
  expect(isPortableKey("a\nb")).toBe(false);
});

test("sans autre demande, la clé ne vit que dans cet onglet", async () => {
  (await reload()).setAccessKey("abc");
  expect(localStorage.length).toBe(0);
  const { accessKey, isKeyRemembered } = await reload();
  expect([accessKey(), isKeyRemembered()]).toEqual(["abc", false]);
  sessionStorage.clear();
  expect((await reload()).accessKey()).toBe("");
});

test("une clé retenue sur ce poste se retrouve dans un autre onglet, et s'oublie partout", async () => {
  (await reload()).setAccessKey("abc", true);
  expect(sessionStorage.length).toBe(0);
  const { accessKey, isKeyRemembered, setAccessKey } = await reload();
  expect([accessKey(), isKeyRemembered()]).toEqual(["abc", true]);
  setAccessKey("");
  expect([localStorage.length, sessionStorage.length, accessKey()]).toEqual([0, 0, ""]);
});

test("une mémoire qui se refuse laisse la clé servir jusqu'au rechargement", async () => {
  refuseStorage();
  const { accessKey, isKeyRemembered, onKeyChange, setAccessKey } = await reload();
  const heard = vi.fn();
  const stop = onKeyChange(heard);
  expect(accessKey()).toBe("");
  setAccessKey("abc", true);
  expect([accessKey(), isKeyRemembered(), heard.mock.calls.length]).toEqual(["abc", false, 1]);
  stop();
  setAccessKey("");
  expect(heard).toHaveBeenCalledTimes(1);
  expect((await reload()).accessKey()).toBe("");
});

test("une mémoire qui se refuse se dit", async () => {
  const { canRetain, recall, retain } = await import("./storage");
  expect(canRetain("localStorage")).toBe(true);
  expect(localStorage.length).toBe(0);
  refuseStorage();
  expect([canRetain("localStorage"), retain("sessionStorage", "a", "b"), recall("localStorage", "a")]).toEqual([
    false,
    false,
    "",
  ]);
});
