import { common, createLowlight } from "lowlight";
import { type ReactNode, useMemo } from "react";
import { PlainCode, type Source, useShown } from "./formatted";

const lowlight = createLowlight(common);

/** Au-delà, colorer se verrait : un tel code reste lisible sans couleurs. */
const LONGEST = 60_000;

/** Du code en couleurs : la bibliothèque rend un arbre, jamais du HTML. Ce qu'elle ne connaît pas reste du texte. */
export function Coloured({ language, code, done }: Source) {
  const shown = useShown(code, done);
  const known = lowlight.registered(language) && code.length <= LONGEST;
  const ready = known ? code.slice(0, shown) : "";
  const tree = useMemo(() => (ready ? lowlight.highlight(language, ready).children : []), [language, ready]);
  if (!known) return <PlainCode code={code} />;
  return (
    <>
      {tree.map(painted)}
      {code.slice(shown)}
    </>
  );
}

type Node = ReturnType<typeof lowlight.highlight>["children"][number];

function painted(node: Node, rank: number): ReactNode {
  if (node.type === "text") return node.value;
  if (node.type !== "element") return null;
  const names = node.properties.className;
  return (
    <span key={rank} className={Array.isArray(names) ? names.join(" ") : undefined}>
      {node.children.map(painted)}
    </span>
  );
}
