import { mdiMagnifyMinusOutline, mdiMagnifyPlusOutline, mdiPause, mdiPlay } from "@mdi/js";
import { IconButton, Stack, Tooltip, Typography } from "@mui/material";
import { Icon } from "../../shell/Icon";
import { clock } from "../result/lanes";
import { T } from "../texts";
import type { Player } from "./Player";
import { usePlayer } from "./usePlayer";

interface Props {
  player: Player;
  duration: number;
  zoom: number;
  maxZoom: number;
  onZoom: (zoom: number) => void;
}

/** Lire, mettre en pause, savoir où l'on en est, agrandir. */
export function Controls({ player, duration, zoom, maxZoom, onZoom }: Props) {
  const playing = usePlayer(player, ({ playing }) => playing);
  const failed = usePlayer(player, ({ failed }) => failed);
  const time = usePlayer(player, ({ time }) => clock(time));
  const name = playing ? T.pause : T.play;
  return (
    <Stack direction="row" spacing={1} sx={{ alignItems: "center" }}>
      <IconButton
        onClick={player.toggle}
        disabled={failed}
        aria-label={name}
        data-testid="audio-play"
        sx={{
          bgcolor: "primary.main",
          color: "primary.contrastText",
          "&:hover": { bgcolor: "primary.dark" },
          "&.Mui-disabled": { bgcolor: "action.disabledBackground" },
        }}
      >
        <Icon path={playing ? mdiPause : mdiPlay} />
      </IconButton>
      <Typography sx={{ fontVariantNumeric: "tabular-nums", flexGrow: 1 }} data-testid="audio-time">
        {time}
        <Typography component="span" color="textSecondary">
          {" / "}
          {clock(duration)}
        </Typography>
      </Typography>
      {maxZoom > 1 && (
        <>
          <Tooltip title={T.zoomOut}>
            <span>
              <IconButton disabled={zoom <= 1} onClick={() => onZoom(zoom / 2)} aria-label={T.zoomOut}>
                <Icon path={mdiMagnifyMinusOutline} />
              </IconButton>
            </span>
          </Tooltip>
          <Tooltip title={T.zoomIn}>
            <span>
              <IconButton
                disabled={zoom >= maxZoom}
                onClick={() => onZoom(zoom * 2)}
                aria-label={T.zoomIn}
                data-testid="audio-zoom-in"
              >
                <Icon path={mdiMagnifyPlusOutline} />
              </IconButton>
            </span>
          </Tooltip>
        </>
      )}
    </Stack>
  );
}
