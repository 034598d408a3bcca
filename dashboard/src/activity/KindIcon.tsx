import {
  mdiCogOutline,
  mdiDownloadOutline,
  mdiPlayCircleOutline,
  mdiRestart,
  mdiSleep,
  mdiStopCircleOutline,
  mdiWeatherSunsetUp,
} from "@mdi/js";
import type { SvgIconProps } from "@mui/material";
import { OperationKind } from "../gen/passerelle/v1/operation_pb";
import { Icon } from "../shell/Icon";

const SHAPES: Record<OperationKind, string> = {
  [OperationKind.UNSPECIFIED]: mdiCogOutline,
  [OperationKind.DOWNLOAD]: mdiDownloadOutline,
  [OperationKind.LOAD]: mdiPlayCircleOutline,
  [OperationKind.UNLOAD]: mdiStopCircleOutline,
  [OperationKind.RESTART]: mdiRestart,
  [OperationKind.SLEEP]: mdiSleep,
  [OperationKind.WAKE]: mdiWeatherSunsetUp,
};

/** Dessin d'un genre d'opération ; son nom est écrit à côté. */
export function KindIcon({ kind, ...rest }: { kind: OperationKind } & SvgIconProps) {
  return <Icon path={SHAPES[kind]} {...rest} />;
}
