import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

// Une machine chargée met parfois plus d'une seconde à rendre une page.
configure({ asyncUtilTimeout: 10_000 });
afterEach(cleanup);
