// @vitest-environment jsdom
import { act, renderHook } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { navigate, useHashPath, useHashSearch } from "./hashLocation";

afterEach(() => history.replaceState(null, "", "/"));

const place = () => renderHook(() => [useHashPath()[0], useHashSearch()]).result;

test("le chemin et les filtres se lisent après le dièse", () => {
  expect(place().current).toEqual(["/", ""]);
  history.replaceState(null, "", "/#/activite?modele=qwen&etat=echec");
  expect(place().current).toEqual(["/activite", "modele=qwen&etat=echec"]);
});

test("aller ailleurs se voit aussitôt, et rien ne part dans l'adresse que le serveur reçoit", () => {
  const seen = place();
  act(() => navigate("/activite?etat=echec"));
  expect(seen.current).toEqual(["/activite", "etat=echec"]);
  expect([location.pathname, location.search]).toEqual(["/", ""]);
  act(() => navigate("/machine", { replace: true }));
  expect(seen.current).toEqual(["/machine", ""]);
});
