// Une machine d'intégration lente ou chargée n'est pas une panne de la page.
import { configure } from "@testing-library/react";

configure({ asyncUtilTimeout: 10_000 });
