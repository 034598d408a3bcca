import { memo } from "react";
import { clock, type Passage } from "../result/lanes";
import { T } from "../texts";
import type { Player } from "./Player";
import { Words } from "./Words";

interface Props {
  passage: Passage;
  index: number;
  name: string | undefined;
  color: string;
  current: boolean;
  /** Vrai pour la seule ligne que la tabulation atteint. */
  entry: boolean;
  onEntry: (index: number) => void;
  words: boolean;
  player: Player;
}

/** Un passage : son instant, qui est le bouton, son locuteur et son texte ; la liste porte les styles de toutes ses lignes. */
export const PassageRow = memo(function PassageRow(props: Props) {
  const { passage, index, name, color, current, entry, onEntry, words, player } = props;
  const { start, end, text } = passage;
  return (
    <li
      data-start={start}
      aria-current={current || undefined}
      data-testid="audio-passage"
      style={{ borderLeftColor: color }}
    >
      <button
        type="button"
        tabIndex={entry ? 0 : -1}
        aria-label={T.playFrom(clock(start))}
        onFocus={() => onEntry(index)}
      >
        {clock(start)}
      </button>
      <div>
        {name && <strong>{name}</strong>}
        {text === undefined ? (
          <small>{T.lasting(end - start)}</small>
        ) : words && passage.words?.length ? (
          <Words text={text} words={passage.words} current={current} player={player} />
        ) : (
          text
        )}
      </div>
    </li>
  );
});
