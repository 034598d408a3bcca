import { Box, Link } from "@mui/material";
import { Component, type ComponentProps, memo, type ReactNode, useMemo, useRef } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { MONOSPACE } from "../shell/kit";
import { CopyButton } from "../snippets/CopyButton";
import { blocksOf, codeOf, DISPLAYED, formulasAsCode, INLINE, targetsOf, tooHard } from "./blocks";
import { coloured, formula, Plain, type Source, useShown } from "./formatted";
import { T } from "./texts";

/** Une réponse en Markdown, relue par blocs quand ils changent. Le HTML y reste du texte, et rien n'y est demandé au réseau. */
export const Markdown = memo(function Markdown({ text, done }: { text: string; done: boolean }) {
  const blocks = blocksOf(text);
  const targets = targetsOf(text);
  return (
    <Box sx={STYLE}>
      {blocks.map((block, rank) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: un bloc ne change jamais de rang
        <Readable key={rank} text={block}>
          <Block text={block} targets={targets} done={done || rank < blocks.length - 1} />
        </Readable>
      ))}
    </Box>
  );
});

/** Un bloc que sa mise en forme fait échouer (mille citations emboîtées…) reste du texte. */
class Readable extends Component<{ text: string; children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? <Plain text={this.props.text} done /> : this.props.children;
  }
}

const Block = memo(function Block({ text, targets, done }: { text: string; targets: string; done: boolean }) {
  const shown = useShown(text, done);
  const source = useMemo(() => codeOf(text), [text]);
  if (source) return <Code {...source} done={done} />;
  if (tooHard(text)) return <Plain text={text} done />;
  return (
    <>
      <Formatted text={text.slice(0, shown)} targets={text.includes("[") ? targets : ""} />
      {shown < text.length && <Plain text={text.slice(shown)} done={done} />}
    </>
  );
});

const Formatted = memo(function Formatted({ text, targets }: { text: string; targets: string }) {
  return (
    <ReactMarkdown remarkPlugins={[remarkGfm]} components={PARTS}>
      {`${formulasAsCode(text)}\n\n${targets}`}
    </ReactMarkdown>
  );
});

const PARTS: Components = {
  // La page a ses titres : ceux d'une réponse viennent dessous.
  h1: ({ children }) => <h3>{children}</h3>,
  h2: ({ children }) => <h4>{children}</h4>,
  h3: ({ children }) => <h5>{children}</h5>,
  h4: ({ children }) => <h6>{children}</h6>,
  h5: ({ children }) => <h6>{children}</h6>,
  a: ({ href, children }) => <Outside href={href}>{children}</Outside>,
  img: ({ src, alt }) => <Outside href={typeof src === "string" ? src : undefined}>{alt || T.image("")}</Outside>,
  input: ({ checked }) => <span>{checked ? "☑" : "☐"}</span>,
  code: ({ children, node }) => {
    const text = textOf(node);
    const displayed = text.startsWith(DISPLAYED);
    if (!displayed && !text.startsWith(INLINE)) return <code>{children}</code>;
    return <formula.view tex={text.slice(1)} displayed={displayed} />;
  },
  pre: ({ node }) => <Code language={languageOf(node)} code={textOf(node)} done />,
  table: ({ children }) => (
    // Il défile : le clavier doit pouvoir y entrer.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: une zone qui défile se parcourt au clavier
    <section aria-label={T.table} tabIndex={0} className="wide">
      <table>{children}</table>
    </section>
  ),
};

function Outside({ href, children }: ComponentProps<"a">) {
  return (
    <Link href={href} target="_blank" rel="noopener noreferrer">
      {children}
    </Link>
  );
}

function Code({ language, code, done }: Source) {
  const shown = useRef<HTMLPreElement>(null);
  return (
    <Box sx={{ position: "relative" }}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: une zone qui défile se parcourt au clavier */}
      <pre ref={shown} tabIndex={0}>
        <code>{language ? <coloured.view language={language} code={code} done={done} /> : code}</code>
      </pre>
      <Box sx={COPY}>
        <CopyButton compact text={code} label={T.copyCode} shown={shown} testId="chat-copy-code" />
      </Box>
    </Box>
  );
}

type Node = { value?: string; properties?: Record<string, unknown>; children?: Node[] };

/** Le langage que dit un bloc de code, dans une liste ou une citation. */
function languageOf(node: Node | undefined): string {
  const names = node?.children?.[0]?.properties?.className;
  return /language-(\S+)/.exec(String(names ?? ""))?.[1]?.toLowerCase() ?? "";
}

function textOf(node: Node | undefined): string {
  return node?.value ?? (node?.children ?? []).map(textOf).join("");
}

const COPY = {
  position: "absolute",
  top: 4,
  right: 4,
  borderRadius: 1,
  bgcolor: "background.paper",
  opacity: 0.92,
} as const;

// Couleurs du code, lisibles (4,5 pour 1) sur le fond d'une réponse, en clair comme en sombre.

const LIGHT = {
  word: "#7a1fa2",
  text: "#1b6e3c",
  number: "#9a3d00",
  name: "#0b4f9c",
  quiet: "#5b6170",
  gone: "#a31515",
};
const DARK = {
  word: "#d7a8ff",
  text: "#9fdcae",
  number: "#ffb98a",
  name: "#9ccbff",
  quiet: "#aab0c0",
  gone: "#ff9c9c",
};

const names = (list: string) =>
  list
    .split(" ")
    .map((name) => `& .hljs-${name}`)
    .join(", ");

const painted = (colors: typeof LIGHT) => ({
  [names("keyword selector-tag literal section doctag built_in type")]: { color: colors.word },
  [names("string regexp addition symbol char template-tag")]: { color: colors.text },
  [names("number attr attribute variable template-variable bullet link")]: { color: colors.number },
  [names("title name selector-id selector-class property params meta")]: { color: colors.name },
  [names("comment quote")]: { color: colors.quiet, fontStyle: "italic" },
  [names("deletion")]: { color: colors.gone },
});

export const PAINT = {
  ...painted(LIGHT),
  '[data-scheme="dark"] &': painted(DARK),
  "& .hljs-emphasis": { fontStyle: "italic" },
  "& .hljs-strong": { fontWeight: 700 },
};

const STYLE = {
  overflowWrap: "anywhere",
  "& > :first-of-type": { mt: 0 },
  "& > :last-child": { mb: 0 },
  "& p, & ul, & ol, & blockquote": { my: 1 },
  "& ul, & ol": { pl: 3 },
  "& h3, & h4, & h5, & h6": { mt: 2, mb: 0.5, fontSize: "1.05rem", fontWeight: 650 },
  "& h3": { fontSize: "1.2rem" },
  "& blockquote": { ml: 0, pl: 2, borderLeft: 3, borderColor: "divider", color: "text.secondary" },
  "& hr": { border: 0, borderTop: 1, borderColor: "divider", my: 2 },
  "& code": {
    fontFamily: MONOSPACE,
    fontSize: "0.875em",
    bgcolor: "action.hover",
    borderRadius: 1,
    px: 0.5,
  },
  "& pre": { m: 0, my: 1, p: 1.5, pr: 6, borderRadius: 1, overflow: "auto", bgcolor: "action.hover" },
  "& pre code": { bgcolor: "transparent", px: 0, overflowWrap: "normal" },
  ...PAINT,
  "& .wide": { overflowX: "auto", my: 1 },
  "& table": { borderCollapse: "collapse" },
  "& th, & td": { border: 1, borderColor: "divider", px: 1, py: 0.5, textAlign: "start" },
} as const;
