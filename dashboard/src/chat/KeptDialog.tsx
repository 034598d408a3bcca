import { mdiDeleteOutline } from "@mdi/js";
import {
  Dialog,
  DialogActions,
  DialogContent,
  DialogTitle,
  FormControlLabel,
  IconButton,
  List,
  ListItem,
  ListItemButton,
  ListItemText,
  Switch,
} from "@mui/material";
import { useCallback, useEffect, useState } from "react";
import { Act, Icon, Note, Told } from "../shell/kit";
import { forget, forgetAll, type Kept, keep, keeping, keepNow, keptOnes, MOST, open, read, useTalk } from "./talk";
import { T } from "./texts";

const when = new Intl.DateTimeFormat("fr-FR", { dateStyle: "medium", timeStyle: "short" });

/** Les conversations gardées dans ce navigateur : le vouloir, en reprendre une, les effacer. */
export function KeptDialog({ onClose }: { onClose: () => void }) {
  const { streaming } = useTalk();
  const [wanted, setWanted] = useState(keeping);
  const [kept, setKept] = useState<Kept[]>([]);
  const [trouble, setTrouble] = useState("");
  const { keptWords: words } = T;
  /** Fait ce qui est demandé, puis relit la liste. */
  const act = useCallback(async (action: () => unknown) => {
    try {
      await action();
      setKept(await keptOnes());
    } catch {
      setTrouble(T.keptWords.refused);
    }
  }, []);
  useEffect(() => void act(() => undefined), [act]);

  function choose(on: boolean) {
    if (!keep(on)) return setTrouble(words.refused);
    setWanted(on);
    if (on) void act(keepNow);
  }

  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="sm" data-testid="chat-kept">
      <DialogTitle>{words.title}</DialogTitle>
      <DialogContent>
        <FormControlLabel
          label={words.keep}
          control={
            <Switch
              checked={wanted}
              onChange={(_event, on) => choose(on)}
              slotProps={{ input: { "data-testid": "chat-keep" } as object }}
            />
          }
        />
        <Note component="p" sx={{ mt: 1 }}>
          {words.help(MOST.conversations, MOST.bytes)}
        </Note>
        <Told severity="warning" sx={{ mt: 2 }} text={trouble} />
        <List aria-label={words.title}>
          {kept.map(({ id, title, at }) => (
            <ListItem
              key={id}
              disablePadding
              secondaryAction={
                <IconButton
                  edge="end"
                  aria-label={words.forget(title)}
                  data-testid="chat-forget"
                  onClick={() => void act(() => forget([id]))}
                >
                  <Icon path={mdiDeleteOutline} />
                </IconButton>
              }
            >
              <ListItemButton
                disabled={streaming}
                data-testid="chat-kept-open"
                onClick={() => void act(async () => open(id, await read(id))).then(onClose)}
              >
                <ListItemText
                  primary={title}
                  secondary={when.format(at)}
                  slotProps={{ primary: { noWrap: true, sx: { pr: 2 } } }}
                />
              </ListItemButton>
            </ListItem>
          ))}
        </List>
      </DialogContent>
      <DialogActions>
        {kept.length > 0 && (
          <Act
            label={words.forgetAll}
            size="medium"
            color="error"
            testId="chat-forget-all"
            onClick={() => void act(forgetAll)}
          />
        )}
        <Act label={words.close} size="medium" onClick={onClose} testId="chat-kept-close" />
      </DialogActions>
    </Dialog>
  );
}
