import { Box, Link } from "@mui/material";
import { type ComponentProps, memo, useRef } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { MONOSPACE } from "../shell/monospace";
import { CopyButton } from "../snippets/CopyButton";
import { T } from "./texts";

/** Une réponse en Markdown, relue quand elle change seulement. Le HTML y reste du texte, et rien n'y est demandé au réseau. */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return (
    <Box sx={STYLE}>
      <ReactMarkdown remarkPlugins={[remarkGfm]} components={PARTS}>
        {text}
      </ReactMarkdown>
    </Box>
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
  pre: Code,
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

type Node = { type: string; value?: string; children?: Node[] };

function Code({ children, node }: ComponentProps<"pre"> & { node?: Node | undefined }) {
  const shown = useRef<HTMLPreElement>(null);
  return (
    <Box sx={{ position: "relative" }}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: une zone qui défile se parcourt au clavier */}
      <pre ref={shown} tabIndex={0}>
        {children}
      </pre>
      <Box sx={COPY}>
        <CopyButton compact text={textOf(node)} label={T.copyCode} shown={shown} testId="chat-copy-code" />
      </Box>
    </Box>
  );
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
  "& .wide": { overflowX: "auto", my: 1 },
  "& table": { borderCollapse: "collapse" },
  "& th, & td": { border: 1, borderColor: "divider", px: 1, py: 0.5, textAlign: "start" },
} as const;
