import type { Limits } from "../gen/passerelle/v1/limits_pb";
import { type Image, imagesOf, type Message } from "./ask";
import { T } from "./texts";

/** Types d'image que le contrat admet. */
export const IMAGE_TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif"];

/** Ce qu'on peut joindre de ces fichiers, et pourquoi le reste ne le peut pas. */
export async function readImages(files: File[], taken: Image[]): Promise<{ images: Image[]; problems: string[] }> {
  const images: Image[] = [];
  const problems: string[] = [];
  for (const file of files) {
    if (!IMAGE_TYPES.includes(file.type)) {
      problems.push(T.images.kind(file.name, file.type, IMAGE_TYPES.join(", ")));
      continue;
    }
    try {
      const data = new Uint8Array(await file.arrayBuffer());
      images.push({ name: unique(file.name, [...taken, ...images]), mimeType: file.type, data });
    } catch {
      problems.push(T.images.unreadable(file.name));
    }
  }
  return { images, problems };
}

/** Ce qui dépasse, dans des messages prêts à partir ; vide si tout tient. */
export function tooMuch(messages: Message[], limits: Limits | undefined): string {
  const images = imagesOf(messages);
  if (!limits?.chat || images.length === 0) return "";
  if (images.length > limits.chat.maxImages) return T.images.count(images.length, limits.chat.maxImages);
  // En base64, trois octets en prennent quatre.
  const size = images.reduce((sum, { data }) => sum + 4 * Math.ceil(data.length / 3), 0);
  return size > limits.maxJsonBodyBytes ? T.images.size(size, limits.maxJsonBodyBytes) : "";
}

/** Une image collée s'appelle toujours `image.png` : deux images ne peuvent pas partager un nom de fichier. */
function unique(name: string, taken: Image[]): string {
  const names = new Set(taken.map((image) => image.name));
  const dot = name.lastIndexOf(".");
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  let found = name;
  for (let rank = 2; names.has(found); rank += 1) found = `${stem}-${rank}${extension}`;
  return found;
}
