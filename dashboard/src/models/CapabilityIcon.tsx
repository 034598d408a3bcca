import { SvgIcon } from "@mui/material";
import { Capability } from "../gen/passerelle/v1/admin_pb";

const SHAPES: Record<Capability, string> = {
  [Capability.UNSPECIFIED]: "M6 6h12v12H6z",
  [Capability.CHAT]: "M4 5h16v11H11l-5 4v-4H4z",
  [Capability.TRANSCRIBE]: "M5 10v4 M9 7v10 M13 4v16 M17 8v8 M21 11v2",
  [Capability.DIARIZE]:
    "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6z M2.5 19a5.5 5.5 0 0 1 11 0 M16.5 11a2.5 2.5 0 1 0 0-5 M16.5 14a5 5 0 0 1 5 5",
};

/** Dessin de ce que fait un modèle ; son nom est écrit à côté. */
export function CapabilityIcon({ capability }: { capability: Capability }) {
  return (
    <SvgIcon aria-hidden fontSize="small" color="primary">
      <path
        d={SHAPES[capability]}
        fill="none"
        stroke="currentColor"
        strokeWidth={2}
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </SvgIcon>
  );
}
