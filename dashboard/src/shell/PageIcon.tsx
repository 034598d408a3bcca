import { Badge } from "@mui/material";
import { useRecent } from "../activity/RecentProvider";
import { Icon } from "./kit";
import { T } from "./texts";

/** Dessin d'une page du menu ; celui d'Activité compte les échecs qu'on n'a pas encore regardés. */
export function PageIcon({ path, icon }: { path: string | undefined; icon: string }) {
  const count = useRecent().unseen.length;
  const drawing = <Icon path={icon} fontSize="small" />;
  if (path !== "/activite" || count === 0) return drawing;
  return (
    <Badge
      badgeContent={count}
      max={9}
      color="error"
      slotProps={{ badge: { "aria-label": T.failures(count), role: "img", ...{ "data-testid": "failures" } } }}
    >
      {drawing}
    </Badge>
  );
}
