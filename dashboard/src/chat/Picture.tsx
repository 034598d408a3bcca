import { Box } from "@mui/material";
import { useEffect, useRef } from "react";
import type { Image } from "./ask";
import { T } from "./texts";

const SIDE_PX = 144;

/** Une image, dessinée de ses octets : aucune adresse à ouvrir dans la politique de sécurité. */
export function Picture({ image, side }: { image: Image; side: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let shown = true;
    void draw(image, () => (shown ? canvas.current : null));
    return () => {
      shown = false;
    };
  }, [image]);
  return (
    <Box
      component="canvas"
      ref={canvas}
      role="img"
      aria-label={T.image(image.name)}
      title={image.name}
      width={SIDE_PX}
      height={SIDE_PX}
      data-testid="chat-image"
      sx={{
        width: side,
        height: side,
        borderRadius: "10px",
        border: 1,
        borderColor: "divider",
        bgcolor: "action.hover",
      }}
    />
  );
}

/** Dessine l'image, entière et centrée. */
async function draw({ data, mimeType }: Image, target: () => HTMLCanvasElement | null): Promise<void> {
  try {
    const bitmap = await createImageBitmap(new Blob([data], { type: mimeType }));
    const context = target()?.getContext("2d");
    const scale = Math.min(SIDE_PX / bitmap.width, SIDE_PX / bitmap.height);
    const [width, height] = [bitmap.width * scale, bitmap.height * scale];
    context?.clearRect(0, 0, SIDE_PX, SIDE_PX);
    context?.drawImage(bitmap, (SIDE_PX - width) / 2, (SIDE_PX - height) / 2, width, height);
    bitmap.close();
  } catch {
    // Illisible ici, elle l'est peut-être pour le modèle, qui en jugera : il reste un cadre, et son nom.
  }
}
